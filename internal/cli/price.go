package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/price"
)

// priceQuery is what the user asks of the price file.
type priceQuery struct {
	region string
	// file is the price file. Empty: the one that is built in.
	file string
	// bid is in the region's currency an hour. Nil: there is none to compare.
	bid *float64
}

func newPriceCommand(a *app) *cobra.Command {
	var q priceQuery
	var bid float64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "price TYPE...",
		Short: "Look up what instances cost, and compare a bid",
		Long: `Look up what an hour and a month (730 hours) of instance types cost on-demand,
and what spot is assumed to cost, by the price file that is built in. The
region is --region, or that of tandem.yaml, or AWS_REGION.`,
		Example: `  tandem price m4.large
  tandem price m4.large m5.large --region eu-west-1 --bid 0.13
  tandem price update --dry-run`,
		Args:              atLeastOne("TYPE"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("bid") {
				if !(bid > 0) {
					return inputError{err: fmt.Errorf("--bid is %v, want above 0", bid)}
				}
				q.bid = &bid
			}
			return a.price(cmd.Context(), q, args, asJSON)
		},
	}
	cmd.Flags().StringVar(&q.region, "region", "", "AWS `region`")
	cmd.Flags().StringVar(&q.file, "prices", "", "price `file` to read (default the one that is built in)")
	cmd.Flags().Float64Var(&bid, "bid", 0, "`price` of an hour of spot to compare")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newPriceUpdateCommand(a))
	return cmd
}

// quote is what one instance type costs.
type quote struct {
	Type      string  `json:"type"`
	Region    string  `json:"region"`
	Currency  string  `json:"currency"`
	VCPUs     float64 `json:"vcpus"`
	MemoryGiB float64 `json:"memory_gib"`
	Hour      float64 `json:"hour"`
	Month     float64 `json:"month"`
	// SpotHour is assumed, no price of AWS.
	SpotHour price.Share `json:"spot_hour_assumed"`
	Bid      *bidQuote   `json:"bid,omitempty"`
	// Date and Source are where the on-demand price is from.
	Date   string `json:"date"`
	Source string `json:"source"`
}

type bidQuote struct {
	Hour float64 `json:"hour"`
	// AboveOnDemand is what tandem wants of a bid.
	AboveOnDemand bool `json:"above_on_demand"`
	// Percent of the on-demand price.
	Percent float64 `json:"percent_of_on_demand"`
}

func (a *app) price(ctx context.Context, q priceQuery, types []string, asJSON bool) error {
	catalog, err := loadPrices(q.file)
	if err != nil {
		return err
	}
	if q.region == "" {
		if q.region, err = a.priceRegion(ctx); err != nil {
			return err
		}
	}
	quotes, err := q.quotes(catalog, types)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, quotes)
	}
	a.printQuotes(q, catalog, quotes)
	return nil
}

func loadPrices(file string) (*price.Catalog, error) {
	if file == "" {
		return price.Default()
	}
	return price.Load(file)
}

// priceRegion is the region of tandem.yaml, where there is one, or that of the
// AWS tools.
func (a *app) priceRegion(ctx context.Context) (string, error) {
	file := fileArg(nil)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		env, err := a.load(ctx, file)
		if errors.As(err, new(check.Errors)) && env.Region != "" {
			err = nil // a bid that is wrong is what prices are looked up for
		}
		return env.Region, err
	}
	if region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); region != "" {
		return region, nil
	}
	return "", inputError{err: fmt.Errorf("no region: name one with --region, as there is no %s and AWS_REGION is not set", file)}
}

// quotes tells every type without a price at once.
func (q priceQuery) quotes(catalog *price.Catalog, types []string) ([]quote, error) {
	if len(catalog.TypesIn(q.region)) == 0 {
		return nil, inputError{err: fmt.Errorf("the price file of %s has nothing of region %q: %s", catalog.Date(), q.region, check.Suggest(q.region, catalog.Regions()))}
	}
	var quotes []quote
	var faults []error
	for _, t := range types {
		found, err := q.quote(catalog, t)
		quotes, faults = append(quotes, found), append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, inputError{err: err}
	}
	return quotes, nil
}

func (q priceQuery) quote(catalog *price.Catalog, instanceType string) (quote, error) {
	hour, ok := catalog.OnDemand(q.region, instanceType)
	if !ok {
		hint := ""
		if near := catalog.Nearest(q.region, instanceType); near != "" {
			hint = ", did you mean " + near + "?"
		}
		return quote{}, fmt.Errorf("the price file of %s has no %s in %s%s", catalog.Date(), strconv.Quote(instanceType), q.region, hint)
	}
	found := quote{Type: instanceType, Region: q.region, Currency: price.Currency(q.region), Hour: hour, Month: hour * price.HoursPerMonth}
	found.VCPUs, _ = catalog.VCPUs(instanceType) // a file whose types have no size is refused
	found.MemoryGiB, _ = catalog.Memory(instanceType)
	found.SpotHour.Low, found.SpotHour.Typical, found.SpotHour.High, _ = catalog.Spot(q.region, instanceType)
	source, _ := catalog.OnDemandSource(q.region)
	found.Date, found.Source = source.Date, source.URL
	if q.bid != nil {
		found.Bid = &bidQuote{*q.bid, *q.bid > hour, 100 * *q.bid / hour}
	}
	return found, nil
}

func (a *app) printQuotes(q priceQuery, catalog *price.Catalog, quotes []quote) {
	currency := price.Currency(q.region)
	header := []string{"type", "vcpu", "gib", currency + " per hour", "per month", "spot per hour"}
	if q.bid != nil {
		header = append(header, "bid")
	}
	var rows [][]any
	for _, f := range quotes {
		row := []any{f.Type, f.VCPUs, f.MemoryGiB, f.Hour, fmt.Sprintf("%.2f", f.Month),
			fmt.Sprintf("%s (%s to %s)", hourly(f.SpotHour.Typical), hourly(f.SpotHour.Low), hourly(f.SpotHour.High))}
		if f.Bid != nil {
			row = append(row, f.Bid.String())
		}
		rows = append(rows, row)
	}
	printFitted(a.stdout, a.width(), header, rows)
	source, _ := catalog.OnDemandSource(q.region) // every quote has one
	fmt.Fprintf(a.stdout, "\nLinux on-demand in %s on %s: %s\n%s\nspot is assumed, not asked: %s\n",
		q.region, source.Date, source.What, source.URL, catalog.SpotSource().What)
}

// hourly prints a price of an hour without the digits that assumptions have.
func hourly(amount float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", amount), "0"), ".")
}

func (b bidQuote) String() string {
	switch {
	case b.AboveOnDemand:
		return fmt.Sprintf("%v: %.0f %% of on-demand, above it", b.Hour, b.Percent)
	default:
		return fmt.Sprintf("%v: %.0f %% of on-demand, not above it: instances are lost over the price", b.Hour, b.Percent)
	}
}
