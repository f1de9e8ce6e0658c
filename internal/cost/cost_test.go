package cost_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/price"
)

// round figures, so that each sum below can be checked by hand.
const priceFile = `{
  "schema": 1, "date": "2026-01-31",
  "sources": {"test": {"what": "made up", "date": "2026-01-31", "url": "https://example.com/"}},
  "vcpus": {"m4.large": 2, "m5.large": 2}, "memory_gib": {"m4.large": 8, "m5.large": 8},
  "regions": {
    "eu-test-1": {
      "on_demand_hour": {"source": "test", "prices": {"m4.large": 0.1, "m5.large": 0.2}},
      "services": {"source": "test", "prices": {
        "alb_hour": 0.02, "alb_lcu_hour": 0.008, "nat_gateway_hour": 0.05, "nat_gateway_gb": 0.04, "gp3_gb_month": 0.1,
        "metric_month": 0.3, "alarm_metric_month": 0.1, "alarm_high_resolution_metric_month": 0.3,
        "s3_standard_gb_month": 0.02, "public_ipv4_hour": 0.005}}
    },
    "eu-bare-1": {"on_demand_hour": {"source": "", "prices": {}}, "services": {"source": "", "prices": {}}}
  },
  "spot_assumption": {
    "source": "test", "everywhere": {"low": 0.2, "typical": 0.5, "high": 1},
    "regions": {}, "typical": {"eu-test-1": {"m5": 0.4}}
  }
}`

func catalog(t *testing.T) *price.Catalog {
	t.Helper()
	c, err := price.Decode("test.json", strings.NewReader(priceFile))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func about(n float64) *float64 { return &n }

// cents compares to a hundredth of a cent.
var cents = cmpopts.EquateApprox(0, 0.0001)

// TestGroup has a pair of groups as tandem makes it. By hand:
//
//	on-demand  m4.large 0.1 an hour, 73 a month: 1, 1, 10 of them: 73, 73, 730
//	spot       m4.large or m5.large, bid 0.25:
//	           low     0.1 × 0.2 = 0.02, 14.6 a month, × 1          = 14.6
//	           typical (0.1 × 0.5 + 0.2 × 0.4) / 2 = 0.065, × 730 × 4 = 189.8
//	           bid     0.25, 182.5 a month, × 20                     = 3650
func TestGroup(t *testing.T) {
	got := cost.New(catalog(t), cost.Input{Region: "eu-test-1", Groups: []cost.Group{
		{Name: "anchor", Min: 1, Max: 10, OnDemandPercent: 100, InstanceTypes: []string{"m4.large"}},
		{Name: "spot", Min: 1, Max: 20, Expected: about(4), InstanceTypes: []string{"m4.large", "m5.large"}, Bid: 0.25},
	}})
	want := []cost.Item{
		{Name: "anchor", What: "instances", Lifecycle: cost.OnDemand, Quantity: cost.Range{Minimum: 1, Expected: 1, Maximum: 10},
			Unit: "m4.large", Month: cost.Range{Minimum: 73, Expected: 73, Maximum: 730}},
		{Name: "spot", What: "instances", Lifecycle: cost.Spot, Quantity: cost.Range{Minimum: 1, Expected: 4, Maximum: 20},
			Unit: "m4.large, m5.large", Month: cost.Range{Minimum: 14.6, Expected: 189.8, Maximum: 3650},
			Note: "spot assumed at 43 % of on-demand, the maximum at the bid of 0.25"},
	}
	if diff := cmp.Diff(want, got.Items, cents); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(cost.Range{Minimum: 87.6, Expected: 262.8, Maximum: 4380}, got.Total, cents); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
	if got.Currency != "USD" || got.PriceDate != "2026-01-31" {
		t.Errorf("currency %s of %s", got.Currency, got.PriceDate)
	}
}

// TestMix splits groups between the lifecycles: base 2 and 25 % above it.
func TestMix(t *testing.T) {
	for name, test := range map[string]struct {
		group          cost.Group
		onDemand, spot cost.Range
	}{
		"below the base": {cost.Group{Min: 1, Max: 2, OnDemandBase: 2, OnDemandPercent: 25},
			cost.Range{Minimum: 1, Expected: 1, Maximum: 2}, cost.Range{}},
		// 10 - 2 = 8 above, 2 of them on-demand; 11: 9 × 0.25 = 2.25, rounded up to 3.
		"rounds up": {cost.Group{Min: 10, Max: 11, OnDemandBase: 2, OnDemandPercent: 25},
			cost.Range{Minimum: 4, Expected: 4, Maximum: 5}, cost.Range{Minimum: 6, Expected: 6, Maximum: 6}},
		// An average is not rounded: 2 + 0.5 × 0.25.
		"average": {cost.Group{Min: 2, Expected: about(2.5), Max: 2, OnDemandBase: 2, OnDemandPercent: 25},
			cost.Range{Minimum: 2, Expected: 2.125, Maximum: 2}, cost.Range{Expected: 0.375}},
		"empty": {cost.Group{}, cost.Range{}, cost.Range{}},
	} {
		t.Run(name, func(t *testing.T) {
			test.group.InstanceTypes = []string{"m4.large"}
			quantities := map[string]cost.Range{}
			for _, item := range cost.New(catalog(t), cost.Input{Region: "eu-test-1", Groups: []cost.Group{test.group}}).Items {
				quantities[item.Lifecycle] = item.Quantity
			}
			if diff := cmp.Diff([]cost.Range{test.onDemand, test.spot}, []cost.Range{quantities[cost.OnDemand], quantities[cost.Spot]}, cents); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBidBounds proves that nothing above the bid is reckoned with, and that
// without one the maximum is on-demand.
func TestBidBounds(t *testing.T) {
	for _, test := range []struct {
		bid  float64
		want cost.Range
	}{
		{0, cost.Range{Minimum: 14.6, Expected: 36.5, Maximum: 73}},
		{0.01, cost.Range{Minimum: 7.3, Expected: 7.3, Maximum: 7.3}},
		{0.03, cost.Range{Minimum: 14.6, Expected: 21.9, Maximum: 21.9}},
	} {
		got := cost.New(catalog(t), cost.Input{Region: "eu-test-1", Groups: []cost.Group{
			{Name: "spot", Min: 1, Max: 1, InstanceTypes: []string{"m4.large"}, Bid: test.bid},
		}})
		if diff := cmp.Diff(test.want, got.Total, cents); diff != "" {
			t.Errorf("bid %v (-want +got):\n%s", test.bid, diff)
		}
	}
}

// TestServices by hand, a month each:
//
//	monitoring  7 × 0.3 = 2.1 an instance: 2.1, 4.2, 6.3
//	addresses   0.005 × 730 = 3.65: of instances 3.65, 7.3, 10.95; of the balancer 2 × 3.65; of the gateway 3.65
//	volumes     8 GB × 0.1 = 0.8 an instance: 0.8, 1.6, 2.4; the one by itself 10
//	balancer    0.02 × 730 = 14.6
//	gateway     0.05 × 730 = 36.5
//	alarms      (1 + 3) × 0.1 = 0.4; high resolution 0.3
func TestServices(t *testing.T) {
	got := cost.New(catalog(t), cost.Input{
		Region: "eu-test-1",
		Groups: []cost.Group{{Name: "web", Min: 1, Expected: about(2), Max: 3, OnDemandPercent: 100, InstanceTypes: []string{"m4.large"},
			DetailedMonitoring: true, PublicAddress: true, Volumes: []cost.Volume{{GB: 8}}}},
		LoadBalancers: []cost.LoadBalancer{{Name: "alb", Addresses: 2}},
		NATGateways:   []string{"nat"},
		Addresses:     []string{"eip"},
		Alarms:        []cost.Alarm{{Name: "high"}, {Name: "math", Metrics: 3}, {Name: "fast", HighResolution: true}},
		Volumes:       []cost.Volume{{Name: "data", Type: "gp3", GB: 100, IOPS: 3000, Throughput: 125}},
		Buckets:       []string{"builds"},
	})
	type line struct {
		Name, What string
		Month      cost.Range
	}
	same := func(n float64) cost.Range { return cost.Range{Minimum: n, Expected: n, Maximum: n} }
	want := []line{
		{"web", "instances", cost.Range{Minimum: 73, Expected: 146, Maximum: 219}},
		{"web", "detailed monitoring", cost.Range{Minimum: 2.1, Expected: 4.2, Maximum: 6.3}},
		{"web", "public IPv4 addresses", cost.Range{Minimum: 3.65, Expected: 7.3, Maximum: 10.95}},
		{"web", "gp3 volumes", cost.Range{Minimum: 0.8, Expected: 1.6, Maximum: 2.4}},
		{"alb", "load balancer", same(14.6)},
		{"alb", "public IPv4 addresses", same(7.3)},
		{"nat", "NAT gateways", same(36.5)},
		{"eip", "public IPv4 addresses", same(3.65)},
		{"high, math", "alarms", same(0.4)},
		{"fast", "high-resolution alarms", same(0.3)},
		{"data", "gp3 volumes", same(10)},
	}
	var lines []line
	for _, item := range got.Items {
		lines = append(lines, line{item.Name, item.What, item.Month})
	}
	if diff := cmp.Diff(want, lines, cents); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(cost.Range{Minimum: 152.3, Expected: 231.85, Maximum: 311.4}, got.Total, cents); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
	unknown := []cost.Unknown{
		{Name: "alb", What: "load balancer capacity units", Why: "they depend on the load; 0.008 USD a unit and hour"},
		{Name: "nat", What: "data through NAT gateways", Why: "it depends on the traffic; 0.04 USD a GB"},
		{Name: "builds", What: "S3 storage and requests", Why: "nobody has said how much is stored; 0.02 USD a GB and month"},
		{What: "data transfer", Why: "it depends on the traffic: to the internet and between availability zones"},
	}
	if diff := cmp.Diff(unknown, got.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

// TestUnknown proves that what has no price is told, not guessed.
func TestUnknown(t *testing.T) {
	got := cost.New(catalog(t), cost.Input{
		Region: "eu-bare-1",
		Groups: []cost.Group{
			{Name: "web", Min: 1, Max: 2, OnDemandPercent: 100, InstanceTypes: []string{"m4.large"}, DetailedMonitoring: true,
				Volumes: []cost.Volume{{}, {Type: "io2", GB: 8}}},
			{Name: "odd", Min: 1, Max: 1},
		},
		LoadBalancers: []cost.LoadBalancer{{Name: "alb", Addresses: 2}},
	})
	if len(got.Items) > 0 || got.Total != (cost.Range{}) {
		t.Errorf("items %v, total %v, want none", got.Items, got.Total)
	}
	var lines []string
	for _, u := range got.Unknown {
		lines = append(lines, u.Name+" "+u.What+": "+u.Why)
	}
	const update = "the price file of 2026-01-31 has no %s in eu-bare-1: tandem price update --region eu-bare-1"
	want := []string{
		"web instances: " + strings.Replace(update, "%s", "price of m4.large", 1),
		"web detailed monitoring: " + strings.Replace(update, "%s", "metric_month", 1),
		"web gp3 volumes: the size is not known: it is that of the image",
		"web io2 volumes: the price file has gp3 only",
		"odd instances: nobody has said of which type they are",
		"alb load balancer: " + strings.Replace(update, "%s", "alb_hour", 1),
		"alb public IPv4 addresses: " + strings.Replace(update, "%s", "public_ipv4_hour", 1),
		"alb load balancer capacity units: they depend on the load",
		" data transfer: it depends on the traffic: to the internet and between availability zones",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBuiltIn prices tandem's own example by the file that is built in: one
// on-demand m4.large in ap-southeast-1 is 0.125 × 730.
func TestBuiltIn(t *testing.T) {
	built, err := price.Default()
	if err != nil {
		t.Fatal(err)
	}
	got := cost.New(built, cost.Input{Region: "ap-southeast-1", Groups: []cost.Group{
		{Name: "anchor", Min: 1, Max: 1, OnDemandPercent: 100, InstanceTypes: []string{"m4.large"}},
	}})
	if math.Abs(got.Total.Expected-91.25) > 0.0001 {
		t.Errorf("one m4.large is %v a month, want 91.25", got.Total.Expected)
	}
}
