package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/price"
)

// builtInPrices is the file that a build takes in, from the checkout's root.
const builtInPrices = "internal/price/prices.json"

// priceUpdate is what the user asks update for.
type priceUpdate struct {
	output            string
	regions, families []string
	dryRun, asJSON    bool
}

func newPriceUpdateCommand(a *app) *cobra.Command {
	var u priceUpdate
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Write the price file anew from the AWS Price List",
		Long: `Ask the AWS Price List for the prices of the regions and write the price file
anew, in one step: it is as it was if anything fails. What differs is shown.
The file that is built in is ` + builtInPrices + `; build tandem
after an update. Regions that are not asked for stay as they are.

It needs AWS credentials that may call pricing:GetProducts, and costs nothing.`,
		Example: `  tandem price update --dry-run
  tandem price update --region eu-west-2,eu-north-1 --family m8g
  tandem price update --output prices.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.updatePrices(cmd.Context(), u)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&u.output, "output", builtInPrices, "`file` to write")
	flags.StringSliceVar(&u.regions, "region", nil, "`REGIONS` to ask for, with commas between (default those that the file has)")
	flags.StringSliceVar(&u.families, "family", nil, "`FAMILIES` of instances, such as m8g, besides those that the file has")
	flags.BoolVar(&u.dryRun, "dry-run", false, "show what differs and write nothing")
	flags.BoolVar(&u.asJSON, "json", false, "print JSON")
	return cmd
}

// priceReport is what an update found, in JSON.
type priceReport struct {
	File    string          `json:"file"`
	Written bool            `json:"written"`
	Date    string          `json:"date"`
	Changes []price.Change  `json:"changes"`
	Skipped []price.Skipped `json:"skipped"`
}

func (a *app) updatePrices(ctx context.Context, u priceUpdate) error {
	old, err := u.old()
	if err != nil {
		return err
	}
	if len(u.regions) == 0 {
		u.regions = old.Regions()
	}
	at, err := price.EndpointRegion(u.regions)
	if err != nil {
		return err
	}
	cfg, err := awsclient.Connect(ctx, awsclient.Config{Region: at})
	if err != nil {
		return err
	}
	fetched, err := price.Fetch(ctx, pricing.NewFromConfig(cfg), price.Query{
		Regions:  distinct(u.regions),
		Families: distinct(append(old.Families(), u.families...)),
		Now:      time.Now(),
	})
	if err != nil {
		return err
	}
	fresh, changes := old.Merge(fetched)
	if !u.dryRun {
		if err := u.write(fresh); err != nil {
			return err
		}
	}
	report := priceReport{u.output, !u.dryRun, fresh.Date(), append([]price.Change{}, changes...), append([]price.Skipped{}, fetched.Skipped...)}
	if u.asJSON {
		return printJSON(a.stdout, report)
	}
	a.printPriceReport(report)
	return nil
}

// old is the file that is to be written anew, or the one that is built in
// where there is none yet.
func (u priceUpdate) old() (*price.Catalog, error) {
	if info, err := os.Stat(filepath.Dir(u.output)); err != nil || !info.IsDir() {
		return nil, inputError{err: fmt.Errorf("no directory %s: run this in a checkout of tandem, or name a file with --output", filepath.Dir(u.output))}
	}
	old, err := price.Load(u.output)
	if errors.Is(err, fs.ErrNotExist) {
		return price.Default()
	}
	return old, err
}

func (u priceUpdate) write(catalog *price.Catalog) error {
	var data bytes.Buffer
	if err := catalog.Encode(&data); err != nil {
		return err
	}
	// Never a file that the next reader refuses.
	if _, err := price.Decode(u.output, bytes.NewReader(data.Bytes())); err != nil {
		return fmt.Errorf("the price list makes no valid file: %v", err) //nolint:errorlint // no fault of the user's input
	}
	return writeFile(u.output, data.Bytes())
}

func (a *app) printPriceReport(r priceReport) {
	var rows [][]any
	for _, c := range r.Changes {
		rows = append(rows, []any{c.Region, c.Name, amount(c.Old), amount(c.New), percent(c)})
	}
	if len(rows) > 0 {
		printTable(a.stdout, []string{"REGION", "NAME", "OLD", "NEW", "CHANGE"}, rows)
		fmt.Fprintln(a.stdout)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(a.stdout, "left out: %s in %s: %s\n", s.Name, s.Region, s.Why)
	}
	state := "written"
	if !r.Written {
		state = "not written, as this is a dry run"
	}
	fmt.Fprintf(a.stdout, "%s: %s, prices of %s, %s\n", r.File, price.Summary(r.Changes), r.Date, state)
}

func amount(value *float64) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

func percent(c price.Change) string {
	switch {
	case c.Old == nil:
		return "new"
	case c.New == nil:
		return "gone"
	}
	return fmt.Sprintf("%+.1f %%", 100*(*c.New / *c.Old - 1))
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
