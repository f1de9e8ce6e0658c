package fleet

import "strconv"

// Release is a version of a service and of the playbook that installs it.
type Release struct {
	// Service and Playbook are versions from 1. Zero: unknown or, where a
	// release is asked for, latest-stable.
	Service  int `json:"service"`
	Playbook int `json:"playbook"`
	// SettingUp says that one is being installed, or was when the machine fell
	// silent, and Broken that the last attempt has failed.
	SettingUp bool `json:"setting_up,omitempty"`
	Broken    bool `json:"broken,omitempty"`
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
	case r.SettingUp:
		return SettingUp
	case r.Playbook == 0:
		return version(r.Service)
	}
	return version(r.Service) + " by " + version(r.Playbook)
}

// Known says that r is what a machine runs, as far as it has said.
func (r Release) Known() bool { return r.Service != 0 && !r.SettingUp && !r.Broken }

// Satisfies says that r is a known release, and the one that was wanted; a zero
// version of want asks for nothing.
func (r Release) Satisfies(want Release) bool {
	return r.Known() && (want.Service == 0 || r.Service == want.Service) && (want.Playbook == 0 || r.Playbook == want.Playbook)
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
	switch service {
	case SettingUp:
		return Release{SettingUp: true}
	case Broken:
		return Release{Broken: true}
	}
	return Release{Service: number(service), Playbook: number(playbook)}
}
