// Command rescue measures the agent on an instance, and in the same run the
// shell loop that one would write instead, with curl and the AWS command line:
//
//	notice to accepted rescue    p99 at most one poll and 300 ms
//	memory, idle                 at most 20 MB
//	CPU, idle                    at most 0.1 % of a core
//	size of the binary           at most 15 MB
//
// Rescues are those of drills, many at a time; the shell's are fewer at a time,
// as the AWS command line alone keeps a core busy for a second. Idle means that
// there is no notice.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/internal/drill"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/spec"
)

// loop is what the agent is measured against.
//
//go:embed loop.sh
var loop []byte

// Limits.
const (
	poll   = 5 * time.Second
	slack  = 300 * time.Millisecond
	maxRSS = 20e6
	maxCPU = 0.1 // percent of a core
	maxBin = 15e6
)

type options struct {
	interruptions, batch         int
	peerInterruptions, peerBatch int
	idle                         time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.interruptions, "interruptions", 200, "interruptions to measure; 0 measures none")
	flag.IntVar(&o.batch, "batch", 20, "interruptions in the same second")
	flag.IntVar(&o.peerInterruptions, "peer-interruptions", 20, "interruptions of the shell loop")
	flag.IntVar(&o.peerBatch, "peer-batch", 4, "of them in the same second")
	flag.DurationVar(&o.idle, "idle", 10*time.Minute, "how long to watch without a notice; 0 does not")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	b := &runner{dir: dir}
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.size(); err != nil {
		return err
	}
	if o.idle > 0 {
		if err := b.compareIdle(ctx, o.idle); err != nil {
			return err
		}
	}
	if o.interruptions > 0 {
		return b.compareRescues(ctx, o)
	}
	return nil
}

// runner knows where programs are.
type runner struct{ dir string }

func (b *runner) path(name string) string { return filepath.Join(b.dir, name) }

func (b *runner) build(ctx context.Context) error {
	// The agent as `make build` builds it.
	for _, args := range [][]string{
		{"build", "-o", b.dir, "./cmd/tandem"},
		{"build", "-trimpath", "-ldflags", "-s -w", "-o", b.dir, "./cmd/spotwatch"},
		{"build", "-modfile=tools/go.mod", "-o", b.dir, "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		if args[len(args)-1] == "./cmd/spotwatch" {
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return os.WriteFile(b.path("loop.sh"), loop, 0o700)
}

func (b *runner) size() error {
	info, err := os.Stat(b.path("spotwatch"))
	if err != nil {
		return err
	}
	fmt.Printf("binary   spotwatch %.1f MB (want at most %.0f)\n", float64(info.Size())/1e6, maxBin/1e6)
	return nil
}

func (b *runner) compareIdle(ctx context.Context, d time.Duration) error {
	ours, theirs, err := b.idle(ctx, d)
	if err != nil {
		return err
	}
	fmt.Printf("memory   spotwatch %.1f MB (want at most %.0f) ÷ shell loop %.1f MB = %.2f, after %s without a notice\n",
		ours.rss/1e6, maxRSS/1e6, theirs.rss/1e6, ours.rss/theirs.rss, d)
	fmt.Printf("CPU      spotwatch %.3f %% of a core (want at most %.1f) ÷ shell loop %.3f %% = %.2f\n", ours.cpu, maxCPU, theirs.cpu, ours.cpu/theirs.cpu)
	return nil
}

func (b *runner) compareRescues(ctx context.Context, o options) error {
	server, err := moto.Start(ctx)
	if err != nil {
		return err
	}
	theirs, err := b.rescues(ctx, server.URL, "loop.sh", o.peerInterruptions, o.peerBatch)
	if err == nil {
		var ours []float64
		ours, err = b.rescues(ctx, server.URL, "spotwatch", o.interruptions, o.batch)
		if err == nil {
			fmt.Printf("rescue   spotwatch p50 %.2f s, p99 %.2f s (want at most %.1f) over %d ÷ shell loop p50 %.2f s, p99 %.2f s over %d = %.2f, %.2f\n",
				at(ours, 50), at(ours, 99), (poll + slack).Seconds(), len(ours), at(theirs, 50), at(theirs, 99), len(theirs),
				at(ours, 50)/at(theirs, 50), at(ours, 99)/at(theirs, 99))
		}
	}
	if stopped := server.Stop(); err == nil {
		err = stopped
	}
	return err
}

// rescues drills until there were n interruptions, and returns how long the
// rescues took, in seconds; one that did not come took the whole notice.
func (b *runner) rescues(ctx context.Context, endpoint, agent string, n, batch int) ([]float64, error) {
	var took []float64
	for round := 1; len(took) < n; round++ {
		env := spec.Environment{Name: fmt.Sprintf("%s-%d", strings.TrimSuffix(agent, ".sh"), round), Region: moto.Region,
			OnDemandPrices: map[string]float64{"m4.large": 0.1}, Clusters: map[string]spec.Cluster{"web": {}}}
		web := env.WithDefaults().Clusters["web"]
		timing := drill.RealTiming(web).Scale(10)
		timing.Poll, timing.API, timing.Notice = poll, poll, 3*poll
		timing.Deregistration, timing.Propagation = poll/2, poll/5
		report, err := drill.Run(ctx, drill.Config{
			Environment: env.Name, Cluster: "web", Spec: web, Timing: timing, Scale: 1, Endpoint: endpoint, Account: fmt.Sprintf("%s%011d", map[bool]string{true: "1", false: "2"}[agent == "spotwatch"], round),
			Interruptions: min(batch, n-len(took)), Rate: 10, Slack: slack, Seed: uint64(round),
			Programs: drill.Programs{Spotwatch: b.path(agent), MetadataMock: b.path("ec2-metadata-mock"), Service: []string{b.path("tandem"), "drill-service"}},
		})
		if err != nil {
			return nil, err
		}
		for _, i := range report.Instances {
			if i.Rescue == nil {
				fmt.Fprintf(os.Stderr, "%s did not rescue %s: counted as the whole notice\n", agent, i.ID)
				took = append(took, timing.Notice.Seconds())
				continue
			}
			took = append(took, *i.Rescue)
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d interruptions, so far p50 %.2f s, p99 %.2f s; machine lag %.2f s\n",
			agent, len(took), n, at(took, 50), at(took, 99), report.Lag)
	}
	return took, nil
}

// at is the smallest value that p percent of the values do not exceed.
func at(values []float64, p int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
