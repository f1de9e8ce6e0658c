package terraform

import (
	"cmp"
	"slices"

	"github.com/tandem-iac/tandem/simulate"
)

// invocation is an alarm's mention of a policy.
type invocation struct {
	alarm *resource
	// argument is where, such as alarm_actions.
	argument string
	// choice are the policies of which the plan does not tell which; else empty.
	choice []*resource
}

// invocations are the mentions of each policy.
func (d *document) invocations() map[*resource][]invocation {
	all := map[*resource][]invocation{}
	for _, r := range d.ofType(alarmType) {
		for _, argument := range []string{"alarm_actions", "ok_actions", "insufficient_data_actions"} {
			actions := r.get(argument)
			invoked, _ := d.find(actions, policyType, "arn") // others are topics and the like
			i := invocation{alarm: r, argument: argument}
			if severalWays(actions, invoked) {
				i.choice = invoked
			}
			for _, policy := range invoked {
				all[policy] = append(all[policy], i)
			}
		}
	}
	return all
}

// alarms gives policies the alarms that invoke them.
func (c *assembly) alarms(policies []*policy, all map[*resource][]invocation) {
	for _, p := range policies {
		for _, i := range all[p.resource] {
			c.invoked(p, i)
		}
		slices.SortStableFunc(p.sim.Alarms, func(a, b simulate.Alarm) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
		})
	}
}

func (c *assembly) invoked(p *policy, i invocation) {
	b := i.alarm.block(&p.group.findings)
	switch {
	case i.argument != "alarm_actions":
		b.refuse("%s invokes %s, which is not simulated, want alarm_actions", i.argument, p.address)
	case i.choice != nil:
		b.refuse("alarm_actions is any of %s: which of them, the plan does not tell", addresses(i.choice))
		p.refused = true
	case !b.flag("actions_enabled", true):
		b.warn("actions_enabled is false: it invokes nothing")
	default:
		if alarm, ok := c.newAlarm(i.alarm, p); ok {
			p.sim.Alarms = append(p.sim.Alarms, alarm)
		} else {
			p.refused = true
		}
	}
}
