package tune

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// Parameter is a value of a cluster's description that can be searched.
type Parameter struct {
	// Path is the value's below the cluster, such as spot.scale_in.threshold.
	// That of a step's beginning, steps[1].from, counts from the beginning of
	// the step before.
	Path string
	// Low and High are what is searched by default, both included, Step how far
	// apart values are. Durations are in seconds. Low equals High: it stays.
	Low, High, Step float64
	// Least and Most are what the description takes.
	Least, Most float64
	// Duration tells that the value is one, Whole that it has no fraction.
	Duration, Whole bool

	get func(*spec.Cluster) float64
	set func(*spec.Cluster, float64)
}

// Of returns the parameter's value in a cluster with as many steps as the one
// that Parameters was asked for.
func (p Parameter) Of(c spec.Cluster) float64 { return p.get(&c) }

// Format prints a value as the description has it.
func (p Parameter) Format(v float64) string {
	if p.Duration {
		return seconds(v).String()
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// parse reads a value that a range may begin or end with.
func (p Parameter) parse(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if p.Duration {
		d, ok := spec.ParseDuration(text)
		if !ok {
			return 0, fmt.Errorf("%q is no duration, want such as %s", text, p.Format(p.Low))
		}
		v, err = float64(d.Seconds()), nil
	}
	switch {
	case err != nil || math.IsNaN(v):
		return 0, fmt.Errorf("%q is no number", text)
	case p.Whole && v != math.Trunc(v):
		return 0, fmt.Errorf("%s is no whole number", text)
	}
	if !(v >= p.Least && v <= p.Most) {
		return 0, fmt.Errorf("%s is not within %s..%s", text, p.Format(p.Least), p.Format(p.Most))
	}
	return v, nil
}

func seconds(v float64) spec.Duration { return spec.Duration(v * float64(time.Second)) }

// snap is the nearest value between low and high, which are searched, that is a
// whole number of steps from low.
func (p Parameter) snap(v float64) float64 {
	steps := math.Round((v - p.Low) / p.Step)
	v = p.Low + max(0, steps)*p.Step
	if v > p.High {
		v = p.Low + math.Floor((p.High-p.Low)/p.Step+1e-9)*p.Step
	}
	return math.Round(v*1e6) / 1e6
}

// Parameters lists what can be searched in a cluster whose defaults are filled
// in, with the default ranges.
func Parameters(c spec.Cluster) []Parameter {
	heartbeat := float64(c.Drain.Heartbeat.Seconds())
	least := 60.0 // what instances publish
	if c.Instance.Monitoring == spec.MonitoringBasic {
		least = 300
	}
	list := groupParameters(groupContext{"on_demand", c.OnDemand.Group, heartbeat, least, 15,
		func(c *spec.Cluster) *spec.Group { return &c.OnDemand.Group }})
	list = append(list, groupParameters(groupContext{"spot", c.Spot.Group, heartbeat, least, 0,
		func(c *spec.Cluster) *spec.Group { return &c.Spot.Group }})...)
	list = append(list, bid(c))
	for i, p := range list {
		if now := p.get(&c); p.Low != p.High { // the present is within reach
			list[i].Low, list[i].High = min(p.Low, now), max(p.High, now)
		}
	}
	return list
}

// bid stays by default: what is paid is the market price.
func bid(c spec.Cluster) Parameter {
	return Parameter{Path: "spot.max_price", Low: c.Spot.MaxPrice, High: c.Spot.MaxPrice, Step: 0.001, Least: 0.0001, Most: 1000,
		get: func(c *spec.Cluster) float64 { return c.Spot.MaxPrice },
		set: func(c *spec.Cluster, v float64) { c.Spot.MaxPrice = v }}
}

type groupContext struct {
	path      string
	present   spec.Group
	heartbeat float64 // s, below which no cooldown may be
	published float64 // s, of which periods are multiples
	higher    float64 // points of CPU by which on-demand's thresholds are above spot's
	group     func(*spec.Cluster) *spec.Group
}

// groupParameters has one line a parameter: path, default range, what the
// description takes.
func groupParameters(g groupContext) []Parameter {
	largest := float64(min(g.present.Max, max(3, 2*g.present.Min)))
	size := float64(g.present.Max)
	list := []Parameter{
		g.number("min", 1, largest, 1, 1000, func(g *spec.Group) *int { return &g.Min }),
		g.number("max", size, size, 1, 1000, func(g *spec.Group) *int { return &g.Max }),
		g.duration("warmup", 60, 300, 30, 1, 3600, func(g *spec.Group) *spec.Duration { return &g.Warmup }),
	}
	list = append(list, g.policy("scale_out.sustained", 35+g.higher, 80+g.higher, 10, func(g *spec.Group) *spec.StepPolicy { return &g.ScaleOut.Sustained })...)
	list = append(list, g.policy("scale_out.spike", 60+g.higher, 99, 3, func(g *spec.Group) *spec.StepPolicy { return &g.ScaleOut.Spike })...)
	return append(list, g.scaleIn()...)
}

// policy has the parameters of a step policy, whose period may be up to so many
// minutes.
func (g groupContext) policy(path string, low, high, minutes float64, of func(*spec.Group) *spec.StepPolicy) []Parameter {
	p := of(&g.present)
	threshold := Parameter{Path: check.Join(g.path, path+".threshold"), Low: low, High: min(high, 99), Step: 1, Least: 1, Most: 100,
		get: func(c *spec.Cluster) float64 { return of(g.group(c)).Threshold },
		set: func(c *spec.Cluster, v float64) { shift(of(g.group(c)), v) }}
	list := []Parameter{
		threshold,
		g.duration(path+".period", g.published, g.published*math.Max(1, math.Floor(minutes*60/g.published)), g.published, 60, 86400,
			func(g *spec.Group) *spec.Duration { return &of(g).Period }),
		g.number(path+".evaluation_periods", 1, 3, 1, 1440, func(g *spec.Group) *int { return &of(g).EvaluationPeriods }),
	}
	add := [3]float64{5, 60, 5}
	if p.Unit == spec.UnitInstances {
		add = [3]float64{1, 5, 1}
	} else {
		list = append(list, g.number(path+".minimum_add", 1, 3, 1, 1000, func(g *spec.Group) *int { return &of(g).MinimumAdd }))
	}
	for i := range p.Steps {
		list = append(list, g.number(fmt.Sprintf("%s.steps[%d].add", path, i), add[0], add[1], add[2], 1000,
			func(g *spec.Group) *int { return &of(g).Steps[i].Add }))
		if i > 0 {
			list = append(list, Parameter{Path: check.Join(g.path, fmt.Sprintf("%s.steps[%d].from", path, i)), Low: 5, High: 30, Step: 1, Least: 1, Most: 99,
				get: func(c *spec.Cluster) float64 { steps := of(g.group(c)).Steps; return steps[i].From - steps[i-1].From },
				set: func(c *spec.Cluster, v float64) { widen(of(g.group(c)), i, v) }})
		}
	}
	return list
}

func (g groupContext) scaleIn() []Parameter {
	remove := [3]float64{5, 50, 5}
	if g.present.ScaleIn.Unit == spec.UnitInstances {
		remove = [3]float64{1, 3, 1}
	}
	shortest := math.Max(60, math.Ceil((g.heartbeat+1)/30)*30)
	return []Parameter{
		{Path: check.Join(g.path, "scale_in.threshold"), Low: 15, High: 60, Step: 1, Least: 1, Most: 100,
			get: func(c *spec.Cluster) float64 { return g.group(c).ScaleIn.Threshold },
			set: func(c *spec.Cluster, v float64) { g.group(c).ScaleIn.Threshold = v }},
		g.duration("scale_in.period", g.published, math.Max(300, g.published), g.published, 60, 86400, func(g *spec.Group) *spec.Duration { return &g.ScaleIn.Period }),
		g.number("scale_in.evaluation_periods", 2, 20, 1, 1440, func(g *spec.Group) *int { return &g.ScaleIn.EvaluationPeriods }),
		g.number("scale_in.remove", remove[0], remove[1], remove[2], 100, func(g *spec.Group) *int { return &g.ScaleIn.Remove }),
		g.duration("scale_in.cooldown", shortest, math.Max(900, shortest), 30, 60, 86400, func(g *spec.Group) *spec.Duration { return &g.ScaleIn.Cooldown }),
	}
}

func (g groupContext) number(path string, low, high, step, most float64, field func(*spec.Group) *int) Parameter {
	return Parameter{Path: check.Join(g.path, path), Low: low, High: high, Step: step, Least: 1, Most: most, Whole: true,
		get: func(c *spec.Cluster) float64 { return float64(*field(g.group(c))) },
		set: func(c *spec.Cluster, v float64) { *field(g.group(c)) = int(v) }}
}

func (g groupContext) duration(path string, low, high, step, least, most float64, field func(*spec.Group) *spec.Duration) Parameter {
	return Parameter{Path: check.Join(g.path, path), Low: low, High: high, Step: step, Least: least, Most: most, Duration: true,
		get: func(c *spec.Cluster) float64 { return float64(field(g.group(c)).Seconds()) },
		set: func(c *spec.Cluster, v float64) { *field(g.group(c)) = seconds(v) }}
}

// shift moves a threshold and all steps with it.
func shift(p *spec.StepPolicy, threshold float64) {
	by := threshold - p.Threshold
	p.Threshold = threshold
	for i := range p.Steps {
		p.Steps[i].From += by
	}
	p.Steps[0].From = threshold
	joinSteps(p)
}

// widen gives the step before i a width, and moves those from i on.
func widen(p *spec.StepPolicy, i int, width float64) {
	by := p.Steps[i-1].From + width - p.Steps[i].From
	for k := i; k < len(p.Steps); k++ {
		p.Steps[k].From += by
	}
	joinSteps(p)
}

// joinSteps lets each step end where the next begins.
func joinSteps(p *spec.StepPolicy) {
	for i := 1; i < len(p.Steps); i++ {
		to := p.Steps[i].From
		p.Steps[i-1].To = &to
	}
}

// trim takes away the steps that begin where CPU cannot be.
func trim(p *spec.StepPolicy) {
	for n := len(p.Steps) - 1; n > 0 && p.Steps[n].From >= 100; n-- {
		p.Steps = p.Steps[:n]
		p.Steps[n-1].To = nil
	}
}

// policies are the step policies of a cluster.
func policies(c *spec.Cluster) []*spec.StepPolicy {
	return []*spec.StepPolicy{
		&c.OnDemand.ScaleOut.Sustained, &c.OnDemand.ScaleOut.Spike, &c.Spot.ScaleOut.Sustained, &c.Spot.ScaleOut.Spike,
	}
}

// build returns the present policy with other values.
func build(present spec.Cluster, parameters []Parameter, values []float64) spec.Cluster {
	c := present
	for _, p := range policies(&c) {
		p.Steps = slices.Clone(p.Steps)
	}
	for i, p := range parameters {
		if values[i] != p.get(&c) {
			p.set(&c, values[i])
		}
	}
	for _, p := range policies(&c) {
		trim(p)
	}
	return c
}
