package rescue_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tandem-iac/tandem/internal/imds"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/rescue"
	"github.com/tandem-iac/tandem/internal/rescuetest"
)

// rescuedOnce drains to the end and checks that one instance was added.
func (w *world) rescuedOnce() {
	w.Helper()
	w.drained()
	w.until("rescue is reported", w.logged("rescued"))
	w.desired(2)
	w.registered(false)
}

func TestMetadataServiceFails(t *testing.T) {
	var n atomic.Int64
	for _, test := range []struct {
		name  string
		fault func(path string) *rescuetest.Answer
		// logged is what the agent says about it, once for as long as it lasts.
		logged string
	}{
		{"down", func(string) *rescuetest.Answer { return &rescuetest.Answer{} }, "the metadata service does not say"},
		{"silent", func(string) *rescuetest.Answer { return &rescuetest.Answer{Status: -1} }, "the metadata service does not say"},
		{"failing", func(string) *rescuetest.Answer { return &rescuetest.Answer{Status: http.StatusServiceUnavailable} }, "the metadata service does not say"},
		{"malformed", func(path string) *rescuetest.Answer {
			if path == imds.InstanceActionPath {
				return &rescuetest.Answer{Status: http.StatusOK, Body: `{"action":"term`}
			}
			return nil
		}, "the metadata service does not say"},
		{"refusing every token", func(path string) *rescuetest.Answer {
			if path != "/latest/api/token" {
				return &rescuetest.Answer{Status: http.StatusUnauthorized}
			}
			return nil
		}, "the metadata service does not say"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, defaultSize)
			w.start()
			w.metadata.Faults(test.fault)
			w.until("it is noticed", w.logged(test.logged))
			time.Sleep(5 * budget.Poll)
			w.desired(1)
			w.registered(true)
			said := map[any]int{}
			for _, entry := range w.log.entries(test.logged) {
				if said[entry["path"]]++; said[entry["path"]] > 1 {
					t.Errorf("said again of %s", entry["path"])
				}
			}
			w.metadata.Faults(nil)
			w.interrupt()
			w.rescuedOnce()
			if len(w.log.entries("the metadata service answers again")) == 0 {
				t.Error("no word that it answers again")
			}
		})
	}
	t.Run("a notice that cannot be read, and a group that terminates", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.start()
		w.metadata.Faults(func(path string) *rescuetest.Answer {
			if path == imds.InstanceActionPath {
				return &rescuetest.Answer{Status: http.StatusOK, Body: `{}`}
			}
			return nil
		})
		w.metadata.Target("Terminated")
		w.drained()
		w.registered(false)
		w.desired(1)
	})
	t.Run("flapping", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.metadata.Faults(func(string) *rescuetest.Answer {
			if n.Add(1)%3 != 0 {
				return &rescuetest.Answer{}
			}
			return nil
		})
		w.start()
		w.interrupt()
		w.rescuedOnce()
	})
	t.Run("slow", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.start()
		w.metadata.Faults(func(string) *rescuetest.Answer {
			time.Sleep(3 * budget.Poll) // so that one poll takes as long as nine
			return nil
		})
		w.interrupt()
		w.rescuedOnce()
	})
	t.Run("a token that has expired", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.start()
		if got := w.metadata.Tokens(); got != 1 {
			t.Errorf("%d tokens, want one", got)
		}
		var refused atomic.Bool
		w.metadata.Faults(func(path string) *rescuetest.Answer {
			if path != "/latest/api/token" && refused.CompareAndSwap(false, true) {
				return &rescuetest.Answer{Status: http.StatusUnauthorized}
			}
			return nil
		})
		w.interrupt()
		w.rescuedOnce()
		if got := w.metadata.Tokens(); got != 2 {
			t.Errorf("%d tokens, want a second one", got)
		}
	})
	t.Run("not there when the agent starts", func(t *testing.T) {
		w := newWorld(t, defaultSize)
		w.metadata.Faults(func(string) *rescuetest.Answer { return &rescuetest.Answer{} })
		time.AfterFunc(300*time.Millisecond, func() { w.metadata.Faults(nil) })
		w.interrupt()
		w.start()
		w.rescuedOnce()
	})
}

// A clock that is wrong changes nothing, whether the metadata service says what
// time it is or not.
func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-90 * time.Second, 90 * time.Second} {
		for _, dateless := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dateless %v", skew, dateless), func(t *testing.T) {
				w := newWorld(t, defaultSize)
				w.hook("10-stop", "")
				w.metadata.Skew(skew, dateless)
				w.start()
				time.Sleep(2 * budget.Poll)
				w.interrupt()
				w.rescuedOnce()
				left := w.log.entries("interruption notice")[0]["seconds_left"].(float64)
				if want := budget.Notice.Seconds(); left > want || left < want-2.2 { // times are in seconds
					t.Errorf("%v s are left, want about %v", left, want)
				}
				if w.read("hooks") != "10-stop\n" {
					t.Error("the hook has not run")
				}
			})
		}
	}
}

func TestScalingFails(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault rescuetest.Fault
	}{
		{"throttled", rescuetest.Fault{Status: http.StatusBadRequest, Code: "Throttling"}},
		{"contended", rescuetest.Fault{Status: http.StatusInternalServerError, Code: "ResourceContention"}},
		{"activity in progress", rescuetest.Fault{Status: http.StatusBadRequest, Code: "ScalingActivityInProgress"}},
		{"internal failure", rescuetest.Fault{Status: http.StatusInternalServerError, Code: "InternalFailure"}},
		{"connection cut", rescuetest.Fault{Drop: true}},
		// It has been carried out, and must not be again.
		{"answer lost", rescuetest.Fault{DropAnswer: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, defaultSize)
			w.Faults(func(c rescuetest.Call) rescuetest.Fault {
				if c.N <= 2 && c.Action != "DescribeAutoScalingGroups" && c.Action != "PutMetricData" {
					return test.fault
				}
				return rescuetest.Fault{}
			})
			w.start()
			w.interrupt()
			w.rescuedOnce()
		})
	}
}

func TestRescueIsRefused(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.hook("10-stop", "")
	w.Faults(func(c rescuetest.Call) rescuetest.Fault {
		if c.Action == "ExecutePolicy" {
			return rescuetest.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return rescuetest.Fault{}
	})
	w.start()
	w.interrupt()
	w.drained()
	w.desired(1)
	w.registered(false)
	if w.read("hooks") != "10-stop\n" {
		t.Error("the hook has not run: draining waits for rescue")
	}
	if n := len(w.log.entries("rescue failed: nobody takes over yet")); n != 1 {
		t.Errorf("it is said %d times that rescue failed, want once", n)
	}
	if got := w.metric("spotwatch_rescue_failures_total"); got != "1" {
		t.Errorf("counted %s failures, want 1", got)
	}
	if n := len(w.Calls("ExecutePolicy")); n < 2 {
		t.Errorf("tried %d times, want more", n)
	}
}

func TestGroupAtMaximum(t *testing.T) {
	w := newWorld(t, rescuetest.Size{Spot: 1, OnDemand: 2, Max: 2})
	w.start()
	w.interrupt()
	w.until("it is said", w.logged("the group is at its maximum: nothing was added; raise on_demand.max"))
	w.desired(2)
	if got := w.metric("spotwatch_rescue_group_at_max_total"); got != "1" {
		t.Errorf("counted %s, want 1", got)
	}
	w.drained()
}

// The desired capacity cannot be had: rescue goes on without.
func TestNobodyMayLook(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.Faults(func(c rescuetest.Call) rescuetest.Fault {
		if c.Action == "DescribeAutoScalingGroups" {
			return rescuetest.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return rescuetest.Fault{}
	})
	w.start()
	w.interrupt()
	w.until("rescue is accepted", w.logged("rescue accepted"))
	w.drained()
	w.desired(2)
}

// Fifty instances in one second: what each adds is added, up to the maximum.
func TestManyAtOnce(t *testing.T) {
	for _, test := range []struct{ instances, max, want int }{{50, 100, 51}, {12, 8, 8}} {
		t.Run(fmt.Sprintf("%d with room for %d", test.instances, test.max), func(t *testing.T) {
			w := newWorld(t, rescuetest.Size{Spot: test.instances, OnDemand: 1, Max: test.max})
			var agents []*world
			for _, id := range w.Instances {
				agent := &world{T: t, Cloud: w.Cloud}
				agent.equip(id, t.TempDir())
				agent.config.Budget = rescue.Budget{
					Poll: time.Second, API: time.Minute, Deregistration: time.Second, Hooks: time.Second, Flush: time.Second, Notice: 2 * time.Minute,
				}
				agent.config.Metadata = imds.New(imds.Config{Endpoint: agent.metadata.URL, Timeout: 10 * time.Second})
				agent.metadata.Interrupt(imds.ActionTerminate, time.Now().Add(2*time.Minute))
				agents = append(agents, agent)
			}
			for _, agent := range agents {
				agent.start()
			}
			capped := 0
			for _, agent := range agents {
				agent.until("it is rescued", func() bool { return agent.metric("spotwatch_rescues_total") == "1" })
				if agent.metric("spotwatch_rescue_group_at_max_total") == "1" {
					capped++
				}
			}
			w.desired(test.want)
			if least := max(0, 1+test.instances-test.max); capped < least || least == 0 && capped > 0 {
				t.Errorf("%d agents report the maximum, want %d at least", capped, least)
			}
			for _, agent := range agents {
				agent.stop()
			}
		})
	}
}

// A disk that takes nothing stops nobody; what has been done is kept in memory.
func TestReadOnlyDisk(t *testing.T) {
	needs.Root(t)
	w := newWorld(t, defaultSize)
	state := filepath.Join(w.config.Root, "var/lib/spotwatch")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("full", state, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		needs.Skip(t, "cannot mount: "+err.Error())
	}
	defer func() {
		if err := unix.Unmount(state, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	w.start()
	w.interrupt()
	w.rescuedOnce()
	if got := w.metric("spotwatch_journal_errors_total"); got == "0" {
		t.Error("nobody counts that the journal cannot be written")
	}
	// Restarted, it finds the copy in /run.
	w.stop()
	w.start()
	time.Sleep(5 * budget.Poll)
	w.desired(2)
	if n := len(w.log.entries(rescue.MarkerMessage)); n != 1 {
		t.Errorf("%d markers, want one", n)
	}
}

func TestFullDisk(t *testing.T) {
	needs.Root(t)
	w := newWorld(t, defaultSize)
	for _, directory := range []string{"var/lib/spotwatch", "run/spotwatch"} {
		directory = filepath.Join(w.config.Root, directory)
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("full", directory, "tmpfs", 0, "size=4k"); err != nil {
			needs.Skip(t, "cannot mount: "+err.Error())
		}
		defer func() {
			if err := unix.Unmount(directory, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}()
		if err := os.WriteFile(filepath.Join(directory, "core"), make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	w.interrupt()
	w.rescuedOnce()
	if !strings.Contains(w.log.String(), "kept in memory alone") {
		t.Error("no word about the journal")
	}
}

// The journal of another instance, such as the one this image was made from,
// says nothing about this one; one that is damaged stops nobody.
func TestForeignAndDamagedJournals(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.write("var/lib/spotwatch/i-0123456789abcdef0.json", `{"instance":"i-0123456789abcdef0","sequence":9,"rescue":{"state":"done"}}`, 0o600)
	w.write("var/lib/spotwatch/"+w.id+".json", `{"instance":"i-0123456789abcdef0","sequence":9,"rescue":{"state":"done"`, 0o600)
	w.start()
	w.interrupt()
	w.rescuedOnce()
}

// An instance that was stopped and lives again may be interrupted again.
func TestAnotherLife(t *testing.T) {
	w := newWorld(t, defaultSize)
	w.write("proc/sys/kernel/random/boot_id", "second\n", 0o644)
	journal, err := json.Marshal(map[string]any{
		"instance": w.id, "boot": "first", "sequence": 9, "rescue": map[string]string{"state": "done"},
		"drain": map[string]any{"reason": "interruption", "action": "stop", "end": time.Now().Add(-time.Hour), "finished": time.Now().Add(-time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.write("var/lib/spotwatch/"+w.id+".json", string(journal), 0o600)
	w.start()
	w.interrupt()
	w.rescuedOnce()
}
