// Package spend turns the resources of a plan into what package cost estimates.
//
//	inventory.Set → Of → cost.Estimate
package spend

import (
	"fmt"
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
