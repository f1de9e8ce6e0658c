// Package fis writes experiments of the AWS Fault Injection Service that
// interrupt spot instances of a cluster: the template, the role that the
// service assumes, and the commands that set them up and run them.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html
package fis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/iam"
)

// Config says what to interrupt.
type Config struct {
	// Environment and Cluster are the values of the instances' tags. Required.
	Environment, Cluster string
	// Region and Account are where the cluster is. Required.
	Region, Account string
	// Count is how many instances to interrupt, chosen at random, from 1. Zero:
	// Percent says it. By default the service takes 5 at most:
	// https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html
	Count int
	// Percent is the share of the spot group to interrupt, 1 to 100; what it
	// gives is rounded down by the service. Zero: Count says it.
	Percent int
	// StopAlarm is the ARN of a CloudWatch alarm in the cluster's region that
	// ends the experiment when it fires. An interruption that was sent is not
	// taken back. Empty: nothing ends it early.
	StopAlarm string
}

// alarmARN is the form of an alarm's ARN:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
var alarmARN = regexp.MustCompile(`^arn:([a-z-]+):cloudwatch:([a-z0-9-]+):[0-9]{12}:alarm:.+$`)

// Validate reports every flag that is wrong, by its name on the command line.
func (c Config) Validate() error {
	var faults check.Errors
	faults.Require(c.Count != 0 || c.Percent != 0, "--count", "0", "1 or more")
	faults.Require(c.Count >= 0, "--count", strconv.Itoa(c.Count), "1 or more")
	faults.Require(c.Percent >= 0 && c.Percent <= 100, "--percent", strconv.Itoa(c.Percent), "1 to 100")
	faults.Require(c.Count == 0 || c.Percent == 0, "--percent", strconv.Itoa(c.Percent), "unset, because --count says how many")
	if c.StopAlarm != "" {
		m := alarmARN.FindStringSubmatch(c.StopAlarm)
		want := "the ARN of an alarm in " + c.Region + ", such as arn:" + awsregion.Partition(c.Region) + ":cloudwatch:" + c.Region + ":" + c.Account + ":alarm:NAME"
		faults.Require(m != nil && m[2] == c.Region, "--stop-alarm", strconv.Quote(c.StopAlarm), want)
	}
	return faults.Err()
}

// Template is the input of CreateExperimentTemplate, as far as it is used here:
// https://docs.aws.amazon.com/fis/latest/APIReference/API_CreateExperimentTemplate.html
type Template struct {
	Description    string            `json:"description"`
	Targets        map[string]Target `json:"targets"`
	Actions        map[string]Action `json:"actions"`
	StopConditions []StopCondition   `json:"stopConditions"`
	RoleARN        string            `json:"roleArn"`
	Tags           map[string]string `json:"tags"`
}

// Target is a set of resources that an action is done to.
type Target struct {
	ResourceType  string            `json:"resourceType"`
	ResourceTags  map[string]string `json:"resourceTags"`
	Filters       []Filter          `json:"filters"`
	SelectionMode string            `json:"selectionMode"`
}

// Filter keeps resources whose attribute has one of the values.
type Filter struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
}

// Action is what is done to the targets of a name.
type Action struct {
	ActionID    string            `json:"actionId"`
	Description string            `json:"description"`
	Parameters  map[string]string `json:"parameters"`
	Targets     map[string]string `json:"targets"`
}

// StopCondition ends an experiment early.
type StopCondition struct {
	Source string `json:"source"`
	Value  string `json:"value,omitempty"`
}

const (
	target = "spot"
	// notice is that of a real interruption, the least that the action takes.
	notice = "PT2M"
)

// Template returns the experiment. Only running spot instances with the
// cluster's tags are in its reach.
func (c Config) Template() Template {
	selection := fmt.Sprintf("COUNT(%d)", c.Count)
	if c.Percent != 0 {
		selection = fmt.Sprintf("PERCENT(%d)", c.Percent)
	}
	stop := StopCondition{Source: "none"}
	if c.StopAlarm != "" {
		stop = StopCondition{Source: "aws:cloudwatch:alarm", Value: c.StopAlarm}
	}
	return Template{
		Description: fmt.Sprintf("Interrupt spot instances of %s in %s", c.Cluster, c.Environment),
		Targets: map[string]Target{target: {
			ResourceType: "aws:ec2:spot-instance",
			ResourceTags: map[string]string{
				fleet.EnvironmentTag: c.Environment,
				fleet.ClusterTag:     c.Cluster,
				fleet.LifecycleTag:   fleet.Spot,
			},
			Filters:       []Filter{{Path: "State.Name", Values: []string{"running"}}},
			SelectionMode: selection,
		}},
		Actions: map[string]Action{"interrupt": {
			ActionID:    "aws:ec2:send-spot-instance-interruptions",
			Description: "Rebalance recommendation and two-minute notice, then the end",
			Parameters:  map[string]string{"durationBeforeInterruption": notice},
			Targets:     map[string]string{"SpotInstances": target},
		}},
		StopConditions: []StopCondition{stop},
		RoleARN:        c.arn("iam", "", "role/"+c.Role()),
		Tags: map[string]string{
			"Name":               c.Role(),
			fleet.EnvironmentTag: c.Environment,
			fleet.ClusterTag:     c.Cluster,
		},
	}
}

// Role is the name of the role that the service assumes. IAM knows no regions,
// so the region is part of it.
func (c Config) Role() string {
	return strings.Join([]string{c.Environment, c.Cluster, "drill", c.Region}, "-")
}

// Trust lets the service assume the role, for experiments of this account and
// region only.
// https://docs.aws.amazon.com/fis/latest/userguide/getting-started-iam-service-role.html
func (c Config) Trust() iam.Policy {
	trust := iam.Trust("fis.amazonaws.com")
	trust[0].Condition = map[string]map[string]any{
		"StringEquals": {"aws:SourceAccount": c.Account},
		"ArnLike":      {"aws:SourceArn": c.arn("fis", c.Region, "experiment/*")},
	}
	return trust
}

// Permissions lets the role find instances and interrupt those of the cluster.
func (c Config) Permissions() iam.Policy {
	return iam.Policy{
		{
			// Describing knows no resource and no condition to narrow it.
			Sid:      "Find",
			Effect:   iam.Allow,
			Action:   []string{"ec2:DescribeInstances"},
			Resource: []string{"*"},
		},
		{
			Sid:      "Interrupt",
			Effect:   iam.Allow,
			Action:   []string{"ec2:SendSpotInstanceInterruptions"},
			Resource: []string{c.arn("ec2", c.Region, "instance/*")},
			Condition: map[string]map[string]any{"StringEquals": {
				"aws:ResourceTag/" + fleet.EnvironmentTag: c.Environment,
				"aws:ResourceTag/" + fleet.ClusterTag:     c.Cluster,
			}},
		},
	}
}

func (c Config) arn(service, region, resource string) string {
	return strings.Join([]string{"arn", awsregion.Partition(c.Region), service, region, c.Account, resource}, ":")
}

// Commands returns a shell script that makes the role, gives it the
// permissions, makes the template, starts the experiment and asks how it is.
func (c Config) Commands() (string, error) {
	template, err := json.Marshal(c.Template())
	if err != nil {
		return "", err
	}
	role, region := quote(c.Role()), quote(c.Region)
	lines := []string{
		"# Once: the role that the Fault Injection Service assumes.",
		"aws iam create-role --role-name " + role + " --assume-role-policy-document " + quote(c.Trust().JSON()),
		"aws iam put-role-policy --role-name " + role + " --policy-name interrupt --policy-document " + quote(c.Permissions().JSON()),
		"",
		"# The experiment. A role takes some seconds until services may assume it.",
		"template=$(aws fis create-experiment-template --region " + region + " --cli-input-json " + quote(string(template)) +
			" --query experimentTemplate.id --output text)",
		"",
		"# This interrupts " + c.amount() + " for real.",
		`experiment=$(aws fis start-experiment --region ` + region + ` --experiment-template-id "$template" --query experiment.id --output text)`,
		"",
		"# How it is, and how the cluster is.",
		`aws fis get-experiment --region ` + region + ` --id "$experiment" --query experiment.state`,
		"tandem status " + quote(c.Cluster),
		"",
		"# The template is of use again; to take it away:",
		`#   aws fis delete-experiment-template --region ` + region + ` --id "$template"`,
		"",
	}
	return strings.Join(lines, "\n"), nil
}

func (c Config) amount() string {
	if c.Percent != 0 {
		return fmt.Sprintf("%d %% of the spot instances", c.Percent)
	}
	noun := cmp.Or(map[int]string{1: "spot instance"}[c.Count], "spot instances")
	return fmt.Sprintf("%d %s", c.Count, noun)
}

// quote makes one word of text for a shell.
func quote(text string) string {
	if regexp.MustCompile(`^[a-zA-Z0-9./_-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
