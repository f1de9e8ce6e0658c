package fleet

import "strconv"

// Release is a version of a service and of the playbook that installs it.
type Release struct {
	// Service and Playbook are versions from 1. Zero: unknown or, where a
	// release is asked for, latest-stable.
	Service  int `json:"service"`
	Playbook int `json:"playbook"`
	// Broken says that the last attempt to install one has not come to its end.
	Broken bool `json:"broken,omitempty"`
}

func (r Release) String() string {
	version := func(v int) string {
		if v == 0 {
			return "?"
		}
		return strconv.Itoa(v)
	}
	switch {
	case r.Broken:
		return Broken
	case r.Playbook == 0:
		return version(r.Service)
	}
	return version(r.Service) + " by " + version(r.Playbook)
}

// Satisfies says that r is a known release, and the one that was wanted; a zero
// version of want asks for nothing.
func (r Release) Satisfies(want Release) bool {
	known := !r.Broken && r.Service != 0
	return known && (want.Service == 0 || r.Service == want.Service) && (want.Playbook == 0 || r.Playbook == want.Playbook)
}

// ParseRelease reads what a machine says of itself; text that is no version is
// an unknown one.
func ParseRelease(service, playbook string) Release {
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0
		}
		return n
	}
	if service == Broken {
		return Release{Broken: true}
	}
	return Release{Service: number(service), Playbook: number(playbook)}
}
