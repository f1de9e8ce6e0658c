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
	"slices"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/moto"
)

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
