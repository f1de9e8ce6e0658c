// Package drill interrupts spot instances on one machine, without AWS, and
// reports what becomes of the cluster. What matters is real: the agents, the
// web services and the requests.
//
//	load ──> balancer ──> web service, one process an instance
//	            │ registrations             ▲ stopped by a drain hook
//	            ▼                           │
//	        moto_server <── gate <── spotwatch ──> gate ──> amazon-ec2-metadata-mock
//	        groups, rescue policy,                          notice
//	        target group
//
// moto_server forwards no request and drains no target: the load balancer is
// the drill's own, and behaves as AWS's towards targets that leave.
package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/spec"
)

// Config configures Run.
type Config struct {
	// Environment, Cluster and Spec are whose names and settings are used. Spec
	// has its defaults. Required.
	Environment, Cluster string
	Spec                 spec.Cluster
	// Timing is how long things take. Required.
	Timing Timing
	// Scale is by how much Timing is shorter than on AWS, for the report. Required.
	Scale int
	// Interruptions is how many spot instances there are, all of them
	// interrupted in the same second: 1 to MaxInterruptions. Required.
	Interruptions int
	// Rate is how many requests are sent in a second. Required.
	Rate int
	// Slack is what a rescue may take beyond one poll. Required.
	Slack time.Duration
	// Seed makes the drill's random choices.
	Seed uint64
	// Chaos kills agents and takes away what they need, at random moments.
	Chaos bool
	// NoRestart leaves agents alone that were killed.
	NoRestart bool
	// Settings replace or add settings of the agents, by name.
	Settings map[string]string
	// Programs are what is started. Required.
	Programs Programs
	// Endpoint is a moto server in which no other drill has the same Account.
	// Empty: one is started.
	Endpoint string
	// Account is the account in the moto server. Empty: that of its credentials.
	Account string
	// Directory is where logs are left. Empty: none are.
	Directory string
	// Progress is told what happens. Nil: nobody is.
	Progress func(message string)
}

// MaxInterruptions is how many machines are run at once at most.
const MaxInterruptions = 50

// Validate reports every option that is wrong, by its name on the command line.
func (c Config) Validate() error {
	var faults check.Errors
	faults.Require(c.Interruptions >= 1 && c.Interruptions <= MaxInterruptions, "--interruptions", fmt.Sprint(c.Interruptions), fmt.Sprintf("1 to %d", MaxInterruptions))
	faults.Require(c.Rate >= 1 && c.Rate <= 1000, "--rate", fmt.Sprint(c.Rate), "1 to 1000 requests in a second")
	faults.Require(c.Slack > 0, "--slack", c.Slack.String(), "a time above 0")
	faults.Require(!c.NoRestart || c.Chaos, "--no-restart", "set", "unset without --chaos, which kills agents")
	return faults.Err()
}

const (
	// settle is how long the cluster may take until it serves.
	settle = time.Minute
	// lead is the time until the notice once agents watch, beside one poll and
	// twice what it took to start the metadata services before.
	lead = time.Second
	// serverGrace is how long after an error the server is seen to have ended.
	serverGrace = 100 * time.Millisecond
)

// Run drills. An error says that there was no drill; broken promises are in the
// report. Nothing that was started is left when it returns.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	cfg.Account = cmp.Or(cfg.Account, moto.Account)
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	d := &run{Config: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 1)), addresses: map[string]string{}}
	ctx, cancel := context.WithCancelCause(ctx)
	d.cancel = cancel
	defer func() {
		cancel(nil)
		d.work.Wait()
		err = errors.Join(err, d.close())
	}()
	for _, step := range []func(context.Context) error{d.build, d.serve, d.arm, d.interrupt} {
		if err := step(ctx); err != nil {
			return Report{}, d.why(ctx, err)
		}
	}
	if report, err = d.report(ctx); err != nil {
		return Report{}, d.why(ctx, err)
	}
	return report, nil
}

// run is a drill that is going on.
type run struct {
	Config
	random   *rand.Rand
	cancel   context.CancelCauseFunc
	work     sync.WaitGroup
	closers  []func() error
	dir      string
	server   *moto.Server // nil where it is somebody else's
	cloud    *cloud
	shared   *awsShared
	balancer *balancer
	machines []*machine
	load     *load
	lag      lag
	loading  sync.WaitGroup
	stopLoad context.CancelFunc
	before   int
	// starting is how long it took to start the metadata services.
	starting time.Duration

	mu        sync.Mutex
	addresses map[string]string // of services, by instance
}

// why is the reason for which a drill has come to nothing: an error that it is
// met by, unless something else has ended it.
func (d *run) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if d.server == nil {
		return err
	}
	select {
	case <-d.server.Ended():
		return fmt.Errorf("moto_server, which stands for AWS and keeps all in memory, has ended: %w", d.server.Err())
	case <-time.After(serverGrace):
		return err
	}
}

// background runs body until ctx ends; an error ends the drill.
func (d *run) background(ctx context.Context, body func(context.Context) error) {
	d.work.Go(func() {
		if err := body(ctx); err != nil {
			d.cancel(err)
		}
	})
}

// later has something undone at the end, in reverse order.
func (d *run) later(undo func() error) { d.closers = append(d.closers, undo) }

func (d *run) close() error {
	var errs []error
	for _, undo := range slices.Backward(d.closers) {
		errs = append(errs, undo())
	}
	d.closers = nil
	return errors.Join(errs...)
}

// directory is where machines keep their files.
func (d *run) directory() (err error) {
	if d.Directory != "" {
		d.dir, err = filepath.Abs(d.Directory)
		if err != nil {
			return err
		}
		if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
			return check.InputErrorf("--directory: %s is not empty", d.Directory)
		}
		return os.MkdirAll(d.dir, 0o755)
	}
	d.dir, err = os.MkdirTemp("", "tandem-drill-")
	d.later(func() error { return os.RemoveAll(d.dir) })
	return err
}

// build makes the cluster, the anchor's service and the spot machines.
func (d *run) build(ctx context.Context) error {
	if err := d.directory(); err != nil {
		return err
	}
	endpoint, err := d.aws(ctx)
	if err != nil {
		return err
	}
	if d.cloud, err = newCloud(ctx, endpoint, d.Config); err != nil {
		return fmt.Errorf("the cluster in moto_server: %w", err)
	}
	if d.shared, err = newAWSShared(endpoint, d.Account, d.cloud.policyARN, &d.lag); err != nil {
		return err
	}
	desired, anchors, err := d.cloud.group(ctx, d.cloud.onDemand)
	if err != nil {
		return err
	}
	d.before = desired
	for _, id := range anchors {
		if _, err := d.boot(id); err != nil {
			return err
		}
	}
	_, spot, err := d.cloud.group(ctx, d.cloud.spot)
	if err != nil {
		return err
	}
	for _, id := range spot {
		if err := d.addMachine(id); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// aws returns where the stand-in for AWS listens.
func (d *run) aws(ctx context.Context) (string, error) {
	if d.Endpoint != "" {
		return d.Endpoint, nil
	}
	d.Progress("starting moto_server")
	server, err := moto.Start(ctx)
	if err != nil {
		return "", err
	}
	d.server = server
	d.later(server.Stop)
	return server.URL, nil
}

// boot starts the web service of an instance.
func (d *run) boot(id string) (*service, error) {
	s, err := startService(d.Programs.Service)
	if err != nil {
		return nil, err
	}
	d.later(s.process.Kill)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses[id] = s.url
	return s, nil
}

func (d *run) address(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addresses[id]
}

func (d *run) addMachine(id string) error {
	m := &machine{id: id, dir: filepath.Join(d.dir, id)}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	var err error
	if m.service, err = d.boot(id); err != nil {
		return err
	}
	if m.metadata, err = newMetadata(d.Programs.MetadataMock, m.dir, id); err != nil {
		return err
	}
	d.later(m.metadata.close)
	if m.aws, err = newAWSGate(d.shared); err != nil {
		return err
	}
	d.later(m.aws.close)
	d.machines = append(d.machines, m)
	m.agent = d.newAgent(m)
	return m.writeHooks()
}

// serve puts load on the cluster, once all of it is healthy.
func (d *run) serve(ctx context.Context) error {
	var err error
	if d.balancer, err = newBalancer(d.Timing, d.cloud.registered, d.address); err != nil {
		return err
	}
	d.later(d.balancer.close)
	d.background(ctx, d.balancer.run)
	want := d.before + len(d.machines)
	limit := time.Now().Add(settle)
	for d.balancer.serving() < want {
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d instances serve after %s", d.balancer.serving(), want, settle)
		}
		pause(ctx, 50*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	d.Progress(fmt.Sprintf("%d spot and %d on-demand instances serve %d requests in a second", len(d.machines), d.before, d.Rate))
	d.load = newLoad(d.balancer.url, d.Rate, d.Timing.Longest(), d.Seed)
	sending, stop := context.WithCancel(ctx)
	d.stopLoad = stop
	d.loading.Go(func() { d.load.run(ctx, sending) })
	d.later(func() error { stop(); d.loading.Wait(); return nil })
	return nil
}

// arm starts the metadata services, without a notice, and the agents, and waits
// until they watch.
func (d *run) arm(ctx context.Context) error {
	far := time.Now().Add(24 * time.Hour)
	if err := d.startMetadata(ctx, far, far); err != nil {
		return err
	}
	for _, m := range d.machines {
		d.background(ctx, m.keepMetadata)
		stopped := make(chan struct{})
		agentContext, stop := context.WithCancel(ctx)
		d.background(agentContext, func(ctx context.Context) error {
			defer close(stopped)
			return m.agent.run(ctx)
		})
		m.stopAgent = func() { stop(); <-stopped }
		d.later(func() error { m.stopAgent(); return nil })
		// Polls that are spread over the interval meet the notice at any moment.
		pause(ctx, d.Timing.Poll/time.Duration(len(d.machines)))
	}
	for _, m := range d.machines {
		waiting, cancel := context.WithTimeout(ctx, settle)
		err := m.ready(waiting)
		cancel()
		if err != nil {
			return err
		}
	}
	d.Progress(fmt.Sprintf("%d agents watch", len(d.machines)))
	return nil
}

// startMetadata starts all metadata services at the same time, and notes how
// long that took.
func (d *run) startMetadata(ctx context.Context, notice, end time.Time) error {
	begin := time.Now()
	var work sync.WaitGroup
	errs := make([]error, len(d.machines))
	for n, m := range d.machines {
		m.notice, m.end = notice, end
		work.Go(func() { errs[n] = m.metadata.start(ctx, notice, end) })
	}
	work.Wait()
	d.starting = time.Since(begin)
	return errors.Join(errs...)
}
