package drill

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Promise is what the cluster has to keep when spot instances are interrupted.
type Promise struct {
	// Name says what is promised.
	Name string `json:"name"`
	// Want is the limit, Got what the drill has seen.
	Want string `json:"want"`
	Got  string `json:"got"`
	// Kept says whether the one is within the other.
	Kept bool `json:"kept"`
}

// promises judges what was seen.
func (r Report) promises() []Promise {
	n := len(r.Instances)
	all := fmt.Sprintf("%d of %d", n, n)
	count := func(is func(i Instance) bool) string {
		return fmt.Sprintf("%d of %d", len(slices.DeleteFunc(slices.Clone(r.Instances), func(i Instance) bool { return !is(i) })), n)
	}
	counted := func(name string, is func(i Instance) bool) Promise {
		got := count(is)
		return Promise{name, all, got, got == all}
	}
	return []Promise{
		counted("rescue accepted", func(i Instance) bool { return i.Rescue != nil }),
		r.inTime(),
		r.desired(),
		{"dropped requests", "0", fmt.Sprint(r.Requests.Dropped), r.Requests.Dropped == 0 && r.Requests.Sent > 0},
		counted("out of the load balancer", func(i Instance) bool { return i.Deregistered != nil }),
		counted("hooks run, once and in order", func(i Instance) bool {
			return slices.Equal(i.Hooks, hookOrder) || i.Kills > 0 && slices.Equal(unique(i.Hooks), hookOrder)
		}),
		counted("service stopped by its hook", func(i Instance) bool { return i.Stopped }),
		counted("final marker written", func(i Instance) bool { return i.Left != nil }),
		r.beforeTheEnd(),
	}
}

// hookOrder is the order in which hooks have to run.
var hookOrder = []string{noteHook, stopHook, flushHook}

// unique is the list without what repeats the one before: a hook that was
// killed at its end is run again.
func unique(hooks []string) []string { return slices.Compact(slices.Clone(hooks)) }

// inTime is about the latency of the rescue: each instance has a limit, which
// is the longer the more was done to hinder its agent.
func (r Report) inTime() Promise {
	p := Promise{Name: "rescue after the notice, within", Want: "no rescue", Got: "no rescue"}
	p.Kept = len(r.Instances) > 0
	var worst Instance
	margin := math.Inf(1)
	for _, i := range r.Instances {
		if i.Rescue == nil {
			p.Kept = false
			continue
		}
		if m := i.Limit - *i.Rescue; m < margin {
			margin, worst = m, i
		}
	}
	if worst.Rescue != nil {
		p.Kept = p.Kept && margin >= 0
		p.Want, p.Got = seconds(worst.Limit), seconds(*worst.Rescue)
	}
	return p
}

// desired is about the size of the on-demand group. An agent that is killed
// between its call and the answer cannot know whether AWS has acted, and calls
// again: an instance too many costs cents, one too few drops requests.
func (r Report) desired() Promise {
	n := len(r.Instances)
	rise, most := r.Desired.After-r.Desired.Before, n
	for _, i := range r.Instances {
		most += min(i.Kills, max(0, i.Rescues-1))
	}
	want := fmt.Sprintf("exactly %d", n)
	if most > n {
		want = fmt.Sprintf("%d to %d", n, most)
	}
	return Promise{"desired capacity rises by", want, fmt.Sprint(rise), n <= rise && rise <= most}
}

func (r Report) beforeTheEnd() Promise {
	p := Promise{Name: "done before the end, left", Want: "above 0.0 s", Got: "not done", Kept: len(r.Instances) > 0}
	least := math.Inf(1)
	for _, i := range r.Instances {
		if i.Left == nil {
			p.Kept = false
			continue
		}
		least = min(least, *i.Left)
	}
	if !math.IsInf(least, 1) {
		p.Got = seconds(least)
		p.Kept = p.Kept && least > 0
	}
	return p
}

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

// percentile is the smallest value that p percent of the values do not exceed.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func since(from, to time.Time) *float64 {
	if to.IsZero() {
		return nil
	}
	s := to.Sub(from).Seconds()
	return &s
}
