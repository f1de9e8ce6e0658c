package rule

import (
	"net/netip"
)

func limitRules() []Rule {
	return []Rule{
		{
			ID: "name-too-long", Severity: Dangerous,
			Title:  "A name is longer than AWS takes",
			Why:    "AWS refuses it, in the middle of the apply.",
			Fix:    "Shorten the name, or the environment's or cluster's that it is made of.",
			Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html",
			state: func(s *Set, found Found) {
				for _, l := range longest {
					for _, r := range s.Of(l.kind) {
						if name, ok := r.Text(l.attribute, ""); ok && len(name) > l.most {
							found(r, "%s has %d characters, AWS takes %d", l.attribute, len(name), l.most)
						}
					}
				}
			},
		},
		{
			ID: "subnet-does-not-fit", Severity: Dangerous,
			Title:  "A subnet is outside its network or overlaps another",
			Why:    "AWS refuses it, in the middle of the apply.",
			Fix:    "Give it a range within the VPC's that no other subnet has.",
			Source: "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
			state:  subnetDoesNotFit,
		},
		{
			ID: "user-data-too-large", Severity: Dangerous,
			Title:  "User data is larger than AWS takes",
			Why:    "AWS refuses it, in the middle of the apply.",
			Fix:    "Keep a few lines that fetch the rest from S3.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
			state: func(s *Set, found Found) {
				s.eachScript(func(r *Resource, attribute, text string) {
					if len(text) > maxUserData {
						found(r, "%s has %d bytes, AWS takes %d", attribute, len(text), maxUserData)
					}
				})
			},
		},
	}
}

// maxUserData is what AWS takes before it is encoded, in bytes.
const maxUserData = 16 << 10

// longest are the names that run out first, in characters. Their limits are in
// the API reference of each service.
var longest = []struct {
	kind, attribute string
	most            int
}{
	{"aws_lb", "name", 32}, {"aws_alb", "name", 32}, {"aws_lb_target_group", "name", 32}, {"aws_alb_target_group", "name", 32},
	{"aws_autoscaling_group", "name", 255}, {"aws_cloudwatch_metric_alarm", "alarm_name", 255}, {"aws_cloudwatch_composite_alarm", "alarm_name", 255},
	{"aws_iam_role", "name", 64}, {"aws_launch_template", "name", 128}, {"aws_msk_cluster", "cluster_name", 64},
	{"aws_opensearch_domain", "domain_name", 28}, {"aws_s3_bucket", "bucket", 63}, {"aws_security_group", "name", 255}, {"aws_sns_topic", "name", 256},
}

func subnetDoesNotFit(s *Set, found Found) {
	type placed struct {
		*Resource
		prefix netip.Prefix
	}
	extended := map[*Resource]bool{}
	for _, r := range s.Of("aws_vpc_ipv4_cidr_block_association") {
		for _, network := range s.Linked(r, "vpc_id", "aws_vpc") {
			extended[network] = true
		}
	}
	within := map[*Resource][]placed{}
	for _, r := range s.Of("aws_subnet") {
		prefix, ok := prefixOf(r)
		if !ok {
			continue
		}
		for _, network := range s.Linked(r, "vpc_id", "aws_vpc") {
			all, known := prefixOf(network)
			if known && !extended[network] && (all.Bits() > prefix.Bits() || !all.Contains(prefix.Addr())) {
				found(r, "%s is not within %s of %s", prefix, all, network.Address)
			}
			for _, other := range within[network] {
				if other.prefix.Overlaps(prefix) {
					found(r, "%s overlaps %s of %s", prefix, other.prefix, other.Address)
				}
			}
			within[network] = append(within[network], placed{r, prefix})
		}
	}
}

// prefixOf is the range of a network or subnet, where it is known.
func prefixOf(r *Resource) (netip.Prefix, bool) {
	text, ok := r.Text("cidr_block", "")
	prefix, err := netip.ParsePrefix(text)
	return prefix, ok && err == nil
}
