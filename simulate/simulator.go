package simulate

import (
	"context"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// Simulator runs scenarios one after the other and keeps its memory between
// them, so that trying thousands of candidates allocates next to nothing. The
// zero value is ready. Use one per goroutine.
type Simulator struct {
	clock    clock
	model    Model
	groups   []group
	policies []policy
	alarms   []alarm
	market   market
	wanted   []wish
	sizes    []size
	overload overload
	values   []float64 // a piece of the load

	recording *recording
	names     map[string]int // groups
	rescues   int
}

// wish is the largest capacity that policies want of a group in a minute.
type wish struct {
	capacity int
	alarm    *alarm // nil: nobody wants anything
}

// piece is how many steps are read from the load at once, and how often ctx is
// asked.
const piece = 4096

// Run is the function Run on the simulator's memory.
func (sim *Simulator) Run(ctx context.Context, s Scenario) (*Result, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	sim.prepare(&s)
	total := int(s.Load.Duration() / s.Model.Step)
	perUnit := 1.0
	if s.Load.Unit() == RequestsPerSecond {
		perUnit = s.Model.CPUPerRequest
	}
	for from := 0; from < total; from += piece {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		values := sim.read(s.Load, from, min(piece, total-from))
		for i, v := range values {
			v *= perUnit
			if !(v >= 0 && v <= maxDemand) {
				return nil, badDemand(s.Load, from+i, s.Model.Step, v)
			}
			sim.tick(from+i, v)
		}
	}
	return sim.result(total), nil
}

// maxDemand bounds demand, in cores, far above any cluster.
const maxDemand = 1e9

func badDemand(load Load, step int, size time.Duration, v float64) error {
	var faults check.Errors
	at := load.Start().Add(time.Duration(step) * size).UTC().Format(time.RFC3339)
	faults.Add("load at "+at, number64(v)+" cores", "0..1e9")
	return faults.Err()
}

// read returns n steps of the load, without a copy where it was sampled so.
func (sim *Simulator) read(load Load, from, n int) []float64 {
	if s, ok := load.(*Samples); ok && s.step == sim.clock.step {
		return s.values[from : from+n]
	}
	if sim.values == nil {
		sim.values = make([]float64, piece)
	}
	load.Fill(sim.values[:n], time.Duration(from)*sim.clock.step, sim.clock.step)
	return sim.values[:n]
}

// tick runs one step: first everything that happens at its beginning, in a
// fixed order (market, instances, alarms, launches), then the work within it.
func (sim *Simulator) tick(now int, demand float64) {
	if now >= sim.market.next {
		sim.market.advance(now, sim)
	}
	for i := range sim.groups {
		if g := &sim.groups[i]; now >= g.next {
			g.advance(now, sim)
		}
	}
	minute, second := now, 0
	if sim.clock.perMinute > 1 {
		minute, second = now/sim.clock.perMinute, now%sim.clock.perMinute
	}
	if second == sim.clock.phase {
		sim.evaluate(minute, now)
	}
	changed := false
	for i := range sim.groups {
		g := &sim.groups[i]
		if g.books != g.desired || g.released > 0 {
			g.reconcile(now, sim)
		}
		changed = changed || g.changed
	}
	if changed {
		sim.refresh(now)
	}
	sim.serve(demand)
	sim.publish()
	if sim.recording != nil {
		sim.recording.step(sim, demand)
	}
	if second == sim.clock.perMinute-1 {
		for i := range sim.groups {
			sim.groups[i].metric.close(minute)
		}
	}
}

// evaluate lets alarms invoke their policies: on the transition and then every
// minute for as long as they are in ALARM, whatever their period. Of several
// policies the largest resulting capacity wins.
func (sim *Simulator) evaluate(minute, now int) {
	invoked := false
	for i := range sim.alarms {
		a := &sim.alarms[i]
		a.evaluate(minute - a.delay)
		if a.state != stateAlarm {
			continue
		}
		p := &sim.policies[a.policy]
		to, ok := p.decide(&sim.groups[p.group], a, now, &sim.model)
		if w := &sim.wanted[p.group]; ok && (w.alarm == nil || to > w.capacity) {
			*w, invoked = wish{to, a}, true
		}
	}
	if !invoked {
		return
	}
	for i, w := range sim.wanted {
		if w.alarm != nil {
			if g := &sim.groups[i]; w.capacity != g.desired {
				sim.resize(g, w.capacity, now, ByPolicy, w.alarm)
			}
			sim.wanted[i] = wish{}
		}
	}
}

// resize changes a group's desired capacity.
func (sim *Simulator) resize(g *group, to, now int, cause Cause, by *alarm) {
	g.tally.resized(g, to, now)
	if by != nil {
		p := &sim.policies[by.policy]
		if p.spec.Kind == StepScaling {
			g.policyWarmup, g.resizedAt = p.warmup, now
		}
		g.tally.await(g, to, now, by)
		if sim.recording != nil {
			sim.recording.note(g, now, cause, to, p.spec.Name, by.spec.Name)
		}
	} else if sim.recording != nil {
		sim.recording.note(g, now, cause, to, "", "")
	}
	g.desired = to
	g.changed = true
}

// note records what does not change the desired capacity.
func (sim *Simulator) note(g *group, now int, cause Cause) {
	if sim.recording != nil {
		sim.recording.note(g, now, cause, g.desired, "", "")
	}
}
