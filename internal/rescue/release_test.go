package rescue_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/rescue/metric"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// Two instances of a cluster that run different releases show in one metric.
func TestReleaseIsReported(t *testing.T) {
	w := newWorld(t, rescuetest.Size{Spot: 2, OnDemand: 1, Max: 10})
	other := &world{T: t, Cloud: w.Cloud}
	other.equip(w.Instances[1], t.TempDir())
	none := &world{T: t, Cloud: w.Cloud}
	none.equip("i-0123456789abcdef0", t.TempDir())
	none.write("etc/tandem/release", "PLAYBOOK_VERSION=7\n", 0o644)
	w.write("etc/tandem/release", "SERVICE_VERSION=42\nPLAYBOOK_VERSION=7\n", 0o644)
	other.write("etc/tandem/release", "SERVICE_VERSION=43\nPLAYBOOK_VERSION=7\n", 0o644)
	reported := func() rescuetest.Reported {
		t.Helper()
		r, err := w.Reported(t.Context(), metric.Release, "test", "web")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, agent := range []*world{w, other, none} {
		agent.config.ReleaseEvery = 200 * time.Millisecond
		agent.start()
	}
	w.until("both are reported", func() bool { r := reported(); return r.Minimum == 42 && r.Maximum == 43 })
	for agent, want := range map[*world]string{w: "42", other: "43", none: ""} {
		if got := agent.metric("spotwatch_release"); got != want {
			t.Errorf("spotwatch_release is %q, want %q", got, want)
		}
	}
	// The record is read each time.
	w.write("etc/tandem/release", "SERVICE_VERSION=44\n", 0o644)
	w.until("the new one is reported", func() bool { return reported().Maximum == 44 })
	if got := w.metric("spotwatch_release"); got != "44" {
		t.Errorf("spotwatch_release is %q, want 44", got)
	}
	if r := reported(); r.Minimum != 42 {
		t.Errorf("%v was reported, the machine without a record too", r.Minimum)
	}
}

// Without a record, with one that is not a number, and before its time, there is
// nothing to say.
func TestNoReleaseIsReported(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.config.ReleaseEvery = 20 * time.Millisecond
	for n, record := range []string{"", "SERVICE_VERSION=\n", "SERVICE_VERSION=0\n", "SERVICE_VERSION=-1\n", "SERVICE_VERSION=NaN\n", "SERVICE_VERSION=1e3\n", "XSERVICE_VERSION=4\n"} {
		w.write("etc/tandem/release", record, 0o644)
		w.start()
		time.Sleep(10 * w.config.ReleaseEvery)
		if got := w.metric("spotwatch_release"); got != "" {
			t.Errorf("%d: spotwatch_release is %s after %q", n, got, record)
		}
		w.stop()
	}
	if n := len(w.Calls("PutMetricData")); n != 0 {
		t.Errorf("put %d times", n)
	}
	w.write("etc/tandem/release", "SERVICE_VERSION=42\n", 0o644)
	w.config.ReleaseEvery = time.Hour
	w.start()
	time.Sleep(300 * time.Millisecond)
	if n := len(w.Calls("PutMetricData")); n != 0 { // fails once in twelve thousand times
		t.Errorf("put %d times at once: a fleet that starts together would report together", n)
	}
}

// CloudWatch refuses, or does not answer: it is said once, and neither rescue
// nor what the rescue has to report waits for it.
func TestReleaseThatCannotBeReported(t *testing.T) {
	for name, fault := range map[string]func(release <-chan struct{}) rescuetest.Fault{
		"refused": func(<-chan struct{}) rescuetest.Fault {
			return rescuetest.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		},
		"silent": func(release <-chan struct{}) rescuetest.Fault {
			return rescuetest.Fault{Before: func() { <-release }, Drop: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, defaultSize)
			w.config.ReleaseEvery = 50 * time.Millisecond
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			w.Faults(func(c rescuetest.Call) rescuetest.Fault {
				if c.Action == "PutMetricData" && (c.N <= 3 || name == "silent") {
					return fault(release)
				}
				return rescuetest.Fault{}
			})
			w.start()
			w.until("CloudWatch is asked", func() bool { return len(w.Calls("PutMetricData")) > 0 })
			w.interrupt()
			w.rescuedOnce()
			if name == "silent" {
				return
			}
			if n := len(w.log.entries("cannot report the release")); n != 1 {
				t.Errorf("said %d times that it cannot be reported, want once", n)
			}
			w.until("it is reported in the end", func() bool {
				r, err := w.Reported(t.Context(), metric.Release, "test", "web")
				return err == nil && r.Maximum == 42
			})
			w.until("so is the rescue", func() bool {
				r, err := w.Reported(t.Context(), metric.Rescues, "test", "web")
				return err == nil && r.Sum == 1
			})
		})
	}
}
