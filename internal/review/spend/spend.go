// Package spend turns the resources of a plan into what package cost estimates.
//
//	inventory.Set → Of → cost.Estimate
package spend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review/inventory"
)

// Of estimates what the resources of one time cost a month in a region. What it
// cannot price is in the estimate's unknowns.
func Of(catalog *price.Catalog, region string, s *inventory.Set) cost.Estimate {
	c := &collector{set: s, Input: cost.Input{Region: region}}
	c.groups()
	c.instances()
	c.balancers()
	for _, r := range s.Of("aws_nat_gateway") {
		if !r.Is("connectivity_type", "private") {
			c.NATGateways = append(c.NATGateways, r.Address)
		}
	}
	c.Addresses = addressesOf(s.Of("aws_eip"))
	c.Buckets = addressesOf(s.Of("aws_s3_bucket"))
	c.alarms()
	for _, r := range s.Of("aws_ebs_volume") {
		c.Volumes = append(c.Volumes, volume(r.Address, r, "type"))
	}
	estimate := cost.New(catalog, c.Input)
	estimate.Unknown = append(append(estimate.Unknown, c.unknown...), unpriced(s)...)
	return estimate
}

// collector gathers an input and what is not known of it.
type collector struct {
	cost.Input
	set     *inventory.Set
	unknown []cost.Unknown
}

func addressesOf(list []*inventory.Resource) (names []string) {
	for _, r := range list {
		names = append(names, r.Address)
	}
	return names
}

func (c *collector) groups() {
	for _, r := range c.set.Of("aws_autoscaling_group") {
		least, ok := r.Number("min_size", 0)
		most, also := r.Number("max_size", 0)
		types := c.set.InstanceTypes(r)
		if !ok || !also || len(types) == 0 || most < least {
			c.unknown = append(c.unknown, cost.Unknown{Name: r.Address, What: "instances", Why: "its limits or instance types are not known"})
			continue
		}
		g := cost.Group{Name: r.Address, Min: int(least), Max: int(most), InstanceTypes: types, OnDemandPercent: 100}
		if now, ok := r.Number("desired_capacity", 0); ok && now >= least && now <= most && now > 0 {
			g.Expected = &now
		}
		if r.Get("mixed_instances_policy") != nil {
			g.OnDemandPercent = whole(r, inventory.Distribution+"on_demand_percentage_above_base_capacity", 100)
			g.OnDemandBase = whole(r, inventory.Distribution+"on_demand_base_capacity", 0)
			g.Bid, _ = r.Number(inventory.Distribution+"spot_max_price", 0)
		} else if c.set.IsSpot(r) {
			g.OnDemandPercent = 0
		}
		for _, template := range c.set.Templates(r) {
			g.DetailedMonitoring = template.Is("monitoring.enabled", "true")
			g.PublicAddress = template.Is("network_interfaces.associate_public_ip_address", "true")
			g.Volumes = volumes(template, "block_device_mappings", "ebs.")
		}
		c.Groups = append(c.Groups, g)
	}
}

func whole(r *inventory.Resource, path string, unset float64) int {
	n, ok := r.Number(path, unset)
	if !ok {
		n = unset
	}
	return int(min(max(n, 0), 1e6))
}

// instances are single ones: groups that never scale.
func (c *collector) instances() {
	one := 1.0
	for _, r := range c.set.Of("aws_instance") {
		kind, ok := r.Text("instance_type", "")
		if !ok || kind == "" {
			c.unknown = append(c.unknown, cost.Unknown{Name: r.Address, What: "instances", Why: "its instance type is not known"})
			continue
		}
		c.Groups = append(c.Groups, cost.Group{
			Name: r.Address, Min: 1, Max: 1, Expected: &one, OnDemandPercent: 100, InstanceTypes: []string{kind},
			DetailedMonitoring: r.Is("monitoring", "true"),
			PublicAddress:      r.Is("associate_public_ip_address", "true"),
			Volumes:            volumes(r, "root_block_device", ""),
		})
	}
}

func volumes(r *inventory.Resource, path, prefix string) (list []cost.Volume) {
	for _, block := range r.Blocks(path) {
		inner := r.With(block)
		if prefix != "" && inner.Get(strings.TrimSuffix(prefix, ".")) == nil {
			continue // an instance store
		}
		if prefix != "" {
			inner = r.With(inventory.Blocks(inner.Get(strings.TrimSuffix(prefix, ".")))[0])
		}
		list = append(list, volume("", inner, "volume_type"))
	}
	return list
}

func volume(name string, r *inventory.Resource, kind string) cost.Volume {
	v := cost.Volume{Name: name}
	v.Type, _ = r.Text(kind, "")
	if v.GB, _ = r.Number("volume_size", 0); v.GB == 0 {
		v.GB, _ = r.Number("size", 0)
	}
	v.IOPS, _ = r.Number("iops", 0)
	v.Throughput, _ = r.Number("throughput", 0)
	return v
}

func (c *collector) balancers() {
	for _, r := range c.set.Of("aws_lb", "aws_alb") {
		if kind, ok := r.Text("load_balancer_type", "application"); !ok || kind != "application" {
			c.unknown = append(c.unknown, cost.Unknown{Name: r.Address, What: "load balancer", Why: fmt.Sprintf("there is no price here of a %s load balancer", kind)})
			continue
		}
		zones := 0
		if r.Off("internal") {
			listed, _ := r.Get("subnets").([]any)
			zones = max(len(listed), len(c.set.Linked(r, "subnets", "aws_subnet")))
		}
		c.LoadBalancers = append(c.LoadBalancers, cost.LoadBalancer{Name: r.Address, Addresses: zones})
	}
}

func (c *collector) alarms() {
	for _, r := range c.set.Of("aws_cloudwatch_metric_alarm") {
		metrics := 0
		for _, query := range r.Blocks("metric_query") {
			if query["metric"] != nil {
				metrics++
			}
		}
		period, ok := r.Number("period", 60)
		c.Alarms = append(c.Alarms, cost.Alarm{Name: r.Address, Metrics: max(metrics, 1), HighResolution: ok && period < 60})
	}
}

// free are prefixes of types that cost nothing by themselves, or whose cost is
// in that of others.
var free = []string{
	"aws_alb_listener", "aws_alb_target_group", "aws_autoscaling_", "aws_default_", "aws_iam_", "aws_internet_gateway", "aws_key_pair", "aws_launch_",
	"aws_lb_", "aws_main_route_table_association", "aws_network_acl", "aws_placement_group", "aws_route_table", "aws_s3_bucket_",
	"aws_security_group", "aws_subnet", "aws_vpc_dhcp_options", "aws_vpc_endpoint_route_table_association", "aws_vpc_endpoint_policy", "aws_vpc_security_group_", "aws_volume_attachment",
	"aws_eip_association", "aws_ami", "aws_acm_certificate", "aws_cloudwatch_metric_alarm", "aws_ebs_volume", "aws_eip", "aws_instance",
	"aws_lb", "aws_alb", "aws_nat_gateway", "aws_sns_topic_subscription",
}

// exactlyFree are types whose names begin others that cost something.
var exactlyFree = []string{"aws_vpc", "aws_route", "aws_s3_bucket"}

// unpriced are the AWS types that there is no price for here.
func unpriced(s *inventory.Set) (list []cost.Unknown) {
	for _, kind := range s.Types() {
		isFree := slices.Contains(exactlyFree, kind) || slices.ContainsFunc(free, func(prefix string) bool { return strings.HasPrefix(kind, prefix) })
		count := len(s.Of(kind))
		if kind == "aws_vpc_endpoint" {
			count = interfaces(s)
		}
		if isFree || count == 0 || !strings.HasPrefix(kind, "aws_") {
			continue
		}
		list = append(list, cost.Unknown{Name: fmt.Sprintf("%s (%d)", kind, count), What: "the resource", Why: "tandem has no price of this type"})
	}
	return list
}

// interfaces counts endpoints that cost something; those of type Gateway do not.
func interfaces(s *inventory.Set) (n int) {
	for _, r := range s.Of("aws_vpc_endpoint") {
		if kind, ok := r.Text("vpc_endpoint_type", "Gateway"); !ok || kind != "Gateway" {
			n++
		}
	}
	return n
}
