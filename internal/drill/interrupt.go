package drill

import (
	"context"
	"fmt"
	"time"
)

const (
	// putOffs is how often the notice is put off for a machine that is too slow.
	putOffs = 3
	// watchEvery is how often the on-demand group is looked at.
	watchEvery = 200 * time.Millisecond
	// tailChecks is how many health checks the load goes on after the end.
	tailChecks = 3
)

// interrupt gives notice to all spot instances, lets happen what happens, and
// ends them when their time is over.
func (d *run) interrupt(ctx context.Context) error {
	if err := d.giveNotice(ctx); err != nil {
		return err
	}
	notice, end := d.machines[0].notice, d.machines[0].end
	d.Progress(fmt.Sprintf("notice at %s, end %s later", notice.Format(time.TimeOnly), d.Timing.Notice))
	d.background(ctx, d.watch)
	d.background(ctx, d.lag.run)
	struck, release := context.WithDeadline(ctx, end)
	defer release()
	if d.Chaos {
		for _, m := range d.machines {
			blows := chaos(d.random, d.Timing, notice)
			d.background(struck, func(ctx context.Context) error { return strike(ctx, m, blows) })
		}
	}
	pause(ctx, time.Until(end))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, m := range d.machines {
		m.stopped = m.service.stopped()
		if err := m.off(); err != nil {
			return err
		}
	}
	d.Progress("the spot instances have ended")
	pause(ctx, tailChecks*d.Timing.Check)
	d.stopLoad()
	d.loading.Wait()
	return ctx.Err()
}

// giveNotice sets the same second for all. Where the machine is too slow to do
// so in time, a later one.
func (d *run) giveNotice(ctx context.Context) error {
	for range putOffs {
		after := lead + 2*d.starting + d.Timing.Poll
		notice := time.Now().Add(after).Truncate(time.Second).Add(time.Second)
		if err := d.startMetadata(ctx, notice, notice.Add(d.Timing.Notice.Round(time.Second))); err != nil {
			return err
		}
		if time.Until(notice) > d.Timing.Poll+lead/4 {
			return nil
		}
	}
	return fmt.Errorf("this machine is too slow for %d instances: choose fewer with --interruptions", len(d.machines))
}

// watch boots what the on-demand group launches.
func (d *run) watch(ctx context.Context) error {
	booting := map[string]bool{}
	last := d.before
	var failed error
	every(ctx, watchEvery, func(ctx context.Context) {
		before := time.Now()
		desired, ids, err := d.cloud.group(ctx, d.cloud.onDemand)
		d.lag.note(before)
		if err != nil {
			if failed == nil && ctx.Err() == nil {
				failed = err
				d.cancel(err)
			}
			return
		}
		if desired != last {
			d.Progress(fmt.Sprintf("the on-demand group wants %d instances", desired))
			last = desired
		}
		for _, id := range ids {
			if booting[id] || d.address(id) != "" {
				continue
			}
			booting[id] = true
			d.background(ctx, func(ctx context.Context) error {
				if pause(ctx, d.Timing.Boot); ctx.Err() != nil {
					return nil
				}
				_, err := d.boot(id)
				return err
			})
		}
	})
	return failed
}

// report gathers what was seen.
func (d *run) report(ctx context.Context) (Report, error) {
	after, _, err := d.cloud.group(ctx, d.cloud.onDemand)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Environment: d.Environment, Cluster: d.Cluster,
		Desired:  Desired{Before: d.before, After: after, Max: d.cloud.maxOnDemand},
		Requests: d.load.sum(), Scale: d.Scale, Settings: d.Timing.settings(), Directory: d.Directory,
		Lag: d.lag.most(d.machines[0].notice.Add(-d.Timing.Poll), d.machines[0].end).Seconds(),
	}
	var latencies []float64
	for n, m := range d.machines {
		i, err := m.instance(d.Config)
		if err != nil {
			return Report{}, err
		}
		r.Instances = append(r.Instances, i)
		if i.Rescue != nil {
			latencies = append(latencies, *i.Rescue)
		}
		if i.Rescue != nil {
			r.Instances[n].Lag = d.lag.most(m.notice.Add(-d.Timing.Poll), m.aws.accepted(executePolicy)[0].at).Seconds()
		}
		if suffered := m.suffered(); d.Chaos || suffered != (Chaos{}) {
			r.Chaos = r.Chaos.add(suffered)
		}
	}
	r.Latency = Latency{percentile(latencies, 50), percentile(latencies, 99), percentile(latencies, 100)}
	r.Judge()
	return r, nil
}
