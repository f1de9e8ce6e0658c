package price_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/pricetest"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// fetch asks the server as the command does, with shorter waits.
func fetch(t *testing.T, s *pricetest.Server, regions ...string) (price.Fetched, error) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_PRICING": s.URL, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	at, err := price.EndpointRegion(regions)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: at, Attempts: 4, Backoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return price.Fetch(t.Context(), pricing.NewFromConfig(cfg), price.Query{Regions: regions, Families: []string{"c5", "m5"}, Now: now})
}

// small is a file with one region to replace and one to keep.
const small = `{
  "schema": 1, "date": "2026-01-31",
  "sources": {"old": {"what": "old", "date": "2026-01-31", "url": "https://example.com/"}, "kept": {"what": "kept", "date": "2026-01-31", "url": "https://example.com/"}},
  "vcpus": {"m5.large": 2, "m5.gone": 2, "t3.small": 2}, "memory_gib": {"m5.large": 8, "m5.gone": 8, "t3.small": 2},
  "regions": {
    "eu-west-1": {"on_demand_hour": {"source": "old", "prices": {"m5.large": 0.1, "m5.gone": 0.2}}, "services": {"source": "old", "prices": {"alb_hour": 0.0252}}},
    "sa-east-1": {"on_demand_hour": {"source": "kept", "prices": {"t3.small": 0.03}}, "services": {"source": "", "prices": {}}}
  },
  "spot_assumption": {"source": "kept", "everywhere": {"low": 0.2, "typical": 0.5, "high": 1}, "regions": {}, "typical": {}}
}`

func decode(t *testing.T, text string) *price.Catalog {
	t.Helper()
	c, err := price.Decode("test.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(t *testing.T, c *price.Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFetchAndMerge reads a region in pages of two and puts it into a file.
func TestFetchAndMerge(t *testing.T) {
	s := pricetest.New(t, 2, append(pricetest.Region("eu-west-1", "EU-", pricetest.USD), pricetest.Region("us-east-1", "", pricetest.USD)...))
	fetched, err := fetch(t, s, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if len(fetched.Skipped) > 0 {
		t.Errorf("skipped %v", fetched.Skipped)
	}
	old := decode(t, small)
	before := encode(t, old)
	merged, changes := old.Merge(fetched)
	if diff := cmp.Diff([]price.Change{
		{Region: "eu-west-1", Name: "c5.large", New: aws.Float64(0.096)},
		{Region: "eu-west-1", Name: "m5.24xlarge", New: aws.Float64(5.136)},
		{Region: "eu-west-1", Name: "m5.gone", Old: aws.Float64(0.2)},
		{Region: "eu-west-1", Name: "m5.large", Old: aws.Float64(0.1), New: aws.Float64(0.107)},
		{Region: "eu-west-1", Name: "alarm_high_resolution_metric_month", New: aws.Float64(0.3)},
		{Region: "eu-west-1", Name: "alarm_metric_month", New: aws.Float64(0.1)},
		{Region: "eu-west-1", Name: "alb_lcu_hour", New: aws.Float64(0.008)},
		{Region: "eu-west-1", Name: "gp3_gb_month", New: aws.Float64(0.088)},
		{Region: "eu-west-1", Name: "metric_month", New: aws.Float64(0.3)},
		{Region: "eu-west-1", Name: "nat_gateway_gb", New: aws.Float64(0.048)},
		{Region: "eu-west-1", Name: "nat_gateway_hour", New: aws.Float64(0.048)},
		{Region: "eu-west-1", Name: "public_ipv4_hour", New: aws.Float64(0.005)},
		{Region: "eu-west-1", Name: "s3_standard_gb_month", New: aws.Float64(0.023)},
	}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got, want := price.Summary(changes), "11 new, 1 gone, 1 changed"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	if encode(t, old) != before {
		t.Error("the old catalog was changed")
	}
	checkMerged(t, decode(t, encode(t, merged)))
}

// TestFetchWithoutRegionCode reads us-east-1, whose usage types have none.
func TestFetchWithoutRegionCode(t *testing.T) {
	s := pricetest.New(t, 100, pricetest.Region("us-east-1", "", pricetest.USD))
	fetched, err := fetch(t, s, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	if len(fetched.Skipped) > 0 {
		t.Errorf("skipped %v", fetched.Skipped)
	}
	merged, _ := decode(t, small).Merge(fetched)
	for _, service := range price.Services() {
		if _, ok := merged.Service("us-east-1", service); !ok {
			t.Errorf("%s has no price", service)
		}
	}
}

func checkMerged(t *testing.T, c *price.Catalog) {
	t.Helper()
	if got, want := c.Date(), "2026-05-01"; got != want {
		t.Errorf("date %s, want %s", got, want)
	}
	if vcpus, _ := c.VCPUs("m5.24xlarge"); vcpus != 96 {
		t.Errorf("m5.24xlarge has %v vCPUs, want 96", vcpus)
	}
	if gib, _ := c.Memory("m5.24xlarge"); gib != 1384 {
		t.Errorf("m5.24xlarge has %v GiB, want 1384", gib)
	}
	if _, ok := c.VCPUs("m5.gone"); ok {
		t.Error("a type without a price anywhere has a size")
	}
	if kept, _ := c.OnDemand("sa-east-1", "t3.small"); kept != 0.03 {
		t.Errorf("the other region's price is %v, want 0.03", kept)
	}
	if source, _ := c.OnDemandSource("eu-west-1"); source.Date != "2026-05-01" || !strings.Contains(source.What, "GetProducts") {
		t.Errorf("source %+v", source)
	}
	if strings.Contains(encode(t, c), `"old"`) {
		t.Error("a source that nothing names is kept")
	}
}

// TestFetchOddProducts has products whose price has to be told apart.
func TestFetchOddProducts(t *testing.T) {
	terms := []pricetest.Term{
		{From: "2020-01-01T00:00:00Z", Currency: "USD", Tiers: map[string]string{"0": "0.3"}},
		{From: "2026-04-01T00:00:00Z", Currency: "USD", Tiers: map[string]string{"0": "0.2"}},
		{From: "2027-01-01T00:00:00Z", Currency: "USD", Tiers: map[string]string{"0": "0.1"}},
	}
	twice := pricetest.Instance("eu-west-1", "m5.twice", "2", "8 GiB", pricetest.USD("0.1"))
	other := pricetest.Instance("eu-west-1", "m5.twice", "2", "8 GiB", pricetest.USD("0.2"))
	s := pricetest.New(t, 100, []pricetest.Product{
		pricetest.Instance("eu-west-1", "m5.terms", "2", "8 GiB", terms...),
		pricetest.Instance("eu-west-1", "m5.none", "2", "8 GiB"),
		pricetest.Instance("eu-west-1", "m5.future", "2", "8 GiB", terms[2]),
		pricetest.Instance("eu-west-1", "m5.free", "2", "8 GiB", pricetest.USD("0.0000000000")),
		pricetest.Instance("eu-west-1", "m5.cny", "2", "8 GiB", pricetest.CNY("0.7")),
		pricetest.Instance("eu-west-1", "m5.words", "2", "8 GiB", pricetest.USD("cheap")),
		pricetest.Instance("eu-west-1", "m5.tier", "2", "8 GiB", pricetest.Term{From: "2020-01-01T00:00:00Z", Currency: "USD", Tiers: map[string]string{"100": "0.1"}}),
		pricetest.Instance("eu-west-1", "m5.memory", "2", "NA", pricetest.USD("0.1")),
		twice, other, twice,
	})
	fetched, err := fetch(t, s, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	merged, _ := decode(t, small).Merge(fetched)
	if diff := cmp.Diff([]string{"m5.terms"}, merged.TypesIn("eu-west-1")); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if got, _ := merged.OnDemand("eu-west-1", "m5.terms"); got != 0.2 {
		t.Errorf("the term in effect costs %v, want 0.2", got)
	}
	var lines []string
	for _, skipped := range fetched.Skipped {
		if strings.Contains(skipped.Name, ".") {
			lines = append(lines, skipped.Name+": "+skipped.Why)
		}
	}
	if diff := cmp.Diff([]string{
		`m5.memory: memory is "NA", want a number of GiB`,
		"m5.twice: the price list has two prices, 0.1 and 0.2",
		"m5.cny: no price in USD (SKU SKU-eu-west-1-m5.cny)",
		"m5.free: price is 0, which is what AWS writes where it charges something else (SKU SKU-eu-west-1-m5.free)",
		"m5.future: no on-demand term is in effect (SKU SKU-eu-west-1-m5.future)",
		"m5.none: no on-demand term is in effect (SKU SKU-eu-west-1-m5.none)",
		"m5.tier: no price of the first unit (SKU SKU-eu-west-1-m5.tier)",
		`m5.words: price is "cheap", want a number (SKU SKU-eu-west-1-m5.words)`,
	}, lines); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if got := len(fetched.Skipped) - len(lines); got != len(price.Services()) {
		t.Errorf("%d services are told to be missing, want all %d", got, len(price.Services()))
	}
}

func TestFetchChina(t *testing.T) {
	s := pricetest.New(t, 100, pricetest.Region("cn-north-1", "CNN1-", pricetest.CNY))
	fetched, err := fetch(t, s, "cn-north-1")
	if err != nil {
		t.Fatal(err)
	}
	merged, _ := decode(t, small).Merge(fetched)
	if got, _ := merged.OnDemand("cn-north-1", "m5.large"); got != 0.107 || price.Currency("cn-north-1") != "CNY" {
		t.Errorf("m5.large costs %v %s, want 0.107 CNY", got, price.Currency("cn-north-1"))
	}
	if _, err := price.EndpointRegion([]string{"cn-north-1", "eu-west-1"}); !errors.As(err, new(check.InputError)) {
		t.Errorf("China with Europe: %v, want an input error", err)
	}
}

// TestFetchOutlastsFaults has each of AWS's passing faults in the middle.
func TestFetchOutlastsFaults(t *testing.T) {
	s := pricetest.New(t, 2, pricetest.Region("eu-west-1", "EU-", pricetest.USD))
	s.Break(1, pricetest.Throttle)
	s.Break(3, pricetest.Cut)
	s.Break(4, pricetest.Throttle)
	fetched, err := fetch(t, s, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	merged, _ := decode(t, small).Merge(fetched)
	if got := merged.TypesIn("eu-west-1"); len(got) != 3 {
		t.Errorf("types %v, want 3", got)
	}
}

// TestFetchFails proves that half an answer is none.
func TestFetchFails(t *testing.T) {
	for name, test := range map[string]struct {
		fault pricetest.Fault
		at    []int
		want  string
	}{
		"denied":         {pricetest.Deny, []int{4}, "AccessDeniedException"},
		"expired":        {pricetest.Expire, []int{2}, "ExpiredNextTokenException"},
		"throttled long": {pricetest.Throttle, []int{2, 3, 4, 5}, "ThrottlingException"},
		"cut long":       {pricetest.Cut, []int{3, 4, 5, 6}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := pricetest.New(t, 2, pricetest.Region("eu-west-1", "EU-", pricetest.USD))
			for _, n := range test.at {
				s.Break(n, test.fault)
			}
			_, err := fetch(t, s, "eu-west-1")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "prices of eu-west-1: ") {
				t.Errorf("got %v, want the region and %s", err, test.want)
			}
		})
	}
	s := pricetest.New(t, 2, nil)
	if _, err := fetch(t, s, "eu-west-9"); !errors.As(err, new(check.InputError)) || !strings.Contains(err.Error(), "is it a region?") {
		t.Errorf("unknown region: %v, want an input error", err)
	}
}
