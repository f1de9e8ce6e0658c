package spend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review/inventory"
)

// free are prefixes of types that cost nothing by themselves, or whose cost is
// in that of others.
var free = []string{
	"aws_alb_listener", "aws_alb_target_group", "aws_autoscaling_", "aws_default_", "aws_iam_", "aws_internet_gateway", "aws_key_pair", "aws_launch_",
	"aws_lb_", "aws_main_route_table_association", "aws_network_acl", "aws_placement_group", "aws_route_table", "aws_s3_bucket_",
	"aws_security_group", "aws_subnet", "aws_vpc_dhcp_options", "aws_vpc_endpoint_route_table_association", "aws_vpc_endpoint_policy", "aws_vpc_security_group_", "aws_volume_attachment",
	"aws_eip_association", "aws_ami", "aws_acm_certificate", "aws_cloudwatch_metric_alarm", "aws_ebs_volume", "aws_eip", "aws_instance",
	"aws_lb", "aws_alb", "aws_nat_gateway", "aws_sns_topic_", "aws_cloudwatch_log_metric_filter", "aws_cloudwatch_log_resource_policy",
	"aws_cloudwatch_log_stream", "aws_cloudwatch_log_subscription_filter", "aws_kms_alias", "aws_msk_cluster_policy", "aws_msk_configuration",
	"aws_msk_scram_secret_association", "aws_msk_single_scram_secret_association", "aws_opensearch_domain_policy", "aws_secretsmanager_secret_", "aws_sqs_queue_policy",
}

// exactlyFree are types whose names begin others that cost something.
var exactlyFree = []string{"aws_vpc", "aws_route", "aws_s3_bucket"}

// unpriced are the AWS types that there is no price for here.
func unpriced(s *inventory.Set) (list []cost.Unknown) {
	for _, kind := range s.Types() {
		isFree := slices.Contains(exactlyFree, kind) || slices.ContainsFunc(free, func(prefix string) bool { return strings.HasPrefix(kind, prefix) })
		count := len(s.Of(kind))
		if e, known := onlyOthersCost[kind]; known {
			count = e.cost(s.Of(kind))
		}
		if isFree || count == 0 || !strings.HasPrefix(kind, "aws_") {
			continue
		}
		if sized := sizes[kind]; sized != nil {
			for _, r := range s.Of(kind) {
				list = append(list, cost.Unknown{Name: r.Address, What: sized(r), Why: "tandem has no price of this type"})
			}
			continue
		}
		what, why := "the resource", "tandem has no price of this type"
		if use := byUse[kind]; use != "" {
			what, why = use, "it depends on how much there is"
		}
		list = append(list, cost.Unknown{Name: fmt.Sprintf("%s (%d)", kind, count), What: what, Why: why})
	}
	return list
}

// byUse are types of which only the use is charged.
var byUse = map[string]string{
	"aws_cloudwatch_log_group": "log data written and kept", "aws_sns_topic": "messages sent", "aws_sqs_queue": "requests",
}

// sizes say what to ask AWS's calculator for, where tandem has no price.
var sizes = map[string]func(r *inventory.Resource) string{
	"aws_msk_cluster": func(r *inventory.Resource) string {
		return machines(r, "number_of_broker_nodes", "broker", "broker_node_group_info.instance_type", "broker_node_group_info.storage_info.ebs_storage_info.volume_size")
	},
	"aws_opensearch_domain": func(r *inventory.Resource) string {
		return machines(r, "cluster_config.instance_count", "node", "cluster_config.instance_type", "ebs_options.volume_size")
	},
}

// machines is "3 brokers of kafka.m5.large with 100 GB each", as far as it is known.
func machines(r *inventory.Resource, number, noun, kind, size string) string {
	text := noun + "s"
	if n, ok := r.Number(number, 1); ok {
		text = fmt.Sprintf("%g %ss", n, noun)
		if n == 1 {
			text = "1 " + noun
		}
	}
	if of, ok := r.Text(kind, ""); ok && of != "" {
		text += " of " + of
	}
	if gb, ok := r.Number(size, 0); ok && gb > 0 {
		text += fmt.Sprintf(" with %g GB each", gb)
	}
	return text
}

// onlyOthersCost are types of which one kind, the default, costs nothing.
var onlyOthersCost = map[string]exemption{
	"aws_vpc_endpoint":  {"vpc_endpoint_type", "Gateway"},
	"aws_ssm_parameter": {"tier", "Standard"},
}

// exemption is the value of an attribute that costs nothing.
type exemption struct{ attribute, free string }

// cost counts the resources that cost something, or may.
func (e exemption) cost(list []*inventory.Resource) (n int) {
	for _, r := range list {
		if kind, ok := r.Text(e.attribute, e.free); !ok || kind != e.free {
			n++
		}
	}
	return n
}
