package simulate

// policy is a scaling policy in motion.
type policy struct {
	spec     *Policy
	group    int
	cooldown int // steps; of simple policies
	warmup   int // steps; of step policies
	steps    []bounds
}

// bounds are a step's, in parts per million of CPU from the threshold.
type bounds struct {
	lower, upper       int
	lowerNil, upperNil bool
	amount             int
}

func (p *policy) reset(spec *Policy, index int, g *group) {
	steps := p.steps[:0]
	*p = policy{spec: spec, group: index, cooldown: g.t.cooldown, warmup: g.t.warmup}
	if spec.Cooldown != nil {
		p.cooldown = g.clock.steps(*spec.Cooldown)
	}
	if spec.Warmup != nil {
		p.warmup = g.clock.steps(*spec.Warmup)
	}
	for _, s := range spec.Steps {
		b := bounds{lowerNil: s.Lower == nil, upperNil: s.Upper == nil, amount: s.Amount}
		if s.Lower != nil {
			b.lower = perMillion(*s.Lower)
		}
		if s.Upper != nil {
			b.upper = perMillion(*s.Upper)
		}
		steps = append(steps, b)
	}
	p.steps = steps
}

// decide is the capacity that the policy wants when alarm a invokes it; false
// where it waits or has nothing to say.
func (p *policy) decide(g *group, a *alarm, now int, model *Model) (int, bool) {
	if p.spec.Kind == SimpleScaling {
		return p.decideSimple(g, now, model)
	}
	value := a.value
	if model.StepValue != NewestPeriod {
		value = a.rests(model.StepValue, now/g.clock.perMinute-a.delay)
	}
	if value.n == 0 {
		return 0, false
	}
	for _, b := range p.steps {
		if b.holds(value, a.threshold) {
			return p.decideStep(g, b.amount)
		}
	}
	return 0, false
}

// holds tells whether a value lies within the bounds: at or above the threshold
// the lower is inclusive, below it the upper.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func (b *bounds) holds(v total, threshold int) bool {
	offset := v.sum - threshold*v.n
	if offset >= 0 {
		return (b.lowerNil || offset >= b.lower*v.n) && (b.upperNil || offset < b.upper*v.n)
	}
	return (b.lowerNil || offset > b.lower*v.n) && (b.upperNil || offset <= b.upper*v.n)
}

// decideStep scales out from the capacity without instances that warm up, and
// never below what is already asked for; it does not scale in while any warms up.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
func (p *policy) decideStep(g *group, amount int) (int, bool) {
	base := g.desired - g.notWarm - max(0, g.desired-g.books)
	out := amount >= 0
	if p.spec.Adjustment == ExactCapacity {
		out = amount >= g.desired
	}
	if !out {
		if g.notWarm > 0 {
			return 0, false
		}
		return g.clamp(p.adjusted(g.desired, amount)), true
	}
	return max(g.desired, g.clamp(p.adjusted(max(0, base), amount))), true
}

// decideSimple waits for scaling activities and replacements, then for its
// cooldown. https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func (p *policy) decideSimple(g *group, now int, model *Model) (int, bool) {
	unfinished := g.books != g.desired && (!g.starved || model.SimpleWaitsForCapacity)
	if g.pending > 0 || g.terminating > 0 || g.ghosts > 0 || unfinished {
		return 0, false
	}
	if now-g.activityEnd < p.cooldown {
		return 0, false
	}
	wanted := g.clamp(p.adjusted(g.desired, p.spec.Amount))
	if wanted < g.desired && model.ScaleInWaitsForWarmup && g.notWarm > 0 {
		return 0, false
	}
	return wanted, true
}

// adjusted applies an amount to a capacity. Of a percentage the change is
// rounded towards zero, but a change of less than one is one.
func (p *policy) adjusted(capacity, amount int) int {
	switch p.spec.Adjustment {
	case ExactCapacity:
		return amount
	case ChangeInCapacity:
		return capacity + amount
	}
	product := capacity * amount
	delta := product / 100
	if delta == 0 && product != 0 {
		delta = 1
		if product < 0 {
			delta = -1
		}
	}
	switch least := p.spec.MinMagnitude; {
	case amount > 0:
		delta = max(delta, least)
	case amount < 0:
		delta = min(delta, -least)
	}
	return capacity + delta
}

// clamp keeps a capacity within the group's bounds.
func (g *group) clamp(n int) int { return max(g.spec.Min, min(g.spec.Max, n)) }
