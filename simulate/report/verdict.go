package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// Grade is how a policy did.
type Grade string

const (
	// Good keeps the objective, loses no work, and costs at most a percent more than
	// a fleet that never changes.
	Good Grade = "good"
	// Fair has something to look at.
	Fair Grade = "fair"
	// Poor loses work, breaks the objective for long, or saves nothing.
	Poor Grade = "poor"
)

// Verdict is the answer at one look, and what speaks against the policy.
type Verdict struct {
	Grade Grade `json:"grade"`
	// Headline is one line.
	Headline string `json:"headline"`
	// Findings are what the grade rests on, the gravest first. None: all well.
	Findings []Finding `json:"findings"`
}

// Others are the findings beside the one that is the headline.
func (v Verdict) Others() []Finding {
	if len(v.Findings) == 0 {
		return nil
	}
	return v.Findings[1:]
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Grade Grade  `json:"grade"`
	Text  string `json:"text"`
}

const (
	// fairUnserved and poorUnserved are percent of all demand that nobody served.
	fairUnserved, poorUnserved = 0, 0.1
	// fairOver and poorOver are percent of the time above the objective.
	fairOver, poorOver = 0.5, 5
	// fairConstant is how much more than the best fleet of constant size, in percent
	// of its cost, a policy may cost; less is no difference worth a word.
	fairConstant = 1
	// fairFlaps is how many changes a day may be taken back.
	fairFlaps = 4
	// fairAtMax is percent of the time that a group stands at its maximum.
	fairAtMax = 1
)

// rule is one question: what it measures, from where on it is fair or poor, and
// its words. Values at or below fair are well.
type rule struct {
	value      float64
	fair, poor float64
	text       string
}

const never = 1e300

func verdict(r Run) Verdict {
	s := r.Result.Summary
	days := s.Duration.Hours() / 24
	rules := []rule{
		{share(s.Unserved, s.Demand), fairUnserved, poorUnserved,
			fmt.Sprintf("%s of the work was not served", percent(share(s.Unserved, s.Demand)))},
		{share(float64(s.OverObjective), float64(s.Duration)), fairOver, poorOver,
			fmt.Sprintf("CPU was above the objective of %g %% for %s", r.Objective, longTime(s.OverObjective))},
		{-s.PeakFleet.Saving, -minimumSaving, 0,
			"it " + saves(s.PeakFleet.Saving) + " the on-demand fleet sized for the peak"},
		{-s.ConstantFleet.Saving, fairConstant, never,
			fmt.Sprintf("it %s the best fleet of constant size: %d instances, known only in hindsight, keep the objective as well",
				saves(s.ConstantFleet.Saving), s.ConstantFleet.Instances)},
		{float64(s.Flaps) / days, fairFlaps, never,
			fmt.Sprintf("%d changes were taken back soon after: scale-out and scale-in work against each other", s.Flaps)},
	}
	for _, g := range r.Cluster.Groups {
		if onlyGrows(g) {
			rules = append(rules, rule{1, 0, never,
				fmt.Sprintf("no policy removes instances from group %s: it only grows", g.Name)})
		}
	}
	for _, g := range r.Result.Groups {
		atMax := r.atMax(g.Name)
		rules = append(rules, rule{share(float64(atMax), float64(s.Duration)), fairAtMax, never,
			fmt.Sprintf("group %s stood at its maximum for %s: it could not have followed more", g.Name, longTime(atMax))})
	}
	return grade(rules, s)
}

func saves(saving float64) string {
	if saving < 0 {
		return "costs " + percent(-saving) + " more than"
	}
	return "saves " + percent(saving) + " against"
}

// onlyGrows tells whether policies add to a group and none takes away.
func onlyGrows(g simulate.Group) bool {
	adds := false
	for _, p := range g.Policies {
		if len(p.Alarms) == 0 {
			continue // a rescue
		}
		amounts := []int{p.Amount}
		for _, s := range p.Steps {
			amounts = append(amounts, s.Amount)
		}
		if p.Adjustment == simulate.ExactCapacity || slices.Min(amounts) < 0 {
			return false
		}
		adds = adds || slices.Max(amounts) > 0
	}
	return adds && g.Max > g.Min
}

// minimumSaving is how much, in percent, a pair of groups should save.
const minimumSaving = 20

func grade(rules []rule, s simulate.Summary) Verdict {
	v := Verdict{Grade: Good, Findings: []Finding{}}
	for _, want := range []Grade{Poor, Fair} {
		for _, r := range rules {
			if r.grade() == want {
				v.Findings = append(v.Findings, Finding{Grade: want, Text: r.text})
			}
		}
	}
	if len(v.Findings) == 0 {
		v.Headline = fmt.Sprintf("keeps the objective, serves everything, at %s less cost than the on-demand fleet sized for the peak, %s",
			percent(s.PeakFleet.Saving), againstConstant(s.ConstantFleet.Saving))
		return v
	}
	v.Grade, v.Headline = v.Findings[0].Grade, v.Findings[0].Text
	return v
}

// againstConstant says how a good policy compares with the best fleet of constant size.
func againstConstant(saving float64) string {
	if saving <= fairConstant {
		return "about as much as the best fleet of constant size"
	}
	return percent(saving) + " less than the best fleet of constant size"
}

func (r rule) grade() Grade {
	switch {
	case r.value > r.poor:
		return Poor
	case r.value > r.fair:
		return Fair
	}
	return Good
}

// longTime is a duration in whole minutes, or in seconds below one.
func longTime(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case hours == 0:
		return fmt.Sprintf("%d min", minutes)
	case minutes == 0:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, minutes)
}
