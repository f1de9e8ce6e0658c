package rescue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// maxPending bounds what waits for CloudWatch; an instance has a handful to say.
const maxPending = 100

// publisher sends metrics to CloudWatch beside everything else: nothing waits
// for it but the very end, and that shortly.
type publisher struct {
	dimensions []cwtypes.Dimension
	put        func(context.Context, ...cwtypes.MetricDatum) error
	log        *slog.Logger
	wake       chan struct{}

	mu      sync.Mutex
	pending []cwtypes.MetricDatum
	sent    chan struct{} // closed when nothing is pending
}

func newPublisher(cfg Config) *publisher {
	sent := make(chan struct{})
	close(sent)
	return &publisher{
		dimensions: []cwtypes.Dimension{
			{Name: aws.String(metric.Environment), Value: aws.String(cfg.Environment)},
			{Name: aws.String(metric.Cluster), Value: aws.String(cfg.Cluster)},
		},
		put: cfg.AWS.PutMetrics, log: cfg.Log, wake: make(chan struct{}, 1), sent: sent,
	}
}

// PutMetrics sends metrics to CloudWatch.
func (a *AWS) PutMetrics(ctx context.Context, data ...cwtypes.MetricDatum) error {
	_, err := a.metrics.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String(metric.Namespace), MetricData: data})
	return err
}

// add has a value sent some time soon, and returns at once.
func (p *publisher) add(name string, value float64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == maxPending {
		p.log.Warn("a metric is not sent: CloudWatch has taken none for long", "metric", name, "value", value)
		return
	}
	if len(p.pending) == 0 {
		p.sent = make(chan struct{})
	}
	p.pending = append(p.pending, p.datum(name, value, at))
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

// datum is a value as CloudWatch takes it.
func (p *publisher) datum(name string, value float64, at time.Time) cwtypes.MetricDatum {
	unit := cwtypes.StandardUnitCount
	switch name {
	case metric.NoticeSecondsLeft:
		unit = cwtypes.StandardUnitSeconds
	case metric.Release:
		unit = cwtypes.StandardUnitNone
	}
	return cwtypes.MetricDatum{MetricName: &name, Value: &value, Timestamp: &at, Unit: unit, Dimensions: p.dimensions}
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		for n := 0; !p.send(ctx); n++ {
			if !sleep(ctx, mostBackoff/2+backoff(n)) {
				return
			}
		}
	}
}

// send sends what is pending and says whether it was taken.
func (p *publisher) send(ctx context.Context) bool {
	p.mu.Lock()
	data := append([]cwtypes.MetricDatum(nil), p.pending...)
	p.mu.Unlock()
	if len(data) == 0 {
		return true
	}
	if err := attempt(ctx, attemptTimeout, func(ctx context.Context) error { return p.put(ctx, data...) }); err != nil {
		p.log.Warn("cannot send metrics", "error", err)
		return false
	}
	p.mu.Lock()
	p.pending = p.pending[len(data):]
	if len(p.pending) == 0 {
		close(p.sent)
	}
	p.mu.Unlock()
	return p.send(ctx) // what has come meanwhile
}

// wait waits until all is sent, for a while.
func (p *publisher) wait(ctx context.Context, d time.Duration) {
	p.mu.Lock()
	sent := p.sent
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-sent:
	case <-ctx.Done():
	}
}
