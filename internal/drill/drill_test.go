package drill_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/drill"
	"github.com/tandem-iac/tandem/internal/drilltest"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/spec"
)

const serviceArgument = "be-the-service"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serviceArgument {
		// As it is not asked to, it ends with SIGTERM at once.
		if err := drill.Serve(context.Background(), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	// Drills wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(mototest.Main(m))
}

var accounts atomic.Int64

func config(t *testing.T, directory string) drill.Config {
	t.Helper()
	env := spec.Environment{Name: "drill", Region: "eu-west-1", OnDemandPrices: map[string]float64{"m4.large": 0.1}, Clusters: map[string]spec.Cluster{"web": {}}}
	web := env.WithDefaults().Clusters["web"]
	const scale = 10
	return drill.Config{
		Environment: "drill", Cluster: "web", Spec: web,
		Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Account: fmt.Sprintf("%012d", accounts.Add(1)),
		Timing: drill.RealTiming(web).Scale(scale), Scale: scale,
		Interruptions: 1, Rate: 40, Slack: 300 * time.Millisecond, Seed: 1,
		Programs: drill.Programs{
			Spotwatch: directory + "/spotwatch", MetadataMock: directory + "/ec2-metadata-mock",
			Service: []string{os.Args[0], serviceArgument},
		},
		Progress: func(message string) { t.Log(time.Now().Format("15:04:05.000"), message) },
	}
}

// judge runs a drill and returns the promises that were broken, beside those
// that the machine was too busy to judge.
func judge(t *testing.T, cfg drill.Config) (drill.Report, []string) {
	t.Helper()
	report, err := drill.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	for _, p := range report.Promises {
		t.Logf("%-35s %-12s %-10s %v", p.Name, p.Want, p.Got, p.Kept)
		if !p.Kept && !p.TooBusy {
			broken = append(broken, p.Name)
		}
	}
	t.Logf("machine lag %.3f s, requests %+v", report.Lag, report.Requests)
	if report.Green != !slices.ContainsFunc(report.Promises, func(p drill.Promise) bool { return !p.Kept }) {
		t.Errorf("green is %v", report.Green)
	}
	return report, broken
}

func TestDrill(t *testing.T) {
	t.Parallel()
	programs := drilltest.Build(t)
	for name, test := range map[string]struct {
		change func(c *drill.Config)
		// broken are promises that have to be broken. Nil: none may be.
		broken []string
		look   func(t *testing.T, r drill.Report)
	}{
		"several at once": {
			change: func(c *drill.Config) { c.Interruptions = 3 },
			look: func(t *testing.T, r drill.Report) {
				if r.Desired.Before != 1 || r.Desired.After != 4 || r.Requests.Sent == 0 || len(r.Instances) != 3 || r.Latency.P50 <= 0 {
					t.Errorf("got %+v", r)
				}
			},
		},
		"chaos": {
			change: func(c *drill.Config) { c.Chaos = true },
			look: func(t *testing.T, r drill.Report) {
				if r.Chaos == nil || r.Chaos.Kills < 2 || r.Chaos.MetadataOutages != 1 || r.Chaos.APIOutages != 1 {
					t.Errorf("chaos is %+v", r.Chaos)
				}
			},
		},
		"an agent that serves on for too short": {
			change: func(c *drill.Config) {
				c.Settings = map[string]string{"TANDEM_DEREGISTRATION_SECONDS": "0.1"}
			},
			broken: []string{"dropped requests"},
		},
		"agents that are not started again": {
			change: func(c *drill.Config) { c.Chaos, c.NoRestart = true, true },
			broken: []string{"rescue accepted", "desired capacity rises by", "out of the load balancer", "final marker written", "dropped requests"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, programs)
			test.change(&cfg)
			report, broken := judge(t, cfg)
			if test.look != nil {
				test.look(t, report)
			}
			for _, want := range test.broken {
				if slices.ContainsFunc(report.Promises, func(p drill.Promise) bool { return p.Name == want && p.Kept }) {
					t.Errorf("%q is kept", want)
				}
			}
			if test.broken == nil && len(broken) > 0 {
				t.Errorf("broken: %s", strings.Join(broken, ", "))
			}
		})
	}
}

// What somebody else kills while a drill goes on is started again, and the
// promises are kept.
func TestKilledByOthers(t *testing.T) {
	t.Parallel()
	cfg := config(t, drilltest.Build(t)) // whose path tells these processes from others'
	said := cfg.Progress
	cfg.Progress = func(message string) {
		said(message)
		if !strings.HasPrefix(message, "notice") {
			return
		}
		for _, program := range []string{cfg.Programs.MetadataMock, cfg.Programs.Spotwatch} {
			n := 0
			for _, line := range children(t) {
				if fields := strings.Fields(line); len(fields) > 1 && fields[1] == program {
					if out, err := exec.Command("kill", "-KILL", fields[0]).CombinedOutput(); err != nil {
						t.Errorf("kill: %v: %s", err, out)
					}
					n++
				}
			}
			if n != cfg.Interruptions {
				t.Errorf("%d of %s, want %d", n, program, cfg.Interruptions)
			}
		}
	}
	report, broken := judge(t, cfg)
	if len(broken) > 0 {
		t.Errorf("broken: %s", strings.Join(broken, ", "))
	}
	if report.Chaos == nil || report.Chaos.Kills != 1 || report.Chaos.MetadataOutages != 1 {
		t.Errorf("noticed %+v", report.Chaos)
	}
}

func TestInterruptedDrillLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cfg := config(t, drilltest.Build(t))
	cfg.Endpoint = "" // so that it starts a server
	ctx, interrupt := context.WithCancelCause(t.Context())
	asked := errors.New("asked to end")
	before := children(t)
	cfg.Progress = func(message string) {
		if strings.HasPrefix(message, "notice") {
			interrupt(asked)
		}
	}
	if _, err := drill.Run(ctx, cfg); err == nil || !strings.Contains(err.Error(), asked.Error()) {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
	after := children(t)
	if len(after) > len(before) {
		t.Errorf("still running: %q, before it were %q", after, before)
	}
}

// children are the processes that this one has started.
func children(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=,args=", "--ppid", fmt.Sprint(os.Getpid())).Output()
	if err != nil {
		t.Fatal(err)
	}
	// ps counts itself both times.
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := drill.FindPrograms("/opt/tandem/tandem")
	if err == nil || !strings.Contains(err.Error(), "neither beside /opt/tandem/tandem nor on PATH: 'make drill'") {
		t.Errorf("got %v", err)
	}
}
