package rescue

import "time"

// Notice is how long before its interruption an instance learns of it
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html).
const Notice = 2 * time.Minute

// leastNotice is what is assumed to be left where nothing is known.
const leastNotice = 10 * time.Second

// Budget is how long the steps may take. A description whose steps do not fit
// into a notice is refused before anything is planned.
type Budget struct {
	// Poll is how often the metadata service is asked, and so how old a notice
	// may be when it is seen.
	Poll time.Duration
	// API is what the calls that rescue and deregister may take, retries included.
	API time.Duration
	// Deregistration is how long the load balancer lets requests in flight go on.
	Deregistration time.Duration
	// Hooks is what the drain hooks may take together.
	Hooks time.Duration
	// Flush is what shipping the last logs may take.
	Flush time.Duration
	// Notice is how long a notice lasts. Zero: two minutes.
	Notice time.Duration
}

// Schedule holds the deadlines of a drain.
type Schedule struct {
	// API is when the calls to AWS have to have been accepted. Rescue is tried
	// beyond it, but has failed by then.
	API time.Time
	// Serve is when the service stops at the latest, requests in flight or not.
	Serve time.Time
	// Hooks is when the last drain hook is killed.
	Hooks time.Time
	// End is when the instance goes, and the flush has to have ended.
	End time.Time
}

// Schedule divides the time until end, from the end backward: flushing has its
// whole budget before it, the hooks theirs before that, and serving lasts until
// then. The calls may take what is left of that beside the deregistration
// delay, and their own budget at least. Where there is less time than hooks and
// flush take, they share it in proportion.
func (b Budget) Schedule(now, end time.Time) Schedule {
	left := max(0, end.Sub(now))
	hooks, flush := b.Hooks, b.Flush
	if both := hooks + flush; both > left {
		hooks = time.Duration(float64(left) * float64(hooks) / float64(both))
		flush = left - hooks
	}
	s := Schedule{End: end, Hooks: end.Add(-flush)}
	s.Serve = s.Hooks.Add(-hooks)
	s.API = s.Serve.Add(-b.Deregistration)
	if least := now.Add(b.API); s.API.Before(least) {
		s.API = least
	}
	return s
}

// Sighting is what is known about time when a notice is seen.
type Sighting struct {
	// Now is this machine's clock.
	Now time.Time
	// Quiet is when the service last said that there was no notice, by this
	// machine's clock. Zero: never.
	Quiet time.Time
	// Skew is how far this machine's clock is ahead of AWS's, if Known.
	Skew  time.Duration
	Known bool
}

// End returns when the instance goes, by this machine's clock, for a notice
// that names a time of AWS's, or none where at is zero.
//
// A notice never announces more than its length, so the end is at most that
// away, whatever the clocks say. Where the skew is known, the time named is
// otherwise trusted: a notice may come late. Where it is not known, the notice
// has been there for no longer than since Quiet, and so the end is no nearer
// than a notice after that.
func (b Budget) End(at time.Time, s Sighting) time.Time {
	least := time.Duration(0)
	if !s.Quiet.IsZero() {
		least = b.Notice - s.Now.Sub(s.Quiet)
	}
	left := least
	switch {
	case at.IsZero():
	case s.Known:
		left = at.Add(s.Skew).Sub(s.Now.Round(0))
		least = 0
	default:
		left = at.Sub(s.Now.Round(0))
	}
	left = min(max(left, least, min(leastNotice, b.Notice)), b.Notice)
	return s.Now.Add(left)
}
