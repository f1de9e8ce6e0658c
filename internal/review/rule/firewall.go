package rule

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

func firewallRules() []Rule {
	return []Rule{
		{
			ID: "instances-open-to-world", Severity: Dangerous,
			Title:  "Instances are open to the world",
			Why:    "Whoever scans the internet reaches the instances themselves, past the load balancer, its TLS and its logs.",
			Fix:    "Take traffic from the load balancer's security group alone: set referenced_security_group_id instead of a CIDR block.",
			Source: "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
			state: func(s *Set, found Found) {
				balancers, instances := s.balancerGroups(), s.instanceGroups()
				s.ingress(func(i ingress) {
					behind := i.group == nil || !slices.Contains(balancers, i.group) || slices.Contains(instances, i.group)
					if i.world != "" && behind {
						found(i.at, "%s may reach %s", i.world, i.ports)
					}
				})
			},
		},
		{
			ID: "load-balancer-open-ports", Severity: Look,
			Title: "The load balancer is open to the world on other ports than 80 and 443",
			Why:   "A web cluster serves 80 and 443. Any other open port is one more thing that strangers can try.",
			Fix:   "Open 80 and 443 only, or name the networks that need the port.",
			state: func(s *Set, found Found) {
				balancers, instances := s.balancerGroups(), s.instanceGroups()
				s.ingress(func(i ingress) {
					web := i.ports == "port 80" || i.ports == "port 443"
					if i.world != "" && !web && i.group != nil && slices.Contains(balancers, i.group) && !slices.Contains(instances, i.group) {
						found(i.at, "%s may reach %s", i.world, i.ports)
					}
				})
			},
		},
	}
}

// ingress is one rule by which a security group lets traffic in.
type ingress struct {
	// at is where the rule stands, group the security group it belongs to; nil:
	// the group is not part of the plan.
	at, group *Resource
	ports     string
	// world is the widest network, if it is most of the internet.
	world string
}

func (s *Set) ingress(visit func(ingress)) {
	for _, group := range s.Of("aws_security_group") {
		for _, block := range group.Blocks("ingress") {
			visit(ingress{group, group, ports(block, "protocol"), widest(block["cidr_blocks"], block["ipv6_cidr_blocks"])})
		}
	}
	for _, r := range s.Of("aws_security_group_rule") {
		if r.Is("type", "ingress") {
			visit(ingress{r, s.groupOf(r), ports(r.Values, "protocol"), widest(r.Values["cidr_blocks"], r.Values["ipv6_cidr_blocks"])})
		}
	}
	for _, r := range s.Of("aws_vpc_security_group_ingress_rule") {
		visit(ingress{r, s.groupOf(r), ports(r.Values, "ip_protocol"), widest(r.Values["cidr_ipv4"], r.Values["cidr_ipv6"])})
	}
}

func (s *Set) groupOf(r *Resource) *Resource {
	if groups := s.Linked(r, "security_group_id", "aws_security_group"); len(groups) > 0 {
		return groups[0]
	}
	return nil
}

// balancerGroups are the security groups of load balancers.
func (s *Set) balancerGroups() (groups []*Resource) {
	for _, r := range s.Of("aws_lb", "aws_alb", "aws_elb") {
		groups = append(groups, s.Linked(r, "security_groups", "aws_security_group")...)
	}
	return groups
}

// instanceGroups are the security groups of instances and of what launches them.
func (s *Set) instanceGroups() (groups []*Resource) {
	for _, r := range s.Of("aws_launch_template", "aws_instance") {
		groups = append(groups, s.Linked(r, "vpc_security_group_ids", "aws_security_group")...)
		groups = append(groups, s.Linked(r, "network_interfaces.security_groups", "aws_security_group")...)
	}
	return groups
}

func ports(block map[string]any, protocol string) string {
	if p := fmt.Sprint(block[protocol]); p == "-1" || p == "all" {
		return "every port"
	}
	from, ok := inventory.ToNumber(block["from_port"])
	to, also := inventory.ToNumber(block["to_port"])
	switch {
	case !ok || !also:
		return "every port"
	case from == to:
		return fmt.Sprintf("port %g", from)
	}
	return fmt.Sprintf("ports %g to %g", from, to)
}

// mostOfWorld is a prefix shorter than any private network's:
// https://www.rfc-editor.org/rfc/rfc1918 has 10.0.0.0/8.
const mostOfWorld = 8

// widest returns the network that is most of the internet, if one is.
func widest(cidrs ...any) string {
	for _, text := range inventory.Texts(cidrs, nil) {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err == nil && prefix.Bits() < mostOfWorld && !prefix.Addr().IsPrivate() {
			return text
		}
	}
	return ""
}
