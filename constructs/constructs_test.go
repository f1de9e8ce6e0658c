// Package constructs_test synthesizes every construct on its own, with
// defaults and with everything set, in one process: starting the jsii kernel
// is what costs time.
package constructs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/constructs/delivery"
	"github.com/tandem-iac/tandem/constructs/logging"
	"github.com/tandem-iac/tandem/constructs/monitoring"
	"github.com/tandem-iac/tandem/constructs/network"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/internal/fastsynth"
	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/spec"
)

func TestMain(m *testing.M) {
	fastsynth.Prepare(os.Stderr)
	code := m.Run()
	fastsynth.Close()
	os.Exit(code)
}

// minimal is the smallest environment that is valid.
func minimal() spec.Environment {
	return spec.Environment{
		Name:           "prod",
		Region:         "ap-southeast-1",
		OnDemandPrices: map[string]float64{"m4.large": 0.125},
		Clusters: map[string]spec.Cluster{
			"web": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/web"},
		},
	}
}

// everything sets all that the description knows, away from its default.
func everything() spec.Environment {
	no, to, warmup, copies := false, 75.0, spec.Duration(60*time.Second), 2
	group := func(threshold float64) spec.Group {
		return spec.Group{
			Min: 2, Max: 30,
			Warmup:      spec.Duration(90 * time.Second),
			GracePeriod: spec.Duration(10 * time.Minute),
			ScaleOut: spec.ScaleOut{
				Sustained: spec.StepPolicy{
					Threshold: threshold, Period: spec.Duration(10 * time.Minute), EvaluationPeriods: 2, MinimumAdd: 2, Warmup: &warmup,
					Steps: []spec.Step{{From: threshold, To: &to, Add: 15}, {From: to, Add: 25}},
				},
				Spike: spec.StepPolicy{
					Threshold: threshold + 20, Period: spec.Duration(5 * time.Minute), EvaluationPeriods: 1, Unit: spec.UnitInstances,
					Steps: []spec.Step{{From: threshold + 20, Add: 3}},
				},
			},
			ScaleIn: spec.ScaleIn{
				Threshold: 20, Period: spec.Duration(5 * time.Minute), EvaluationPeriods: 4,
				Unit: spec.UnitInstances, Remove: 1, Cooldown: spec.Duration(10 * time.Minute),
			},
		}
	}
	return spec.Environment{
		Name:           "stage",
		Region:         "eu-central-2",
		Account:        "123456789012",
		Tags:           map[string]string{"Owner": "platform"},
		OnDemandPrices: map[string]float64{"m6g.large": 0.1, "m7g.large": 0.11},
		Network: spec.Network{
			CIDR:              "10.1.0.0/20",
			AvailabilityZones: []string{"eu-central-2a", "eu-central-2c"},
			PublicSubnets:     []string{"10.1.0.0/26", "10.1.0.64/26"},
			PrivateSubnets:    []string{"10.1.4.0/22", "10.1.8.0/22"},
			NAT:               spec.NATSingle,
		},
		Delivery: spec.Delivery{BuildBucket: "stage-builds", AccessLogBucket: "stage-logs", AccessLogDays: 7, NoncurrentDays: 3,
			Packages: &spec.Packages{Bucket: "stage-packages", Writers: []string{"arn:aws:iam::123456789012:role/ci/packages", "arn:aws:iam::123456789012:role/ops"}}},
		Clusters: map[string]spec.Cluster{"obelix": {
			Service: "obelix-api", Playbook: "web-playbook",
			CertificateARN: "arn:aws:acm:eu-central-2:123456789012:certificate/obelix",
			LoadBalancer: spec.LoadBalancer{
				HTTP: spec.HTTPForward, SSLPolicy: "ELBSecurityPolicy-TLS13-1-3-2021-06",
				IdleTimeout: spec.Duration(120 * time.Second), DeletionProtection: &no, AccessLogs: &no,
			},
			TargetGroup: spec.TargetGroup{
				DeregistrationDelay: spec.Duration(30 * time.Second), SlowStart: spec.Duration(45 * time.Second),
				HealthCheck: spec.HealthCheck{
					Path: "/up", Matcher: "200-204", Interval: spec.Duration(20 * time.Second), Timeout: spec.Duration(10 * time.Second),
					Healthy: 3, Unhealthy: 4,
				},
			},
			Instance: spec.Instance{
				AMI:        spec.AMI{Filter: &spec.AMIFilter{Owner: "self", Name: "obelix-base-*"}},
				Monitoring: spec.MonitoringBasic, VolumeGiB: 50, RootDevice: "/dev/sda1", MetadataHops: 2,
			},
			Bootstrap: spec.Bootstrap{SetupKey: "setup/mine.sh", SetupSHA256: strings.Repeat("ab", 32), Preamble: preamble},
			Drain: spec.Drain{
				PollInterval: spec.Duration(2 * time.Second), APICalls: spec.Duration(5 * time.Second), Hooks: spec.Duration(30 * time.Second),
				Flush: spec.Duration(15 * time.Second), Heartbeat: spec.Duration(100 * time.Second), Prelaunch: true,
			},
			Refresh:  spec.RefreshRolling,
			OnDemand: spec.OnDemand{InstanceType: "m6g.large", Group: group(60)},
			Spot:     spec.Spot{InstanceTypes: []string{"m6g.large", "m7g.large"}, MaxPrice: 0.2, Group: group(45)},
		}},
		Logging: &spec.Logging{
			Topic: "stage-logs", QueueMiB: 2048,
			Kafka: spec.Kafka{
				Version: "3.7.x.kraft", InstanceType: "kafka.m7g.large", BrokersPerZone: 2, VolumeGiB: 500, Partitions: 30,
				Retention: spec.Duration(48 * time.Hour),
			},
			Index: spec.Index{
				Prefix: "stage", RetentionDays: 30, Shards: 2, Replicas: &copies, Version: "OpenSearch_2.17", InstanceType: "r7g.large.search",
				Nodes: 6, VolumeGiB: 200, DedicatedMasters: true, MasterType: "m7g.large.search",
			},
			Indexer: spec.Indexer{
				InstanceType: "c7g.large", Refresh: spec.RefreshRolling, Group: group(45),
				Instance:  spec.Instance{AMI: spec.AMI{ID: "ami-0123456789abcdef0"}, Monitoring: spec.MonitoringBasic, VolumeGiB: 30},
				Bootstrap: spec.Bootstrap{SetupKey: "setup/mine.sh", SetupSHA256: strings.Repeat("ab", 32)},
			},
			Alarms: spec.LoggingAlarms{Lag: spec.Duration(3 * time.Hour), BrokerDiskPercent: 80, FreeStoragePercent: 20},
		},
		Monitoring: spec.Monitoring{
			Page: []spec.Subscription{
				{Protocol: "https", Endpoint: "https://events.example.com/alarms?key=1"},
				{Protocol: "sms", Endpoint: "+6598765432"},
			},
			Notify: []spec.Subscription{
				{Protocol: "email", Endpoint: "team@example.com"},
				{Protocol: "email", Endpoint: "lead@example.com"},
				{Protocol: "email-json", Endpoint: "team@example.com"},
				{Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-central-2:123456789012:alarms"},
				{Protocol: "lambda", Endpoint: "arn:aws:lambda:eu-central-2:123456789012:function:chat"},
			},
			Alarms: spec.Alarms{
				NoHealthyHost: spec.NoHealthyHost{For: spec.Duration(5 * time.Minute)},
				Errors:        spec.ErrorRatio{Percent: 0.5, Window: spec.Duration(10 * time.Minute), MinimumRequests: 1000},
				RescueFailed:  spec.SeverityNotify, OnDemandAtMax: spec.SeverityNone,
				OutOfStep: spec.OutOfStep{For: spec.Duration(time.Hour), OnDemand: spec.SeverityNotify, Spot: spec.SeverityNone},
			},
			Dashboards: &no,
		},
		Review: spec.Review{Disable: []spec.DisabledRule{{Rule: "access-logs-off", Address: "*", Reason: "kept elsewhere"}}, Load: "seed-day"},
	}
}

// preamble is shell with all that Terraform could take for its own.
const preamble = `export proxy="${PROXY:-http://proxy:3128}" # %{ a comment } \ $${x}
printf '%s\n' "$proxy"`

// parts splits a construct's resources into goldens that can be read.
type parts map[string][]string

var clusterParts = parts{
	"firewall":         {"aws_security_group", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"},
	"load-balancer":    {"aws_lb", "aws_lb_listener", "aws_lb_target_group"},
	"role":             {"aws_iam_role", "aws_iam_role_policy", "aws_iam_instance_profile"},
	"launch-templates": {"aws_launch_template", "aws_ssm_parameter", "aws_ami", "aws_caller_identity", "all"},
	"groups":           {"aws_autoscaling_group", "aws_autoscaling_lifecycle_hook"},
}

var loggingParts = parts{
	"firewall":        clusterParts["firewall"],
	"kafka":           {"aws_msk_cluster", "aws_msk_configuration", "aws_msk_single_scram_secret_association", "aws_msk_broker_nodes", "aws_cloudwatch_log_group"},
	"secrets":         {"aws_kms_key", "aws_kms_alias", "aws_secretsmanager_secret", "aws_secretsmanager_secret_version", "aws_secretsmanager_secret_policy", "aws_secretsmanager_random_password"},
	"index":           {"aws_opensearch_domain"},
	"role":            clusterParts["role"],
	"launch-template": clusterParts["launch-templates"],
	"group":           clusterParts["groups"],
	"alarms":          {"aws_cloudwatch_metric_alarm"},
}

// existingLoggingParts are what is left beside Kafka and an index that exist.
var existingLoggingParts = parts{
	"firewall":        loggingParts["firewall"],
	"role":            loggingParts["role"],
	"launch-template": loggingParts["launch-template"],
	"group":           loggingParts["group"],
	"alarms":          loggingParts["alarms"],
}

var monitoringParts = parts{
	"topics":     {"aws_kms_key", "aws_kms_alias", "aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription", "aws_caller_identity"},
	"alarms":     {"aws_cloudwatch_metric_alarm"},
	"composites": {"aws_cloudwatch_composite_alarm"},
}

// elsewhere are types that have goldens of their own: scaling's, and those of
// dashboards.
var elsewhere = []string{"aws_autoscaling_policy", "aws_cloudwatch_metric_alarm", "aws_cloudwatch_dashboard"}

func TestConstructs(t *testing.T) {
	for _, test := range []struct {
		name  string
		parts parts
		build func(stack cdktf.TerraformStack) error
	}{
		{"network/defaults", nil, func(s cdktf.TerraformStack) error {
			_, err := network.New(s, "network", networkOf(minimal()))
			return err
		}},
		{"network/everything", nil, func(s cdktf.TerraformStack) error {
			_, err := network.New(s, "network", networkOf(everything()))
			return err
		}},
		{"delivery/defaults", nil, func(s cdktf.TerraformStack) error {
			_, err := delivery.New(s, "delivery", deliveryOf(minimal()))
			return err
		}},
		{"delivery/everything", nil, func(s cdktf.TerraformStack) error {
			_, err := delivery.New(s, "delivery", deliveryOf(everything()))
			return err
		}},
		{"scaling/defaults", nil, func(s cdktf.TerraformStack) error {
			_, err := scaling.New(s, "scaling", scaling.Config{Group: "web-spot", Name: "web-spot"})
			return err
		}},
		{"scaling/everything", nil, func(s cdktf.TerraformStack) error {
			rules := everything().Clusters["obelix"].Spot.Group
			_, err := scaling.New(s, "scaling", scaling.Config{Group: "g", Name: "obelix-spot", Rules: rules, Monitoring: spec.MonitoringBasic})
			return err
		}},
		{"scaling/rescue", nil, func(s cdktf.TerraformStack) error {
			_, err := scaling.NewRescue(s, "rescue", scaling.RescueConfig{
				Group: "web-on-demand", Name: "prod-web", Environment: "prod", Cluster: "web",
				AlarmActions: []string{"arn:aws:sns:eu-west-1:123456789012:alarms"},
			})
			return err
		}},
		{"logging/defaults", loggingParts, newLogging(loggingOf(minimal(), 2))},
		{"logging/everything", loggingParts, newLogging(loggingOf(everything(), 4))},
		{"logging/existing", existingLoggingParts, newLogging(loggingOf(existingLogging(), 2))},
		{"cluster/defaults", clusterParts, newCluster(minimal(), "web")},
		{"cluster/everything", clusterParts, newCluster(everything(), "obelix")},
		{"monitoring/defaults", parts{"alarms": monitoringParts["alarms"], "account": {"aws_caller_identity"}}, newMonitoring(monitoring.Config{Environment: minimal(), Clusters: madeClusters("web")})},
		{"monitoring/everything", monitoringParts, newMonitoring(monitoring.Config{
			Environment: everything(), Clusters: madeClusters("obelix"),
			Parts: []monitoring.Part{{Name: "logging", Page: []scaling.AlarmName{"stage-logging-lag"}, Notify: []scaling.AlarmName{"stage-logging-rejected", "stage-logging-disk"}}},
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := cdktf.NewTerraformStack(cdktf.Testing_App(nil), jsii.String("stack"))
			if err := test.build(stack); err != nil {
				t.Fatal(err)
			}
			synthesized := parse(t, *cdktf.Testing_Synth(stack, nil))
			file := filepath.Join("testdata", test.name+".json")
			if test.parts == nil {
				golden.JSON(t, file, synthesized)
				return
			}
			for part, types := range test.parts {
				golden.JSON(t, filepath.Join("testdata", test.name, part+".json"), pick(synthesized, types))
			}
			pick(synthesized, elsewhere)
			if len(synthesized["resource"]) > 0 || len(synthesized["data"]) > 0 {
				t.Errorf("in no golden: %v", synthesized)
			}
		})
	}
}

func networkOf(env spec.Environment) network.Config {
	return network.Config{Name: env.Name, Region: env.Region, Network: env.Network}
}

func deliveryOf(env spec.Environment) delivery.Config {
	return delivery.Config{Name: env.Name, Region: env.Region, Account: env.Account, Delivery: env.Delivery, S3Endpoint: "vpce-1"}
}

// loggingOf builds logging in so many zones.
func loggingOf(env spec.Environment, zones int) logging.Config {
	cfg := logging.Config{
		Environment: env.Name, Region: env.Region, Account: env.Account, Tags: env.Tags,
		Network: network.Network{
			VPC: "vpc-1", Key: "vpc-1",
			PrivateSubnets: []network.SubnetID{"subnet-3", "subnet-4", "subnet-5", "subnet-6"}[:zones],
		},
		Delivery: delivery.Delivery{Builds: delivery.Bucket{Name: "builds", ARN: "arn:aws:s3:::builds"}},
	}
	if env.Logging != nil {
		cfg.Logging = *env.Logging
		cfg.AlarmActions = []string{"arn:aws:sns:" + env.Region + ":123456789012:alarms"}
	}
	return cfg
}

func newLogging(cfg logging.Config) func(cdktf.TerraformStack) error {
	return func(stack cdktf.TerraformStack) error {
		_, err := logging.New(stack, "logging", cfg)
		return err
	}
}

// existingLogging has brokers that ask for a password and an index that asks
// for none and that nothing is known of but its endpoint.
func existingLogging() spec.Environment {
	env := minimal()
	env.Logging = &spec.Logging{
		Kafka: spec.Kafka{Existing: &spec.ExistingKafka{
			Brokers: []string{"kafka-1.example.com:9094", "kafka-2.example.com:9094"}, Security: spec.LogSCRAM, CAFile: "/etc/pki/kafka.pem",
			SecretARN:     "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:kafka-AbCdEf",
			SecretKeyARN:  "arn:aws:kms:ap-southeast-1:123456789012:key/1",
			SecurityGroup: "sg-0123456789abcdef0",
		}},
		Index: spec.Index{Existing: &spec.ExistingIndex{URL: "http://search.example.com:9200"}},
	}
	return env
}

func existingNetwork() spec.Environment {
	env := minimal()
	env.Network.Existing = &spec.ExistingNetwork{
		VPC:            "vpc-0123456789abcdef0",
		PublicSubnets:  []string{"subnet-00000000000000001", "subnet-00000000000000002"},
		PrivateSubnets: []string{"subnet-00000000000000003", "subnet-00000000000000004"},
		S3Endpoint:     "vpce-0123456789abcdef0",
	}
	return env
}

// newCluster builds a cluster in a network and with buckets that exist.
func newCluster(env spec.Environment, name string) func(cdktf.TerraformStack) error {
	var packages *delivery.PackageBucket
	if env.Delivery.Packages != nil {
		packages = &delivery.PackageBucket{URL: "https://packages.s3.eu-central-2.amazonaws.com"}
	}
	return func(stack cdktf.TerraformStack) error {
		_, err := cluster.New(stack, "cluster", cluster.Config{
			Environment: env,
			Name:        name,
			Network: network.Network{
				VPC: "vpc-1", Key: "vpc-1",
				PublicSubnets:  []network.SubnetID{"subnet-1", "subnet-2"},
				PrivateSubnets: []network.SubnetID{"subnet-3", "subnet-4"},
			},
			Delivery: delivery.Delivery{
				Builds:     delivery.Bucket{Name: "builds", ARN: "arn:aws:s3:::builds"},
				AccessLogs: delivery.Bucket{Name: "logs", ARN: "arn:aws:s3:::logs"},
				Packages:   packages,
			},
		})
		return err
	}
}

// madeClusters are clusters that exist.
func madeClusters(names ...string) map[string]cluster.Cluster {
	made := map[string]cluster.Cluster{}
	for _, name := range names {
		made[name] = cluster.Cluster{
			LoadBalancerDimension: "app/" + name + "/0123456789abcdef",
			TargetGroupDimension:  "targetgroup/" + name + "/fedcba9876543210",
			RescueFailed:          scaling.AlarmName(name + "-rescue-failed"),
			RescueAtMax:           scaling.AlarmName(name + "-rescue-at-max"),
		}
	}
	return made
}

func newMonitoring(cfg monitoring.Config) func(cdktf.TerraformStack) error {
	return func(stack cdktf.TerraformStack) error {
		_, err := monitoring.New(stack, "monitoring", cfg)
		return err
	}
}

// document is synthesized Terraform: resource or data, then type, then name.
type document map[string]map[string]any

// parse drops what is not the construct's.
func parse(t *testing.T, text string) document {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	doc := document{}
	for _, section := range []string{"resource", "data"} {
		if byType, ok := strip(raw[section]).(map[string]any); ok {
			doc[section] = byType
		}
	}
	if locals, ok := raw["locals"]; ok {
		doc["locals"] = map[string]any{"all": locals}
	}
	return doc
}

// strip removes cdktf's comments.
func strip(value any) any {
	switch v := value.(type) {
	case map[string]any:
		delete(v, "//")
		for key := range v {
			v[key] = strip(v[key])
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return value
}

// pick moves the given types out of doc.
func pick(doc document, types []string) document {
	picked := document{}
	for section, byType := range doc {
		for _, name := range types {
			if block, ok := byType[name]; ok {
				if picked[section] == nil {
					picked[section] = map[string]any{}
				}
				picked[section][name] = block
				delete(byType, name)
			}
		}
	}
	return picked
}

// TestExistingNetwork passes what exists through and adds nothing.
func TestExistingNetwork(t *testing.T) {
	stack := cdktf.NewTerraformStack(cdktf.Testing_App(nil), jsii.String("stack"))
	got, err := network.New(stack, "network", networkOf(existingNetwork()))
	if err != nil {
		t.Fatal(err)
	}
	want := network.Network{
		VPC: "vpc-0123456789abcdef0", Key: "vpc-0123456789abcdef0",
		PublicSubnets:  []network.SubnetID{"subnet-00000000000000001", "subnet-00000000000000002"},
		PrivateSubnets: []network.SubnetID{"subnet-00000000000000003", "subnet-00000000000000004"},
		S3Endpoint:     "vpce-0123456789abcdef0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := len(*stack.Node().Children()); n > 0 {
		t.Errorf("%d children were added", n)
	}
}

func TestInvalidConfigsAddNothing(t *testing.T) {
	cheap := minimal()
	web := cheap.Clusters["web"]
	web.Spot.MaxPrice = 0.09
	cheap.Clusters["web"] = web
	crowded := minimal()
	crowded.Name = "Prod"
	crowded.Network.PublicSubnets = []string{"10.0.0.0/24"}
	crowded.Delivery.AccessLogDays = -1
	loud := minimal()
	loud.Monitoring.Alarms.RescueFailed = "loud"
	const low = "clusters.web.spot.max_price is 0.09, want above the on-demand price of m4.large, 0.125 by on_demand_prices"
	for _, test := range []struct {
		name  string
		build func(stack cdktf.TerraformStack) error
		want  []string
	}{
		{"network", func(s cdktf.TerraformStack) error {
			_, err := network.New(s, "network", networkOf(crowded))
			return err
		}, []string{"environment is \"Prod\"", "network.public_subnets is a list of 1"}},
		{"delivery", func(s cdktf.TerraformStack) error {
			_, err := delivery.New(s, "delivery", deliveryOf(crowded))
			return err
		}, []string{"environment is \"Prod\"", "delivery.access_log_days is -1"}},
		{"packages without an endpoint", func(s cdktf.TerraformStack) error {
			cfg := deliveryOf(everything())
			cfg.S3Endpoint = ""
			_, err := delivery.New(s, "delivery", cfg)
			return err
		}, []string{"s3_endpoint is unset"}},
		{"cluster", newCluster(cheap, "web"), []string{low}},
		{"unknown cluster", newCluster(minimal(), "wbe"), []string{"name is wbe, want a cluster of the environment"}},
		{"logging", newLogging(logging.Config{Environment: "Prod", Region: "eu-west-1", Logging: spec.Logging{Kafka: spec.Kafka{Partitions: 2}}}),
			[]string{"environment is \"Prod\"", "network is unset", "delivery is unset", "logging.indexer.max is 4, want at most kafka.partitions, which is 2"}},
		{"scaling", func(s cdktf.TerraformStack) error {
			rules := spec.Group{Min: 3, Max: 2, ScaleIn: spec.ScaleIn{Threshold: 48}}
			_, err := scaling.New(s, "scaling", scaling.Config{Rules: rules})
			return err
		}, []string{"group is unset", "name is unset", "rules.min is 3, want at most", "rules.scale_in.threshold is 48, want at most 40"}},
		{"rescue", func(s cdktf.TerraformStack) error {
			_, err := scaling.NewRescue(s, "rescue", scaling.RescueConfig{})
			return err
		}, []string{"group is unset"}},
		{"monitoring", newMonitoring(monitoring.Config{
			Environment: loud, Clusters: map[string]cluster.Cluster{"wbe": {}}, Parts: []monitoring.Part{{Name: "wbe"}, {}},
		}), []string{
			"monitoring.alarms.rescue_failed is \"loud\"",
			"clusters.web is unset, want what the cluster construct has made",
			"clusters.wbe is wbe, want a cluster of the environment",
			"clusters.wbe is unset, want its load balancer, target group and alarms",
			"parts[0].name is wbe, want a name that no cluster has",
			"parts[1].name is unset, want a name that no cluster has",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := cdktf.NewTerraformStack(cdktf.Testing_App(nil), jsii.String("stack"))
			err := test.build(stack)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if n := len(*stack.Node().Children()); n > 0 {
				t.Errorf("%d children were added", n)
			}
		})
	}
}
