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
	// TooBusy says of a promise that was not kept that this may be the machine's
	// doing: it cannot be judged.
	TooBusy bool `json:"too_busy,omitempty"`
}

// Names of promises that a slow machine can break.
const (
	promiseRescue  = "rescue after the notice, within"
	promiseDesired = "desired capacity rises by"
	promiseDropped = "dropped requests"
	promiseHooks   = "hooks run, once and in order"
	promiseStopped = "service stopped by its hook"
	promiseMarker  = "final marker written"
	promiseEnd     = "done before the end, left"
)

// usualLag is how late a machine is that has little else to do: limits have
// room for it.
const usualLag = 0.05

// callPatience is for how long an agent waits for the answer to its call for
// rescue, in seconds; where half of its budget for calls is more, for that.
const callPatience = 3

// Steps of an agent, one after the other, each of which a slow machine delays.
const (
	stepsToRescue = 4 // a poll, its answer, a look at the group, the call
	stepsToLeave  = 4 // the balancer's look at registrations, a request and its answer, the hook
	stepsOfHook   = 3 // a shell, what it starts, the record of it
	stepsOfCall   = 2 // to AWS, and the answer's way back
)

// Judge fills in the promises, and whether all were kept.
func (r *Report) Judge() {
	r.Promises = r.promises()
	r.Green = true
	r.Undecided = false
	for n := range r.Promises {
		p := &r.Promises[n]
		p.TooBusy = !p.Kept && r.tooBusy(p.Name)
		r.Green = r.Green && p.Kept
		r.Undecided = r.Undecided || p.TooBusy
	}
	for _, p := range r.Promises {
		r.Undecided = r.Undecided && (p.Kept || p.TooBusy)
	}
}

// tooBusy says whether the machine was so late that it may have broken the
// promise: what it added to the steps is more than the time that there is to
// spare for them. What time cannot excuse is not among them.
func (r Report) tooBusy(promise string) bool {
	s := r.Settings
	hook := min(s.Hooks/2, s.Flush) // as two hooks share their time
	spare := map[string]struct {
		time  float64
		steps int
	}{
		promiseDropped: {(s.Deregistration - s.Propagation) / 4, stepsToLeave}, // see Timing.Longest
		promiseHooks:   {hook, stepsOfHook},
		promiseStopped: {hook, stepsOfHook},
		promiseMarker:  {hook, stepsOfHook},
		promiseEnd:     {hook, stepsOfHook},
	}
	switch promise {
	case promiseRescue:
		return !slices.ContainsFunc(r.Instances, func(i Instance) bool {
			return i.Rescue == nil || *i.Rescue > i.Limit+i.Lag*stepsToRescue
		})
	case promiseDesired:
		// What AWS does after an agent has given up waiting is asked for again:
		// that can be too many, and never too few.
		most := 0
		for _, i := range r.Instances {
			most += i.Rescues
		}
		rise := r.Desired.After - r.Desired.Before
		return len(r.Instances) <= rise && rise <= most && r.Lag*stepsOfCall > max(callPatience, s.API/2)
	}
	is, timed := spare[promise]
	return timed && r.Lag*float64(is.steps) > is.time
}

// promises compares what was seen with what was promised.
func (r Report) promises() []Promise {
	n := len(r.Instances)
	all := fmt.Sprintf("%d of %d", n, n)
	count := func(is func(i Instance) bool) string {
		return fmt.Sprintf("%d of %d", len(slices.DeleteFunc(slices.Clone(r.Instances), func(i Instance) bool { return !is(i) })), n)
	}
	counted := func(name string, is func(i Instance) bool) Promise {
		got := count(is)
		return Promise{Name: name, Want: all, Got: got, Kept: got == all}
	}
	return []Promise{
		counted("rescue accepted", func(i Instance) bool { return i.Rescue != nil }),
		r.inTime(),
		r.desired(),
		{Name: promiseDropped, Want: "0", Got: fmt.Sprint(r.Requests.Dropped), Kept: r.Requests.Dropped == 0 && r.Requests.Sent > 0},
		counted("out of the load balancer", func(i Instance) bool { return i.Deregistered != nil }),
		counted(promiseHooks, func(i Instance) bool {
			return slices.Equal(i.Hooks, hookOrder) || i.Kills > 0 && slices.Equal(unique(i.Hooks), hookOrder)
		}),
		counted(promiseStopped, func(i Instance) bool { return i.Stopped }),
		counted(promiseMarker, func(i Instance) bool { return i.Left != nil }),
		r.beforeTheEnd(),
	}
}

// hookOrder is the order in which hooks have to run.
var hookOrder = []string{noteHook, stopHook, flushHook}

// unique is the list without what repeats the one before: a hook that was
// killed at its end is run again.
func unique(hooks []string) []string { return slices.Compact(slices.Clone(hooks)) }

// inTime is about the latency of the rescue: each instance has a limit, which
// is the longer the more was done to hinder its agent, and put off by what the
// machine was later than usual.
func (r Report) inTime() Promise {
	p := Promise{Name: promiseRescue, Want: "no rescue", Got: "no rescue"}
	p.Kept = len(r.Instances) > 0
	var worst Instance
	margin := math.Inf(1)
	for _, i := range r.Instances {
		if i.Rescue == nil {
			p.Kept = false
			continue
		}
		i.Limit += max(0, i.Lag-usualLag)
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
	return Promise{Name: promiseDesired, Want: want, Got: fmt.Sprint(rise), Kept: n <= rise && rise <= most}
}

func (r Report) beforeTheEnd() Promise {
	p := Promise{Name: promiseEnd, Want: "above 0.0 s", Got: "not done", Kept: len(r.Instances) > 0}
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
