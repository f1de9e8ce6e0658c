package terraform

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

const (
	detailed = time.Minute
	basic    = 5 * time.Minute
	// maxPrice is above every price of EC2, in USD an hour.
	maxPrice = 100_000
)

// launch reads what the group launches: a mixed instances policy, a launch
// template or a launch configuration.
func (d *document) launch(g *group, b block, region string, cfg Config) {
	var types []string
	g.sim.Monitoring = basic
	if mixed, ok := b.one("mixed_instances_policy"); ok {
		types = d.mixed(g, mixed)
	} else if template, ok := b.one("launch_template"); ok {
		types = d.fromTemplate(g, template, "id", "name")
	} else if v := b.get("launch_configuration"); v != nil && v != "" {
		types = d.fromConfiguration(g, b, v)
	} else {
		b.refuse("has no launch template, launch configuration or mixed instances policy that is known")
	}
	for _, name := range types {
		t, err := cfg.Catalog.Type(region, name, g.spot)
		var faults check.Errors
		if errors.As(err, &faults) {
			for _, fault := range faults {
				b.refuse("%s", fault.Error())
			}
		}
		g.sim.Types = append(g.sim.Types, t)
	}
}

// template reads what all of a launch template's instances have.
func (d *document) template(g *group, b block, id, name string) (template block, found bool) {
	for _, key := range []string{id, name} {
		v := b.get(key)
		if v == nil || v == "" {
			continue
		}
		all, others := d.find(v, templateType, "id", "name")
		if len(all) == 1 {
			template = all[0].block(&g.findings)
			g.monitoring(template)
			checkVersion(b, all[0])
			return template, true
		}
		if len(all) > 1 {
			b.refuse("%s may be any of %s", b.path+key, addresses(all))
		} else {
			b.refuse("%s is %s, which is not here: what it launches is not known", b.path+key, strings.Join(others, ", "))
		}
		return block{}, false
	}
	b.refuse("%s and %s are not known", b.path+id, b.path+name)
	return block{}, false
}

// checkVersion warns of an older version than the one that is declared.
func checkVersion(b block, template *resource) {
	version, latest := b.get("version"), template.get("latest_version")
	n, isNumber := number(version)
	newest, known := number(latest)
	if isNumber && known && n != newest {
		b.warn("%s is %g, and %s is at %g: the latter is simulated", b.path+"version", n, template.address, newest)
	}
}

func (g *group) monitoring(template block) {
	if m, ok := template.one("monitoring"); ok && m.flag("enabled", false) {
		g.sim.Monitoring = detailed
	}
}

func addresses(all []*resource) string {
	var names []string
	for _, r := range all {
		names = append(names, r.address)
	}
	return strings.Join(names, ", ")
}

func (d *document) fromTemplate(g *group, b block, id, name string) []string {
	template, found := d.template(g, b, id, name)
	if !found {
		return nil
	}
	g.sim.OnDemandPercent = 100
	if options, ok := template.one("instance_market_options"); ok {
		switch market := options.text("market_type"); market {
		case "spot":
			g.spot, g.sim.OnDemandPercent = true, 0
			if spot, ok := options.one("spot_options"); ok {
				g.bid(spot, "max_price")
			}
		case "":
		default:
			options.refuse("%smarket_type is %q, want spot", options.path, clip(market))
		}
	}
	return typeOf(template)
}

func typeOf(template block) []string {
	if t := template.text("instance_type"); t != "" {
		return []string{t}
	}
	if len(template.blocks("instance_requirements")) > 0 {
		template.refuse("instance_requirements leaves the instance type to AWS, want instance_type")
	} else {
		template.refuse("instance_type is not set, or not known")
	}
	return nil
}

func (g *group) bid(b block, name string) {
	if price := b.number(name, 0, maxPrice); price != nil {
		g.sim.Bid = *price
	}
}

func (d *document) fromConfiguration(g *group, b block, v any) []string {
	all, others := d.find(v, configurationType, "id", "name")
	if len(all) != 1 {
		b.refuse("launch_configuration is %s, which is not here: what it launches is not known", strings.Join(others, ", "))
		return nil
	}
	configuration := all[0].block(&g.findings)
	// Unlike a launch template's, its default is detailed:
	// https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/launch_configuration
	if configuration.flag("enable_monitoring", true) {
		g.sim.Monitoring = detailed
	}
	g.sim.OnDemandPercent = 100
	if configuration.text("spot_price") != "" {
		g.spot, g.sim.OnDemandPercent = true, 0
		g.bid(configuration, "spot_price")
	}
	return typeOf(configuration)
}

// mixed reads a mixed instances policy, whose defaults are all on-demand:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html
func (d *document) mixed(g *group, b block) []string {
	g.sim.OnDemandPercent = 100
	if distribution, ok := b.one("instances_distribution"); ok {
		g.sim.OnDemandBase = distribution.integer("on_demand_base_capacity", 0, maxSize, 0)
		if percent := distribution.number("on_demand_percentage_above_base_capacity", 0, 100); percent != nil {
			g.sim.OnDemandPercent = *percent
		}
		g.bid(distribution, "spot_max_price")
	}
	g.spot = g.sim.OnDemandPercent < 100
	launch, ok := b.one("launch_template")
	if !ok {
		b.refuse("%slaunch_template is not set", b.path)
		return nil
	}
	specification, ok := launch.one("launch_template_specification")
	if !ok {
		launch.refuse("%slaunch_template_specification is not set", launch.path)
		return nil
	}
	template, found := d.template(g, specification, "launch_template_id", "launch_template_name")
	if !found {
		return nil
	}
	if options, ok := template.one("instance_market_options"); ok && options.text("market_type") != "" {
		b.refuse("%s has instance_market_options, which a mixed instances policy cannot use", template.r.address)
	}
	types := overrides(launch)
	if types == nil {
		types = typeOf(template)
	}
	return types
}

// overrides are the types of a mixed instances policy in their order.
func overrides(launch block) []string {
	var types []string
	for _, override := range launch.blocks("override") {
		if weight := override.number("weighted_capacity", 1, 999); weight != nil && *weight != 1 {
			override.refuse("%sweighted_capacity is %g: sizes that are not in instances are not simulated, want 1 or unset", override.path, *weight)
		}
		if len(override.blocks("instance_requirements")) > 0 {
			override.refuse("%sinstance_requirements leaves the instance type to AWS, want instance_type", override.path)
			continue
		}
		if len(override.blocks("launch_template_specification")) > 0 {
			override.warn("%slaunch_template_specification is not read: its instances are taken for those of the group's template", override.path)
		}
		t := override.text("instance_type")
		if t == "" {
			override.refuse("%sinstance_type is not set, or not known", override.path)
		} else if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}
