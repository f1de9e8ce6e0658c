package terraform

import (
	"cmp"
	"slices"
	"strings"
)

// assembly is a cluster as it is put together.
type assembly struct {
	*document
	groups     []*group
	byResource map[*resource]*group
	// idle is that of the Config.
	idle bool
}

// clusters puts the groups of the document together by what they register in.
func (d *document) clusters(cfg Config) []Cluster {
	var all []*group
	byResource := map[*resource]*group{}
	for _, r := range d.ofType(groupType) {
		g := d.newGroup(r, d.regionOf(r, cfg), cfg)
		d.register(g, r.get("target_group_arns"))
		d.register(g, r.get("load_balancers"))
		for _, source := range r.block(&g.findings).blocks("traffic_source") {
			d.register(g, source.get("identifier"))
		}
		all, byResource[r] = append(all, g), g
	}
	d.attach(byResource)
	d.parts(byResource)
	policies := d.policies(byResource)
	invocations := d.invocations()
	distinct(all)

	var found []Cluster
	for _, groups := range together(all) {
		c := &assembly{document: d, groups: groups, byResource: map[*resource]*group{}, idle: cfg.Idle}
		for _, g := range groups {
			c.byResource[g.resource] = g
		}
		var own []*policy
		for _, g := range groups {
			own = append(own, policies[g]...)
		}
		c.alarms(own, invocations)
		c.invoke(own)
		found = append(found, c.cluster(d.regionOf(groups[0].resource, cfg)))
	}
	return found
}

// regionOf is where a group is.
func (d *document) regionOf(r *resource, cfg Config) string {
	if cfg.Region != "" {
		return cfg.Region
	}
	if region := d.region(r); region != "" {
		return region
	}
	arn, _ := r.get("arn").(string) // not there yet: not known
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

// owner is the group that an argument of another resource names. What names
// none that is here is told once for all clusters, as it may be any's.
func (d *document) owner(r *resource, groups map[*resource]*group) *group {
	v := r.get("autoscaling_group_name")
	found, others := d.find(v, groupType, "name", "id")
	if len(found) == 1 {
		return groups[found[0]]
	}
	if text, known := v.(string); known && len(found) == 0 {
		d.findings = append(d.findings, Finding{Address: r.address, Problem: "acts on group " + clip(text) + ", which is not here: it is left out"})
		return nil
	}
	if len(found) > 1 {
		for _, candidate := range found {
			r.block(&groups[candidate].findings).refuse("autoscaling_group_name is any of %s: which of them, the plan does not tell", addresses(found))
		}
		return nil
	}
	d.findings = append(d.findings, Finding{Address: r.address, Refuses: true,
		Problem: "autoscaling_group_name is " + cmp.Or(strings.Join(others, ", "), "not set") + ", want one group that is here"})
	return nil
}

// attach registers groups by resources of their own.
func (d *document) attach(groups map[*resource]*group) {
	for _, r := range d.ofType(attachmentType) {
		if g := d.owner(r, groups); g != nil {
			d.register(g, r.get("lb_target_group_arn"))
			d.register(g, r.get("alb_target_group_arn")) // its name until provider 4
			d.register(g, r.get("elb"))
		}
	}
	for _, r := range d.ofType(sourceType) {
		if g := d.owner(r, groups); g != nil {
			for _, source := range r.block(&g.findings).blocks("traffic_source") {
				d.register(g, source.get("identifier"))
			}
		}
	}
}

// parts adds hooks, and tells what moves groups besides policies.
func (d *document) parts(groups map[*resource]*group) {
	for _, r := range d.ofType(hookType) {
		if g := d.owner(r, groups); g != nil {
			g.hook(r.block(&g.findings))
		}
	}
	for _, r := range d.ofType(scheduleType) {
		if g := d.owner(r, groups); g != nil {
			r.block(&g.findings).refuse("scheduled actions are not simulated")
		}
	}
	for _, r := range d.ofType(listenerType) {
		var findings []Finding
		for _, action := range r.block(&findings).blocks("default_action") {
			if forward, ok := action.one("forward"); ok && len(forward.blocks("target_group")) > 1 {
				d.findings = append(d.findings, Finding{Address: r.address,
					Problem: "forwards to several target groups: the groups of each are a cluster of their own, with a load of their own"})
			}
		}
	}
}

func (d *document) policies(groups map[*resource]*group) map[*group][]*policy {
	all := map[*group][]*policy{}
	for _, r := range d.ofType(policyType) {
		g := d.owner(r, groups)
		if g == nil {
			continue
		}
		if p := newPolicy(r, g); p != nil {
			all[g] = append(all[g], p)
		}
	}
	return all
}

func (c *assembly) spotSiblings(of *group) []*group {
	var siblings []*group
	for _, g := range c.groups {
		if g != of && g.spot {
			siblings = append(siblings, g)
		}
	}
	return siblings
}

// cluster is the result; groups come on-demand first, then by name.
func (c *assembly) cluster(region string) Cluster {
	slices.SortStableFunc(c.groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.sim.OnDemandPercent, a.sim.OnDemandPercent), cmp.Compare(a.sim.Name, b.sim.Name))
	})
	result := Cluster{Region: region, Findings: slices.Clone(c.findings)}
	result.Name = c.name()
	for _, g := range c.groups {
		if g.deregistration != nil {
			g.sim.DeregistrationDelay = *g.deregistration
		} else if len(g.targets) > 0 {
			g.sim.DeregistrationDelay = defaultDeregistration
			g.warn(g.address, "its target group is not here: a deregistration delay of 300 s is taken, the default")
		}
		result.Groups = append(result.Groups, g.sim)
		result.Findings = append(result.Findings, g.findings...)
	}
	result.Findings = order(result.Findings)
	return result
}

// name is what the groups' names have in common, or else the target group's or
// the first group's.
func (c *assembly) name() string {
	prefix := c.groups[0].sim.Name
	for _, g := range c.groups[1:] {
		for !strings.HasPrefix(g.sim.Name, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	if len(c.groups) > 1 {
		cut := strings.LastIndexAny(prefix, "-_/. ")
		prefix = prefix[:max(0, cut)]
	}
	if prefix != "" {
		return prefix
	}
	for _, target := range c.ofType(targetType) {
		if name, ok := target.get("name").(string); ok && name != "" && slices.Contains(c.groups[0].targets, target.address) {
			return name
		}
	}
	return c.groups[0].sim.Name
}

// distinct gives groups of the same name their addresses instead.
func distinct(groups []*group) {
	seen := map[string]int{}
	for _, g := range groups {
		seen[g.sim.Name]++
	}
	for _, g := range groups {
		if seen[g.sim.Name] > 1 {
			g.sim.Name = g.address
		}
	}
}

// together puts groups that share a target into one list, in their order.
func together(groups []*group) [][]*group {
	lists := map[string]*[]*group{}
	var all []*[]*group
	for _, g := range groups {
		list := &[]*group{g}
		all = append(all, list)
		for _, target := range g.targets {
			other := lists[target]
			if other == nil {
				lists[target] = list
				continue
			}
			if other == list {
				continue
			}
			*list = append(*list, *other...)
			*other = nil
			for name, l := range lists {
				if l == other {
					lists[name] = list
				}
			}
			lists[target] = list
		}
	}
	var found [][]*group
	for _, list := range all {
		if len(*list) > 0 {
			found = append(found, *list)
		}
	}
	return found
}
