package spec

import (
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// namedGroup is one of a cluster's groups under its key in the file.
type namedGroup struct {
	name string
	Group
}

func (c Cluster) groups() []namedGroup {
	return []namedGroup{{"on_demand", c.OnDemand.Group}, {"spot", c.Spot.Group}}
}

func (c Cluster) validateGroups(faults *relations, ctx clusterContext) {
	for _, group := range c.groups() {
		group.validate(faults, check.Join(ctx.path, group.name), c.Instance.Monitoring)
	}
	c.validatePrices(faults, ctx)
	faults.Require(c.OnDemand.Max > c.OnDemand.Min, ctx.path+".on_demand.max", fmt.Sprint(c.OnDemand.Max),
		fmt.Sprintf("above min, which is %d: a rescue adds an instance", c.OnDemand.Min), ctx.path+".on_demand.min")
	for _, pair := range []struct {
		path           string
		onDemand, spot float64
	}{
		{"sustained", c.OnDemand.ScaleOut.Sustained.Threshold, c.Spot.ScaleOut.Sustained.Threshold},
		{"spike", c.OnDemand.ScaleOut.Spike.Threshold, c.Spot.ScaleOut.Spike.Threshold},
	} {
		threshold := ".scale_out." + pair.path + ".threshold"
		faults.Require(pair.onDemand > pair.spot, ctx.path+".on_demand"+threshold, number(pair.onDemand),
			fmt.Sprintf("above the spot group's %s: on-demand follows only where spot fails", number(pair.spot)), ctx.path+".spot"+threshold)
	}
}

// validatePrices keeps the bid above the on-demand price of every type and the
// types on one architecture, as they share an image.
func (c Cluster) validatePrices(faults *relations, ctx clusterContext) {
	types, onDemand := ctx.path+".spot.instance_types", ctx.path+".on_demand.instance_type"
	checkDistinct(faults, types, c.Spot.InstanceTypes)
	prices := ctx.environment.pricing()
	needPrice := func(path, instanceType string) {
		_, _, known := prices.of(instanceType)
		faults.Require(known, path, quote(instanceType), prices.wantPrice(), "on_demand_prices", "region")
	}
	needPrice(onDemand, c.OnDemand.InstanceType)
	bidOn := []string{types, onDemand, "region"} // what the bid is measured by
	for i, t := range c.Spot.InstanceTypes {
		path := check.Index(types, i)
		if t != c.OnDemand.InstanceType { // or else that is told
			needPrice(path, t)
		}
		bidOn = append(bidOn, check.Join("on_demand_prices", t))
		faults.Require(isARM(t) == isARM(c.OnDemand.InstanceType), path, quote(t),
			fmt.Sprintf("a type of the architecture of on_demand.instance_type, %s: both groups start from one image", c.OnDemand.InstanceType), onDemand)
	}
	dearest, highest, source := prices.highest(c.Spot.InstanceTypes)
	faults.Require(c.Spot.MaxPrice > highest || highest == 0, ctx.path+".spot.max_price", number(c.Spot.MaxPrice),
		fmt.Sprintf("above the on-demand price of %s, %s by %s", dearest, number(highest), source), bidOn...)
}

func (g Group) validate(faults *relations, path, monitoring string) {
	faults.Require(g.Min <= g.Max, path+".min", fmt.Sprint(g.Min), fmt.Sprintf("at most max, which is %d", g.Max), path+".max")
	sustained, spike := path+".scale_out.sustained", path+".scale_out.spike"
	g.ScaleOut.Sustained.validate(faults, sustained)
	g.ScaleOut.Spike.validate(faults, spike)
	for _, alarm := range []struct {
		path        string
		period      Duration
		evaluations int
	}{
		{sustained, g.ScaleOut.Sustained.Period, g.ScaleOut.Sustained.EvaluationPeriods},
		{spike, g.ScaleOut.Spike.Period, g.ScaleOut.Spike.EvaluationPeriods},
		{path + ".scale_in", g.ScaleIn.Period, g.ScaleIn.EvaluationPeriods},
	} {
		validateAlarm(faults, alarm.path, alarm.period, alarm.evaluations, monitoring)
	}
	lowest, lowestPath := g.ScaleOut.Sustained.Threshold, sustained
	if spiked := g.ScaleOut.Spike.Threshold; spiked < lowest {
		lowest, lowestPath = spiked, spike
	}
	faults.Require(g.ScaleIn.Threshold <= lowest-scaleInMargin, path+".scale_in.threshold", number(g.ScaleIn.Threshold),
		fmt.Sprintf("at most %s: %d points below the lowest scale-out threshold, %s", number(lowest-scaleInMargin), scaleInMargin, number(lowest)),
		lowestPath+".threshold")
}

// validateAlarm keeps the period to what CloudWatch accepts and the instances publish.
func validateAlarm(faults *relations, path string, period Duration, evaluations int, monitoring string) {
	step := Duration(time.Minute)
	want := "whole minutes"
	if monitoring == MonitoringBasic {
		step, want = basicPeriod, "a multiple of 5m, as often as basic monitoring publishes, or instance.monitoring detailed"
	}
	faults.Require(period%step == 0, path+".period", period.String(), want)
	if period > 0 && evaluations > 0 {
		faults.Require(evaluations <= int(maxAlarmSpan/period), path+".evaluation_periods", fmt.Sprint(evaluations),
			fmt.Sprintf("at most %d: an alarm spans a day, and the period is %s", maxAlarmSpan/period, period), path+".period")
	}
}

// validate requires steps that cover everything from the threshold upward.
func (p StepPolicy) validate(faults *relations, path string) {
	faults.Require(p.Unit != UnitInstances || p.MinimumAdd == 0, path+".minimum_add", fmt.Sprint(p.MinimumAdd),
		"unset: with unit instances each step says how many", path+".unit")
	last := len(p.Steps) - 1
	for i, step := range p.Steps {
		at := check.Index(path+".steps", i)
		if i == 0 {
			faults.Require(step.From == p.Threshold, at+".from", number(step.From), "the threshold, which is "+number(p.Threshold), path+".threshold")
		} else if before := p.Steps[i-1].To; before != nil {
			faults.Require(step.From == *before, at+".from", number(step.From), "the end of the step before, "+number(*before),
				check.Index(path+".steps", i-1)+".to")
		}
		switch {
		case step.To == nil:
			faults.Require(i == last, at+".to", "", "the CPU at which the next step begins: only the last step is open")
		case i == last:
			faults.Add(at+".to", number(*step.To), "unset: the last step is open")
		default:
			faults.Require(*step.To > step.From, at+".to", number(*step.To), "above from, which is "+number(step.From), at+".from")
		}
	}
}
