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
