package logs

import (
	"cmp"
	"slices"
	"time"
)

// State is what is known about an instance's last lines.
type State string

// States of an instance.
const (
	// Complete: the final marker is there, and so is what came before it.
	Complete State = "complete"
	// Unshipped: the marker is there, but its hook could not ship all when it ran last.
	Unshipped State = "unshipped"
	// Lost: there is no marker.
	Lost State = "no marker"
	// Pending: there is no marker yet, and it may still come.
	Pending State = "pending"
)

// Verdict is an instance and its state.
type Verdict struct {
	Gone
	State State `json:"state"`
	// Marker is when the marker was read on the machine. Zero: never.
	Marker time.Time `json:"marker,omitzero"`
}

// Report is what has become of instances' last lines.
type Report struct {
	Since     time.Time `json:"since"`
	Instances []Verdict `json:"instances"`
	// Complete, Lost (Unshipped among them) and Pending count them.
	Complete int `json:"complete"`
	Lost     int `json:"lost"`
	Pending  int `json:"pending"`
}

// Judge compares what is gone with what is there. Instances that have ended
// less than settle ago may still be on their way.
func Judge(gone []Gone, traces map[string]Trace, since, now time.Time, settle time.Duration) Report {
	r := Report{Since: since, Instances: []Verdict{}}
	for _, g := range gone {
		t, v := traces[g.ID], Verdict{Gone: g}
		v.Marker = t.Marker
		switch {
		case !t.Marker.IsZero() && t.Unshipped:
			v.State = Unshipped
			r.Lost++
		case !t.Marker.IsZero():
			v.State = Complete
			r.Complete++
		case g.Ended.IsZero() || now.Sub(g.Ended) < settle:
			v.State = Pending
			r.Pending++
		default:
			v.State = Lost
			r.Lost++
		}
		r.Instances = append(r.Instances, v)
	}
	slices.SortFunc(r.Instances, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), a.Terminated.Compare(b.Terminated), cmp.Compare(a.ID, b.ID))
	})
	return r
}
