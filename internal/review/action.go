package review

import (
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// Action is what happens to a resource, in the reader's words.
type Action string

// The actions, in the order in which they are told.
const (
	Replaced  Action = "replaced"
	Destroyed Action = "destroyed"
	Forgotten Action = "forgotten"
	Updated   Action = "changed"
	Moved     Action = "moved"
	Imported  Action = "imported"
	Created   Action = "created"
)

var actionOrder = []Action{Replaced, Destroyed, Forgotten, Updated, Moved, Imported, Created}

func actionOf(c *plan.Change) Action {
	switch {
	case c.Actions.Replace():
		return Replaced
	case c.Actions.Delete():
		return Destroyed
	case c.Actions.Forget():
		return Forgotten
	case c.Actions.Create():
		return Created
	case c.Imported:
		return Imported
	case c.Actions.Update():
		return Updated
	case c.Previous != "":
		return Moved
	}
	return ""
}

func (c *Counts) add(a Action) {
	switch a {
	case Replaced:
		c.Replaced++
	case Destroyed:
		c.Destroyed++
	case Updated:
		c.Changed++
	case Created:
		c.Created++
	default:
		c.Other++
	}
}

// Group is where an engineer looks for a resource.
type Group string

// The groups, in the order in which they are told.
const (
	Network      Group = "network"
	LoadBalancer Group = "load balancer"
	Groups       Group = "groups"
	Scaling      Group = "scaling"
	Release      Group = "release"
	Access       Group = "access"
	Logging      Group = "logging"
	Monitoring   Group = "monitoring"
	Other        Group = "other"
)

// GroupOrder is that of the groups.
var GroupOrder = []Group{Network, LoadBalancer, Groups, Scaling, Release, Access, Logging, Monitoring, Other}

// prefixes put types into groups; the first that fits counts.
var prefixes = []struct {
	prefix string
	group  Group
}{
	{"aws_autoscaling_policy", Scaling}, {"aws_autoscaling_schedule", Scaling}, {alarmType, Scaling},
	{"aws_appautoscaling", Scaling},
	{"aws_autoscaling", Groups}, {"aws_launch", Groups}, {"aws_instance", Groups}, {"aws_ami", Groups}, {"aws_placement_group", Groups},
	{"aws_ebs_", Groups}, {"aws_volume_attachment", Groups}, {"aws_spot_", Groups},
	{"aws_lb", LoadBalancer}, {"aws_alb", LoadBalancer}, {"aws_elb", LoadBalancer}, {"aws_acm_", LoadBalancer}, {"aws_wafv2_web_acl", LoadBalancer},
	{"aws_vpc", Network}, {"aws_subnet", Network}, {"aws_route", Network}, {"aws_nat_", Network}, {"aws_eip", Network},
	{"aws_internet_gateway", Network}, {"aws_egress_only", Network}, {"aws_security_group", Network}, {"aws_network_", Network},
	{"aws_default_", Network}, {"aws_main_route", Network}, {"aws_ec2_transit", Network}, {"aws_flow_log", Network},
	{"aws_s3_bucket_policy", Access}, {"aws_s3_bucket_public_access_block", Access}, {"aws_s3_bucket_acl", Access}, {"aws_s3_bucket_ownership", Access},
	{"aws_iam", Access}, {"aws_kms", Access}, {"aws_secretsmanager", Access}, {"aws_key_pair", Access},
	{"aws_msk", Logging}, {"aws_opensearch", Logging}, {"aws_elasticsearch", Logging}, {"aws_cloudwatch_log", Logging}, {"aws_kinesis", Logging},
	{"aws_sns", Monitoring}, {"aws_cloudwatch", Monitoring}, {"aws_grafana", Monitoring}, {"aws_chatbot", Monitoring},
	{"aws_s3", Release}, {"aws_ssm", Release}, {"aws_ecr", Release}, {"aws_codebuild", Release}, {"aws_codedeploy", Release},
}

func groupOf(world *rule.World, c *plan.Change) Group {
	if c.Type == alarmType && !scales(world.Before, c) && !scales(world.After, c) {
		return Monitoring
	}
	for _, p := range prefixes {
		if strings.HasPrefix(c.Type, p.prefix) {
			return p.group
		}
	}
	return Other
}

const alarmType = "aws_cloudwatch_metric_alarm"

// scales says that an alarm executes a scaling policy.
func scales(at *rule.Set, c *plan.Change) bool {
	alarm := at.At(c.Address)
	if alarm == nil {
		return false
	}
	return len(at.Linked(alarm, "alarm_actions", "aws_autoscaling_policy", "aws_appautoscaling_policy")) > 0
}
