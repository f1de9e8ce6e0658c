package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/tfgraph"
)

// shippingOut is where an environment whose machines ship their logs has been
// synthesized.
var shippingOut = synthesized(filepath.Join("testdata", "logging.yaml"))

func TestLoggingSnapshots(t *testing.T) {
	all := stacksOf(t, shippingOut)
	if names, want := slices.Sorted(maps.Keys(all)), []string{"stage-delivery", "stage-logging", "stage-monitoring", "stage-network", "stage-web"}; !slices.Equal(names, want) {
		t.Errorf("got stacks %v, want %v", names, want)
	}
	compareSnapshots(t, shippingOut, "stage-logging", "stage-web")
	checkGraph(t, all)
}

// TestLoggingOrder deploys logging before the clusters, which read it and which
// it does not know, and monitoring after both.
func TestLoggingOrder(t *testing.T) {
	dir, err := shippingOut()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Stacks map[string]struct{ Dependencies []string }
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	for stack, want := range map[string][]string{
		"stage-logging":    {"stage-delivery", "stage-network"},
		"stage-web":        {"stage-delivery", "stage-logging", "stage-network"},
		"stage-monitoring": {"stage-logging", "stage-web"},
	} {
		if got := slices.Sorted(slices.Values(manifest.Stacks[stack].Dependencies)); !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", stack, got, want)
		}
	}
}

func TestLoggingPromises(t *testing.T) {
	all := stacksOf(t, shippingOut)
	logging, web := all["stage-logging"], all["stage-web"]
	t.Run("logs take one way", func(t *testing.T) { logsTakeOneWay(t, logging, web) })
	t.Run("Kafka lets in one user, over TLS", func(t *testing.T) { kafkaIsClosed(t, logging) })
	t.Run("the index is closed", func(t *testing.T) { indexIsClosed(t, logging) })
	t.Run("passwords stay", func(t *testing.T) { passwordsStay(t, logging) })
	t.Run("machines read their secrets alone", func(t *testing.T) { secretsAreReadByFew(t, logging, web) })
	t.Run("roles are narrow", func(t *testing.T) { roleIsNarrow(t, logging); roleIsNarrow(t, web) })
	t.Run("machines know where to ship", func(t *testing.T) { machinesShip(t, logging, web) })
	t.Run("somebody is told", func(t *testing.T) { loggingIsWatched(t, logging, all["stage-monitoring"]) })
}

// part is the readable part of a reference to a security group or a secret,
// whether it is in this stack or in that of logging.
func part(reference any) string {
	text := fmt.Sprint(reference)
	for _, name := range []string{"brokers", "indexers", "index", "instances", "load-balancer"} {
		if strings.Contains(text, name+"-security-group") {
			return name
		}
	}
	return text
}

// logsTakeOneWay allows machines to brokers, indexers to brokers, indexers to
// the index, and nothing else; the world comes in at the load balancer alone.
func logsTakeOneWay(t *testing.T, stacks ...tfgraph.Stack) {
	var in, out []string
	for _, stack := range stacks {
		for _, rule := range stack.Resources["aws_vpc_security_group_ingress_rule"] {
			if from := rule["referenced_security_group_id"]; from != nil {
				in = append(in, fmt.Sprint(part(from), " -> ", part(rule["security_group_id"]), " ", rule["from_port"], "-", rule["to_port"]))
			} else if part(rule["security_group_id"]) != "load-balancer" {
				t.Errorf("open to %v: %s", rule["cidr_ipv4"], part(rule["security_group_id"]))
			}
		}
	}
	for _, rule := range stacks[0].Resources["aws_vpc_security_group_egress_rule"] {
		to := fmt.Sprint(rule["cidr_ipv4"])
		if group := rule["referenced_security_group_id"]; group != nil {
			to = part(group)
		}
		out = append(out, fmt.Sprint(part(rule["security_group_id"]), " -> ", to, " ", rule["from_port"], "-", rule["to_port"]))
	}
	slices.Sort(in)
	slices.Sort(out)
	if want := []string{
		"indexers -> brokers 9096-9096",
		"indexers -> index 443-443",
		"instances -> brokers 9096-9096",
		"load-balancer -> instances 80-80",
	}; !slices.Equal(in, want) {
		t.Errorf("let in: %q, want %q", in, want)
	}
	if want := []string{
		"indexers -> 0.0.0.0/0 443-443",
		"indexers -> 0.0.0.0/0 80-80",
		"indexers -> brokers 9096-9096",
		"indexers -> index 443-443",
	}; !slices.Equal(out, want) {
		t.Errorf("let out: %q, want %q", out, want)
	}
}

func kafkaIsClosed(t *testing.T, stack tfgraph.Stack) {
	cluster := only(t, stack.Resources["aws_msk_cluster"])
	brokers := list(cluster["broker_node_group_info"])[0]
	authentication := list(cluster["client_authentication"])[0]
	encryption := list(cluster["encryption_info"])[0]
	inTransit := list(encryption["encryption_in_transit"])[0]
	subnets := brokers["client_subnets"].([]any)
	if authentication["unauthenticated"] != false || list(authentication["sasl"])[0]["scram"] != true {
		t.Errorf("clients are let in by %v", authentication)
	}
	if inTransit["client_broker"] != "TLS" || inTransit["in_cluster"] != true || encryption["encryption_at_rest_kms_key_arn"] == nil {
		t.Errorf("encryption is %v", encryption)
	}
	if n := cluster["number_of_broker_nodes"].(float64); len(subnets) != 3 || int(n)%len(subnets) != 0 {
		t.Errorf("%v brokers in %d subnets: AWS wants as many in each", n, len(subnets))
	}
	if brokers["connectivity_info"] != nil {
		t.Errorf("brokers are reachable by %v", brokers["connectivity_info"])
	}
	properties := only(t, stack.Resources["aws_msk_configuration"])["server_properties"].(string)
	for _, want := range []string{"auto.create.topics.enable=true", "default.replication.factor=3", "min.insync.replicas=2", "unclean.leader.election.enable=false"} {
		if !strings.Contains(properties, want+"\n") {
			t.Errorf("no %s in\n%s", want, properties)
		}
	}
	user := only(t, stack.Resources["aws_msk_single_scram_secret_association"])
	for address, secret := range stack.Resources["aws_secretsmanager_secret"] {
		if strings.Contains(user["secret_arn"].(string), address) && (!strings.HasPrefix(secret["name_prefix"].(string), "AmazonMSK_") || secret["kms_key_id"] == nil) {
			t.Errorf("MSK refuses the secret %v: it wants AmazonMSK_ before the name and a key of one's own", secret["name_prefix"])
		}
	}
}

func indexIsClosed(t *testing.T, stack tfgraph.Stack) {
	domain := only(t, stack.Resources["aws_opensearch_domain"])
	endpoint := list(domain["domain_endpoint_options"])[0]
	security := list(domain["advanced_security_options"])[0]
	atRest := list(domain["encrypt_at_rest"])[0]
	if endpoint["enforce_https"] != true || endpoint["tls_security_policy"] != "Policy-Min-TLS-1-2-PFS-2023-10" {
		t.Errorf("its endpoint takes %v", endpoint)
	}
	if security["enabled"] != true || security["internal_user_database_enabled"] != true || security["anonymous_auth_enabled"] != nil {
		t.Errorf("users are checked by %v", security)
	}
	if atRest["enabled"] != true || !strings.HasSuffix(atRest["kms_key_id"].(string), ".arn}") || list(domain["node_to_node_encryption"])[0]["enabled"] != true {
		t.Errorf("encryption is %v, between nodes %v", atRest, domain["node_to_node_encryption"])
	}
	if list(domain["vpc_options"]) == nil {
		t.Error("it is in no VPC")
	}
}

// passwordsStay holds that a password is made up once, though each plan is
// offered another, and stands nowhere in the clear.
func passwordsStay(t *testing.T, stack tfgraph.Stack) {
	if n := len(stack.Resources["aws_secretsmanager_secret_version"]); n != 2 {
		t.Errorf("got %d passwords, want the brokers' and the index's", n)
	}
	for address, version := range stack.Resources["aws_secretsmanager_secret_version"] {
		lifecycle, _ := json.Marshal(version["lifecycle"])
		if want := `{"create_before_destroy":true,"ignore_changes":["secret_string"]}`; string(lifecycle) != want {
			t.Errorf("%s: lifecycle is %s, want %s", address, lifecycle, want)
		}
		references, err := tfgraph.References(tfgraph.Block{"secret_string": version["secret_string"]})
		if err != nil || len(references) != 1 || !strings.HasPrefix(references[0].Target, "data.aws_secretsmanager_random_password.") {
			t.Errorf("%s: secret_string is %v, %v", address, version["secret_string"], err)
		}
	}
	security := list(only(t, stack.Resources["aws_opensearch_domain"])["advanced_security_options"])[0]
	password := list(security["master_user_options"])[0]["master_user_password"].(string)
	if !strings.HasPrefix(password, "${jsondecode(aws_secretsmanager_secret_version.") {
		t.Errorf("the domain's password is %s, want the secret's, which does not change", password)
	}
}

// secretsAreReadByFew allows a cluster's machines the brokers' secret, and
// indexers the index's too.
func secretsAreReadByFew(t *testing.T, logging, web tfgraph.Stack) {
	for _, machines := range []struct {
		stack tfgraph.Stack
		want  []string
	}{
		{logging, []string{"broker-secret", "index-secret"}},
		{web, []string{"broker-secret"}},
	} {
		read := map[string]bool{}
		for address, policy := range machines.stack.Resources["aws_iam_role_policy"] {
			var document struct {
				Statement []struct {
					Action, Resource []string
					Condition        map[string]map[string]any
				}
			}
			if err := json.Unmarshal([]byte(policy["policy"].(string)), &document); err != nil {
				t.Fatal(err)
			}
			for _, s := range document.Statement {
				switch {
				case slices.Contains(s.Action, "secretsmanager:GetSecretValue"):
					for _, name := range []string{"broker-secret", "index-secret"} {
						read[name] = read[name] || strings.Contains(s.Resource[0], name)
					}
					if len(s.Resource) != 1 || len(s.Action) != 1 {
						t.Errorf("%s allows %v on %v", address, s.Action, s.Resource)
					}
				case slices.Contains(s.Action, "kms:Decrypt"):
					if s.Condition["StringEquals"]["kms:EncryptionContext:SecretARN"] == nil || len(s.Action) != 1 {
						t.Errorf("%s allows %v with the key under %v", address, s.Action, s.Condition)
					}
				}
			}
		}
		maps.DeleteFunc(read, func(_ string, yes bool) bool { return !yes })
		if got := slices.Sorted(maps.Keys(read)); !slices.Equal(got, machines.want) {
			t.Errorf("machines read %v, want %v", got, machines.want)
		}
	}
}

// machinesShip reads the settings of all machines as they will have them.
func machinesShip(t *testing.T, logging, web tfgraph.Stack) {
	shipping := []string{"BROKERS", "QUEUE_MIB", "SECRET", "SECURITY", "TOPIC"}
	indexing := append([]string{"CONSUMER_GROUP", "INDEX_PREFIX", "INDEX_SECRET", "INDEX_URL", "REPLICAS", "RETENTION_DAYS", "SHARDS"}, shipping...)
	slices.Sort(indexing)
	templates := 0
	for _, machines := range []struct {
		stack tfgraph.Stack
		want  []string
	}{{logging, indexing}, {web, shipping}} {
		for address, template := range machines.stack.Resources["aws_launch_template"] {
			templates++
			script := userData(t, machines.stack, template)
			checkShell(t, script)
			var got []string
			for line := range strings.Lines(script) {
				if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "TANDEM_LOG_") {
					got = append(got, strings.TrimPrefix(name, "TANDEM_LOG_"))
					if strings.TrimSpace(value) == "" {
						t.Errorf("%s: %s is empty", address, name)
					}
				}
			}
			if slices.Sort(got); !slices.Equal(got, machines.want) {
				t.Errorf("%s: settings %v, want %v", address, got, machines.want)
			}
		}
	}
	if templates != 3 {
		t.Errorf("got %d launch templates, want the indexers' and the pair's", templates)
	}
	if groups := logging.Resources["aws_autoscaling_group"]; only(t, groups)["target_group_arns"] != nil || only(t, groups)["health_check_type"] != "EC2" {
		t.Error("indexers are behind a load balancer")
	}
}

// loggingIsWatched names the metric of each alarm, and finds it in the rule of
// one of those that tell people.
func loggingIsWatched(t *testing.T, logging, monitoring tfgraph.Stack) {
	rules := map[string]string{}
	for _, alarm := range monitoring.Resources["aws_cloudwatch_composite_alarm"] {
		rules[alarm["alarm_name"].(string)] = alarm["alarm_rule"].(string)
	}
	page, notice := rules["stage-logging-at-risk"], rules["stage-logging-notice"]
	got := map[string]string{}
	for address, alarm := range logging.Resources["aws_cloudwatch_metric_alarm"] {
		name := strings.TrimPrefix(alarm["alarm_name"].(string), "stage-logging-")
		if strings.HasPrefix(name, "on-demand-") {
			continue // they scale
		}
		if urgent := name == "broker-disk"; strings.Contains(page, address) != urgent || strings.Contains(notice, address) == urgent {
			t.Errorf("%s is told of by %q or %q", name, page, notice)
		}
		got[name] = fmt.Sprint(alarm["metric_name"])
		for _, query := range list(alarm["metric_query"]) {
			if metric := list(query["metric"]); metric != nil {
				got[name] = fmt.Sprint(metric[0]["metric_name"])
			}
		}
	}
	want := map[string]string{
		"no-indexer": "GroupInServiceInstances", "consumer-lag": "EstimatedMaxTimeLag", "broker-disk": "KafkaDataLogsDiskUsed",
		"writes-rejected": "ThreadpoolWriteRejected", "writes-blocked": "ClusterIndexWritesBlocked",
		"index-red": "ClusterStatus.red", "index-storage": "FreeStorageSpace",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got alarms %v, want %v", got, want)
	}
}
