package spec

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/golden"
)

// mustParse returns the smallest file with an addition.
func mustParse(t *testing.T, addition string) Environment {
	t.Helper()
	env, err := Parse("tandem.yaml", []byte(smallest+addition))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestDefaults holds what the smallest file stands for, and that writing it
// all out means the same.
func TestDefaults(t *testing.T) {
	env := mustParse(t, "")
	text, err := yaml.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/defaults.yaml", text)

	again, err := Parse("defaults.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(env, again); diff != "" {
		t.Errorf("written out, it differs (-short +long):\n%s", diff)
	}
	if err := validateSchema(compileSchema(t), string(text)); err != nil {
		t.Error(err)
	}
}

// TestDefaultsFollow holds the defaults that depend on other fields.
func TestDefaultsFollow(t *testing.T) {
	web := func(addition string) Cluster { return mustParse(t, addition).Clusters["web"] }
	basic := web("    instance: {monitoring: basic}\n")
	instances := web("    spot: {scale_out: {sustained: {unit: instances}, spike: {unit: instances}}, scale_in: {unit: instances}}\n").Spot
	high := web("    spot: {scale_out: {sustained: {threshold: 80}, spike: {threshold: 90}}}\n    on_demand: {scale_out: {sustained: {threshold: 100}}}\n")
	arm := goBuilt()
	arm.Clusters = map[string]Cluster{"web": {OnDemand: OnDemand{InstanceType: "m6g.large"}}}
	shipping := *mustParse(t, "logging: {}\nnetwork: {availability_zones: [ap-southeast-1a, ap-southeast-1b, ap-southeast-1c]}\n").Logging
	stated := goBuilt()
	stated.OnDemandPrices = map[string]float64{"m5.large": 0.5}
	stated.Clusters = map[string]Cluster{"web": {OnDemand: OnDemand{InstanceType: "m5.large"}}}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"bid", web("").Spot.MaxPrice, 0.15},
		// m5a.xlarge is 0.216 by the price file: × 1.2 = 0.2592.
		{"bid by the price file", web("    spot: {instance_types: [m4.large, m5a.xlarge]}\n").Spot.MaxPrice, 0.2592},
		// 0.5 is stated, whatever the file says of m5.large.
		{"bid by a stated price", stated.WithDefaults().Clusters["web"].Spot.MaxPrice, 0.6},
		{"indexers", [2]int{shipping.Indexer.Min, shipping.Indexer.Max}, [2]int{2, 4}},
		{"indexers above the default", mustParse(t, "logging: {indexer: {min: 6}}\n").Logging.Indexer.Max, 6},
		{"indexers on ARM", mustParse(t, "logging: {indexer: {instance_type: c7g.large}}\n").Logging.Indexer.Instance.AMI.SSMParameter, amiARM},
		{"data nodes", shipping.Index.Nodes, 3},
		{"shards", shipping.Index.Shards, 3},
		{"replicas", *shipping.Index.Replicas, 1},
		{"replicas of one node", *mustParse(t, "logging: {index: {nodes: 1}}\n").Logging.Index.Replicas, 0},
		{"brokers", shipping.Kafka.Brokers(5), 3},
		{"zones of four nodes", (&Index{Nodes: 4}).Zones(5), 2},
		{"no topics for nobody", *mustParse(t, "").Monitoring.Topics, false},
		{"topics for somebody", *mustParse(t, "monitoring: {notify: [{protocol: email, endpoint: team@example.com}]}\n").Monitoring.Topics, true},
		{"max above min", web("    spot: {min: 20}\n").Spot.Max, 20},
		{"playbook", web("    service: shop\n").Playbook, "shop-playbook"},
		{"image for ARM", arm.WithDefaults().Clusters["web"].Instance.AMI.SSMParameter, amiARM},
		{"spike of basic monitoring", basic.Spot.ScaleOut.Spike.Period, Duration(5 * time.Minute)},
		{"scale-in of basic monitoring", basic.OnDemand.ScaleIn.Period, Duration(5 * time.Minute)},
		{"remove in instances", instances.ScaleIn.Remove, 1},
		{"minimum in instances", instances.ScaleOut.Sustained.MinimumAdd, 0},
		{"steps in instances", instances.ScaleOut.Sustained.Steps, []Step{{50, new(65.0), 1}, {65, new(80.0), 2}, {80, nil, 3}}},
		{"spike in instances", instances.ScaleOut.Spike.Steps, []Step{{85, nil, 3}}},
		{"steps of a high threshold", high.Spot.ScaleOut.Sustained.Steps, []Step{{80, new(95.0), 10}, {95, nil, 20}}},
		{"steps of the highest threshold", high.OnDemand.ScaleOut.Sustained.Steps, []Step{{100, nil, 10}}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// goBuilt is an environment that comes from no file.
func goBuilt() Environment {
	return Environment{
		Name:           "prod",
		Region:         "ap-southeast-1",
		OnDemandPrices: map[string]float64{"m4.large": 0.125},
		Clusters: map[string]Cluster{"web": {
			CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/1",
		}},
	}
}

// everythingSet has every pointer, list and map that defaults could write to.
const everythingSet = `    load_balancer: {deletion_protection: false, access_logs: false}
    instance: {ami: {filter: {owner: self, name: web-*}}}
    spot:
      instance_types: [m4.large]
      scale_out:
        sustained:
          warmup: 0s
          steps: [{from: 50, to: 60, add: 1}, {from: 60, add: 2}]
tags: {Owner: web}
monitoring:
  page: [{protocol: https, endpoint: "https://events.example.com/alarms"}]
  notify: [{protocol: email, endpoint: team@example.com}]
  dashboards: false
review: {disable: [{rule: access-logs-off, address: "*", reason: kept elsewhere}]}
logging:
  kafka: {existing: {brokers: ["kafka-1.example.com:9094"]}}
  index: {replicas: 1, existing: {url: "https://search.example.com"}}
state: {s3: {bucket: example-terraform-state}}
delivery: {packages: {writers: ["arn:aws:iam::123456789012:role/ci"]}}
network:
  availability_zones: [ap-southeast-1a, ap-southeast-1b]
  public_subnets: [10.0.0.0/24, 10.0.1.0/24]
  private_subnets: [10.0.16.0/20, 10.0.32.0/20]
`

// existingNetwork is a network of the other kind.
const existingNetwork = `network:
  existing:
    vpc_id: vpc-0123456789abcdef0
    public_subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
    private_subnet_ids: [subnet-0123456789abcdef2, subnet-0123456789abcdef3]
`

// TestWithDefaults proves that defaults are filled in once and into a copy.
func TestWithDefaults(t *testing.T) {
	for name, env := range map[string]Environment{
		"nothing":    {},
		"smallest":   goBuilt(),
		"everything": mustParse(t, everythingSet),
		"existing":   mustParse(t, existingNetwork),
	} {
		before, err := yaml.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		once := env.WithDefaults()
		if diff := cmp.Diff(once, once.WithDefaults()); diff != "" {
			t.Errorf("%s: defaults twice (-once +twice):\n%s", name, diff)
		}
		after, err := yaml.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Errorf("%s: the receiver has changed (-before +after):\n%s", name, diff)
		}
	}
	env := goBuilt()
	full := env.WithDefaults()
	if full.Clusters["web"].Service != "web" || env.Clusters["web"].Service != "" {
		t.Error("defaults went into the receiver's map of clusters")
	}
}

// TestValidateGo reports faults of an environment that was built in Go by
// path alone, and those that a file cannot have.
func TestValidateGo(t *testing.T) {
	if err := goBuilt().WithDefaults().Validate(); err != nil {
		t.Fatal(err)
	}
	env := goBuilt()
	env.Network.AvailabilityZones = []string{"ap-southeast-1a", ""}
	env.OnDemandPrices["m5.large"] = math.NaN()
	web := env.Clusters["web"]
	web.Spot.MaxPrice = math.NaN()
	web.Spot.Warmup = Duration(1500 * time.Millisecond)
	web.OnDemand.Min = -1
	web.Bootstrap.Preamble = strings.Repeat("#", maxPreamble+1)
	env.Clusters["web"] = web
	got := env.WithDefaults().Validate()
	want := strings.Join([]string{
		`clusters.web.bootstrap.preamble is 12289 bytes, want at most 12288, so that user data stays within 16 KiB`,
		`clusters.web.on_demand.min is -1, want 1..1000`,
		`clusters.web.spot.max_price is NaN, want 0.0001..1000`,
		`clusters.web.spot.warmup is 1.5s, not whole seconds, want 1s..3600s`,
		`network.availability_zones[1] is "", want an availability zone such as ap-southeast-1a`,
		`on_demand_prices.m5.large is NaN, want 0.0001..1000`,
	}, "\n")
	if diff := cmp.Diff(want, got.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var fault *check.FieldError
	if !errors.As(got, &fault) || fault.Line != 0 || fault.File != "" {
		t.Errorf("%+v has a place", fault)
	}
}

// TestValidateGoOnce tells of a broken value once, and not of its relations.
func TestValidateGoOnce(t *testing.T) {
	env := goBuilt()
	env.Region = "it's"
	web := env.Clusters["web"]
	web.Spot.Min, web.Spot.Max = 2, -5
	web.Spot.ScaleOut.Sustained.Threshold = math.NaN()
	web.Drain.APICalls = Duration(time.Hour)
	env.Clusters["web"] = web
	got := env.WithDefaults().Validate()
	want := strings.Join([]string{
		`clusters.web.drain.api_calls is 1h, want 1s..60s`,
		`clusters.web.spot.max is -5, want 1..1000`,
		`clusters.web.spot.scale_out.sustained.threshold is NaN, want 1..100`,
		`region is "it's", want a region such as ap-southeast-1`,
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParts holds the parts of an environment that can be used without one: as
// they are by default, and what is told of those that break a rule.
func TestParts(t *testing.T) {
	subnet := func(i int) string { return fmt.Sprintf("subnet-0123456789abcde%02x", i) }
	for _, c := range []struct {
		name string
		got  error
		want string
	}{
		{"network", Network{}.WithDefaults("eu-west-1").Validate("eu-west-1"), ""},
		{"network of a region without defaults", Network{AvailabilityZones: []string{"us-west-1a", "us-west-1c"}}.WithDefaults("us-west-1").Validate("us-west-1"), ""},
		{"network rules", Network{NAT: "none", CIDR: "10.0.0.0/20"}.WithDefaults("us-west-1").Validate("us-west-1"),
			`network.availability_zones is unset, want the zones of your account in us-west-1, where many lack one, such as [us-west-1a, us-west-1c]
network.cidr is "10.0.0.0/20", want a prefix of /16 to /19, or public_subnets and private_subnets beside it
network.nat is "none", want one of per_az, single`},
		{"network of a broken region", Network{}.WithDefaults("it's").Validate("it's"), ""},
		{"existing network", Network{Existing: &ExistingNetwork{
			VPC: "vpc-0123456789abcdef0", PublicSubnets: []string{subnet(0), subnet(1)}, PrivateSubnets: []string{subnet(1), subnet(2)},
		}}.WithDefaults("us-west-1").Validate("us-west-1"),
			`network.existing.private_subnet_ids[0] is "subnet-0123456789abcde01", want another subnet than network.existing.public_subnet_ids[1]`},
		{"delivery", Delivery{}.WithDefaults().Validate(), ""},
		{"delivery rules", Delivery{BuildBucket: "builds", AccessLogBucket: "builds", AccessLogDays: -1}.WithDefaults().Validate(),
			`delivery.access_log_bucket is "builds", want another bucket than build_bucket
delivery.access_log_days is -1, want 1..3650`},
		{"logging", Logging{}.WithDefaults(2).Validate("eu-west-1", "", 2), ""},
		{"logging of three zones", Logging{Index: Index{Nodes: 6}}.WithDefaults(3).Validate("eu-west-1", "", 3), ""},
		{"logging of four zones", Logging{}.WithDefaults(4).Validate("eu-west-1", "", 4), ""},
		{"logging on one node", Logging{Index: Index{Nodes: 1}}.WithDefaults(2).Validate("eu-west-1", "", 2), ""},
		{"logging rules", Logging{Topic: "/", Index: Index{Nodes: 3}}.WithDefaults(2).Validate("eu-west-1", "", 2),
			`logging.index.nodes is 3, want 1, or a multiple of 2, so that zones have as many each
logging.topic is "/", want ` + formats["topic"].want},
		{"monitoring", Monitoring{}.WithDefaults().Validate(), ""},
		{"monitoring for subscribers from elsewhere", Monitoring{Topics: new(true)}.WithDefaults().Validate(), ""},
		{"monitoring rules", Monitoring{
			Page:   []Subscription{{Protocol: "sms", Endpoint: "911"}},
			Alarms: Alarms{RescueFailed: "loud", OutOfStep: OutOfStep{For: Duration(time.Minute)}},
		}.WithDefaults().Validate(),
			`monitoring.alarms.out_of_step.for is 1m, want 300s..86400s
monitoring.alarms.rescue_failed is "loud", want one of page, notify, none
monitoring.page[0].endpoint is "911", want a phone number such as +6598765432, because protocol is sms`},
		{"identity", ValidateIdentity("prod", "eu-west-1"), ""},
		{"identity rules", ValidateIdentity("internal-1", ""),
			`environment is "internal-1", want ` + formats["environment"].want + `
region is unset, want a region such as ap-southeast-1`},
	} {
		got := ""
		if c.got != nil {
			got = c.got.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestStateOfTwoRegions keeps the states of one name in two regions apart.
func TestStateOfTwoRegions(t *testing.T) {
	seen := map[string]string{}
	for _, region := range []string{"eu-west-1", "eu-central-1"} {
		env := goBuilt()
		env.Region = region
		local := env.WithDefaults().State.Local
		env.State.S3 = &S3State{Bucket: "example", Region: "eu-west-1"}
		for _, place := range []string{local, env.WithDefaults().State.S3.Prefix} {
			if other := seen[place]; other != "" {
				t.Errorf("%s is the state of %s and of %s", place, other, region)
			}
			seen[place] = region
		}
	}
	if seen[DefaultLocalState("eu-west-1")] == "" || seen["tandem/eu-west-1/"] == "" {
		t.Errorf("unexpected places: %v", seen)
	}
}

// TestDuration holds what durations read and write.
func TestDuration(t *testing.T) {
	for text, want := range map[string]string{"0s": "0s", "90s": "90s", "120s": "2m", "1h30m": "90m", "1h": "1h", "3601s": "3601s"} {
		if d, ok := ParseDuration(text); !ok || d.String() != want {
			t.Errorf("%s is read as %s, %t, want %s", text, d, ok, want)
		}
	}
	for _, text := range []string{"", "5", "-1s", "1.5s", "500ms", "1d", "5m 1s", "9999999999h"} {
		if d, ok := ParseDuration(text); ok {
			t.Errorf("%q is read as %s", text, d)
		}
	}
}

// TestGroup holds a group that is used without an environment around it.
func TestGroup(t *testing.T) {
	for _, monitoring := range []string{MonitoringDetailed, MonitoringBasic} {
		if err := (Group{}).WithSpotDefaults(monitoring).Validate("rules", monitoring); err != nil {
			t.Errorf("%s monitoring: %v", monitoring, err)
		}
	}
	err := Group{Min: 5, Max: 4, Warmup: -1}.WithSpotDefaults(MonitoringDetailed).Validate("rules", MonitoringBasic)
	want := strings.Join([]string{
		"rules.min is 5, want at most max, which is 4",
		"rules.scale_in.period is 1m, want a multiple of 5m, as often as basic monitoring publishes, or instance.monitoring detailed",
		"rules.scale_out.spike.period is 1m, want a multiple of 5m, as often as basic monitoring publishes, or instance.monitoring detailed",
		"rules.warmup is -1ns, not whole seconds, want 1s..3600s",
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
