package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/rescue/metric"
	"github.com/tandem-iac/tandem/internal/tfgraph"
	"github.com/tandem-iac/tandem/internal/watchtest"
)

// widget is one of a dashboard's, as CloudWatch reads it.
type widget struct {
	Type       string
	Properties struct {
		Title       string
		Metrics     [][]any
		Alarms      []string
		Annotations struct {
			Horizontal []struct {
				Label string
				Value float64
			}
		}
	}
}

// widgets are those of the dashboard of one of the example's clusters.
func widgets(t *testing.T, stack tfgraph.Stack, cluster string) []widget {
	t.Helper()
	for _, dashboard := range stack.Resources["aws_cloudwatch_dashboard"] {
		if dashboard["dashboard_name"] != "prod-"+cluster+"-ap-southeast-1" {
			continue
		}
		var body struct{ Widgets []widget }
		if err := json.Unmarshal([]byte(dashboard["dashboard_body"].(string)), &body); err != nil {
			t.Fatal(err)
		}
		return body.Widgets
	}
	t.Fatalf("%s has no dashboard", cluster)
	return nil
}

// metricsOf are the metrics that a dashboard shows.
func metricsOf(list []widget) (uses []watchtest.Use) {
	for _, w := range list {
		for _, row := range w.Properties.Metrics {
			options := row[len(row)-1].(map[string]any)
			if len(row) == 1 {
				continue // an expression
			}
			u := watchtest.Use{Where: w.Properties.Title, Namespace: row[0].(string), Name: row[1].(string), Dimensions: map[string]string{}}
			u.Stat, _ = options["stat"].(string)
			for i := 2; i < len(row)-1; i += 2 {
				u.Dimensions[row[i].(string)] = row[i+1].(string)
			}
			uses = append(uses, u)
		}
	}
	return uses
}

// watchedBy are the metrics that an alarm looks at.
func watchedBy(alarm tfgraph.Block) (uses []watchtest.Use) {
	add := func(m tfgraph.Block, stat string) {
		u := watchtest.Use{Where: alarm["alarm_name"].(string), Namespace: m["namespace"].(string), Name: m["metric_name"].(string), Stat: m[stat].(string), Dimensions: map[string]string{}}
		for name, value := range m["dimensions"].(map[string]any) {
			u.Dimensions[name] = value.(string)
		}
		uses = append(uses, u)
	}
	if alarm["metric_name"] != nil {
		add(alarm, "statistic")
	}
	for _, query := range list(alarm["metric_query"]) {
		if query["metric"] != nil {
			add(list(query["metric"])[0], "stat")
		}
	}
	return uses
}

// TestWatchedMetricsExist holds every metric of a dashboard and of an alarm
// against what AWS documents, the agents send and the cluster's stack really
// makes, and all that these publish against the dashboard.
func TestWatchedMetricsExist(t *testing.T) {
	all := example(t)
	monitoring := all["prod-monitoring"]
	for _, name := range []string{"obelix", "dogmatix"} {
		cluster := all["prod-"+name]
		shown := metricsOf(widgets(t, monitoring, name))
		watchtest.Check(t, "internal/rescue/metric/metric.go", shown)
		uses := shown
		for _, alarm := range monitoring.Resources["aws_cloudwatch_metric_alarm"] {
			if strings.HasPrefix(alarm["alarm_name"].(string), "prod-"+name+"-") {
				uses = append(uses, watchedBy(alarm)...)
			}
		}
		groups := map[string]tfgraph.Block{}
		for _, group := range cluster.Resources["aws_autoscaling_group"] {
			groups[group["name"].(string)] = group
		}
		seen := map[string]bool{}
		for _, u := range uses {
			seen[u.Dimensions["AutoScalingGroupName"]+" "+u.Name] = true
			if problem := emitted(u, name, cluster, groups); problem != "" {
				t.Errorf("%s: %s %s: %s", u.Where, u.Namespace, u.Name, problem)
			}
		}
		for group, block := range groups {
			for _, enabled := range block["enabled_metrics"].([]any) {
				if !seen[group+" "+enabled.(string)] {
					t.Errorf("%s publishes %s, and nobody looks", group, enabled)
				}
			}
		}
	}
}

// emitted says what is wrong with a use of a metric in a cluster. Empty: nothing.
func emitted(u watchtest.Use, name string, cluster tfgraph.Stack, groups map[string]tfgraph.Block) string {
	switch u.Namespace {
	case "AWS/AutoScaling", "AWS/EC2":
		group, there := groups[u.Dimensions["AutoScalingGroupName"]]
		if !there {
			return "there is no group " + u.Dimensions["AutoScalingGroupName"]
		}
		if u.Namespace == "AWS/AutoScaling" && !slices.Contains(group["enabled_metrics"].([]any), any(u.Name)) {
			return "the group does not publish it"
		}
	case metric.Namespace:
		if u.Dimensions[metric.Environment] != "prod" || u.Dimensions[metric.Cluster] != name {
			return fmt.Sprintf("it is sent by %v", u.Dimensions)
		}
	case "AWS/ApplicationELB":
		for dimension, kind := range map[string]string{"LoadBalancer": "aws_lb", "TargetGroup": "aws_lb_target_group"} {
			value, used := u.Dimensions[dimension]
			_, output, fromState := strings.Cut(strings.TrimSuffix(value, "}"), "-prod-"+name+".outputs.")
			want := regexp.MustCompile(`^\$\{` + kind + `\.([A-Za-z0-9_-]+)\.arn_suffix\}$`)
			is := fmt.Sprint(cluster.Outputs[output]["value"])
			if used && (!fromState || !want.MatchString(is) || cluster.Resources[kind][want.FindStringSubmatch(is)[1]] == nil) {
				return fmt.Sprintf("%s is %s, which is %s", dimension, value, is)
			}
		}
	default:
		return "nobody publishes in " + u.Namespace
	}
	return ""
}

// TestThresholdsAreDrawn compares the lines in the charts of CPU with the alarms
// by which the groups scale.
func TestThresholdsAreDrawn(t *testing.T) {
	all := example(t)
	for _, name := range []string{"obelix", "dogmatix"} {
		want := map[string][]float64{}
		for _, alarm := range all["prod-"+name].Resources["aws_cloudwatch_metric_alarm"] {
			if alarm["metric_name"] != "CPUUtilization" {
				continue
			}
			reference := fmt.Sprint(alarm["dimensions"].(map[string]any)["AutoScalingGroupName"])
			id := strings.TrimSuffix(strings.TrimPrefix(reference, "${aws_autoscaling_group."), ".name}")
			group := all["prod-"+name].Resources["aws_autoscaling_group"][id]["name"].(string)
			want[group] = append(want[group], alarm["threshold"].(float64))
		}
		drawn := map[string][]float64{}
		for _, w := range widgets(t, all["prod-monitoring"], name) {
			for _, u := range metricsOf([]widget{w}) {
				for _, line := range w.Properties.Annotations.Horizontal {
					if group := u.Dimensions["AutoScalingGroupName"]; u.Name == "CPUUtilization" {
						drawn[group] = append(drawn[group], line.Value)
					}
				}
			}
		}
		if len(want) != 2 {
			t.Fatalf("%s scales by %v", name, want)
		}
		for group, thresholds := range want {
			slices.Sort(thresholds)
			slices.Sort(drawn[group])
			if !slices.Equal(thresholds, drawn[group]) {
				t.Errorf("%s scales at %v, and %v are drawn", group, thresholds, drawn[group])
			}
		}
	}
}

// toldOut synthesizes an environment in which people are told.
var toldOut = synthesized(filepath.Join("testdata", "monitoring.yaml"))

// told returns the stacks of an environment in which people are told, by name.
func told(t *testing.T) map[string]tfgraph.Stack {
	t.Helper()
	dir, err := toldOut()
	if err != nil {
		t.Fatal(err)
	}
	return loadStacks(t, dir)
}

func TestMonitoringSnapshot(t *testing.T) {
	all := told(t)
	compareSnapshots(t, toldOut, "told-monitoring")
	for name, stack := range all {
		for _, err := range stack.Check(all) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyToTell makes no topics, no key and no composite alarms where nobody
// is to be told.
func TestNobodyToTell(t *testing.T) {
	for kind, blocks := range example(t)["prod-monitoring"].Resources {
		if kind != "aws_cloudwatch_metric_alarm" && kind != "aws_cloudwatch_dashboard" {
			t.Errorf("there are %d of %s", len(blocks), kind)
		}
	}
}

var named = regexp.MustCompile(`ALARM\("([^"]+)"\)`)

// TestWhoIsTold follows composite alarms to those that they consist of: each
// alarm that is not there to scale is in one of them, and tells nobody itself.
func TestWhoIsTold(t *testing.T) {
	all := told(t)
	monitoring := all["told-monitoring"]
	names := map[string]string{} // by expression
	mute := map[string]bool{}
	for stack, s := range all {
		for id, alarm := range s.Resources["aws_cloudwatch_metric_alarm"] {
			expression := "${aws_cloudwatch_metric_alarm." + id + ".alarm_name}"
			name := alarm["alarm_name"].(string)
			if stack == "told-monitoring" {
				names[expression] = name
			} else {
				for output, value := range s.Outputs {
					if value["value"] == expression {
						names["${data.terraform_remote_state.cross-stack-reference-input-"+stack+".outputs."+output+"}"] = name
					}
				}
			}
			if strings.Contains(name, "-rescue-") || stack == "told-monitoring" {
				mute[name] = alarm["alarm_actions"] == nil && alarm["ok_actions"] == nil
			}
		}
	}
	topics := map[string]string{}
	for id, topic := range monitoring.Resources["aws_sns_topic"] {
		topics["${aws_sns_topic."+id+".arn}"] = topic["name"].(string)
	}
	for id, composite := range monitoring.Resources["aws_cloudwatch_composite_alarm"] {
		names["${aws_cloudwatch_composite_alarm."+id+".alarm_name}"] = composite["alarm_name"].(string)
	}
	tells, rules := map[string]string{}, map[string]string{}
	for _, composite := range monitoring.Resources["aws_cloudwatch_composite_alarm"] {
		name, rule := composite["alarm_name"].(string), composite["alarm_rule"].(string)
		actions := composite["alarm_actions"].([]any)
		if len(actions) != 1 || fmt.Sprint(composite["ok_actions"]) != fmt.Sprint(actions) || topics[actions[0].(string)] == "" {
			t.Errorf("%s tells %v", name, actions)
		}
		rules[name] = named.ReplaceAllStringFunc(rule, func(term string) string { return names[named.FindStringSubmatch(term)[1]] })
		causes, _, _ := strings.Cut(rule, " AND NOT ")
		for _, term := range named.FindAllStringSubmatch(causes, -1) {
			child := names[term[1]]
			if !mute[child] || tells[child] != "" {
				t.Errorf("%s has %s, which is none, tells by itself, or is in %s too", name, child, tells[child])
			}
			tells[child] = topics[actions[0].(string)]
		}
	}
	for _, c := range []string{"told-obelix", "told-dogmatix"} {
		for end, want := range map[string]string{
			"down":    c + "-no-healthy-host OR " + c + "-errors",
			"at-risk": "(" + c + "-rescue-failed OR " + c + "-rescue-at-max OR " + c + "-on-demand-out-of-step) AND NOT " + c + "-down",
			"notice":  "(" + c + "-spot-out-of-step) AND NOT " + c + "-down",
		} {
			if got := rules[c+"-"+end]; got != want {
				t.Errorf("%s-%s is %s, want %s", c, end, got, want)
			}
		}
		if tells[c+"-errors"] != "told-page" || tells[c+"-spot-out-of-step"] != "told-notify" {
			t.Errorf("%s tells %v", c, tells)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mute)) {
		if tells[name] == "" {
			t.Errorf("nobody is told of %s", name)
		}
	}
}

// TestAlarmWidgets has dashboards show the alarms there are, by ARN.
func TestAlarmWidgets(t *testing.T) {
	all := example(t)
	for _, name := range []string{"obelix", "dogmatix"} {
		var there, shown []string
		for stack, s := range all {
			for _, alarm := range s.Resources["aws_cloudwatch_metric_alarm"] {
				alarmName := alarm["alarm_name"].(string)
				if strings.HasPrefix(alarmName, "prod-"+name+"-") && (strings.Contains(alarmName, "-rescue-") || stack == "prod-monitoring") {
					there = append(there, alarmName)
				}
			}
		}
		for _, w := range widgets(t, all["prod-monitoring"], name) {
			for _, arn := range w.Properties.Alarms {
				_, alarm, ok := strings.Cut(arn, ".account_id}:alarm:")
				if !ok || !strings.HasPrefix(arn, "arn:aws:cloudwatch:ap-southeast-1:${data.aws_caller_identity.") {
					t.Errorf("%s is no ARN of the account", arn)
				}
				shown = append(shown, alarm)
			}
		}
		slices.Sort(there)
		slices.Sort(shown)
		if !slices.Equal(there, shown) {
			t.Errorf("%s has alarms %v and shows %v", name, there, shown)
		}
	}
}

// TestTopicsAreClosed lets CloudWatch alarms of the account publish, and nobody else.
func TestTopicsAreClosed(t *testing.T) {
	monitoring := told(t)["told-monitoring"]
	if len(monitoring.Resources["aws_sns_topic"]) != 2 || len(monitoring.Resources["aws_sns_topic_policy"]) != 2 {
		t.Errorf("got %d topics, want one a severity", len(monitoring.Resources["aws_sns_topic"]))
	}
	for address, topic := range monitoring.Resources["aws_sns_topic"] {
		if !strings.HasPrefix(fmt.Sprint(topic["kms_master_key_id"]), "${aws_kms_key.") {
			t.Errorf("%s is under %v: with AWS's own key for SNS, alarms cannot publish", address, topic["kms_master_key_id"])
		}
	}
	policies := monitoring.Resources["aws_sns_topic_policy"]
	maps.Copy(policies, monitoring.Resources["aws_kms_key"])
	for address, block := range policies {
		var policy struct {
			Statement []struct {
				Sid       string
				Principal map[string]string
				Condition map[string]map[string]any
			}
		}
		if err := json.Unmarshal([]byte(block["policy"].(string)), &policy); err != nil {
			t.Fatal(err)
		}
		alarms := 0
		for _, s := range policy.Statement {
			account := strings.HasPrefix(s.Principal["AWS"], "arn:aws:iam::${data.aws_caller_identity.")
			if s.Principal["Service"] == "cloudwatch.amazonaws.com" {
				alarms++
			} else if !account {
				t.Errorf("%s lets %v in", address, s.Principal)
			}
			if source := fmt.Sprint(s.Condition["StringEquals"]["aws:SourceAccount"]); !account && !strings.HasPrefix(source, "${data.aws_caller_identity.") {
				t.Errorf("%s: %s of any account", address, s.Sid)
			}
		}
		if alarms != 1 {
			t.Errorf("%s lets alarms in %d times", address, alarms)
		}
	}
}

// TestNothingReadsMonitoring keeps stacks from waiting for themselves.
func TestNothingReadsMonitoring(t *testing.T) {
	for name, stack := range told(t) {
		reads := slices.Sorted(maps.Keys(stack.Data["terraform_remote_state"]))
		for _, r := range reads {
			if strings.HasSuffix(r, "-told-monitoring") {
				t.Errorf("%s reads what monitoring has made", name)
			}
		}
		if name == "told-monitoring" && len(reads) != 2 {
			t.Errorf("monitoring reads %v, want each cluster", reads)
		}
	}
}
