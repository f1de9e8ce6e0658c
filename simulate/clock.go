package simulate

import (
	"math"
	"time"
)

// clock is a model in steps.
type clock struct {
	step      time.Duration
	seconds   float64 // of a step
	perMinute int     // steps
	phase     int     // of alarm evaluation, in steps

	bootMedian, bootSpread   float64 // s
	setupMedian, setupSpread float64
	healthCheck              time.Duration

	lag, termination, replacement, retry, notice, flap int
	unhealthy, lead, hour                              int
	setupCPU                                           int // parts per million
	terminatingMeasured                                bool
}

// interruptionNotice is how long before it takes a spot instance EC2 says so:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const interruptionNotice = 2 * time.Minute

// million is full CPU. Metrics are whole parts of it, so that sums are exact in
// any order.
const million = 1_000_000

func newClock(m Model) clock {
	c := clock{step: m.Step, seconds: m.Step.Seconds(), perMinute: int(time.Minute / m.Step),
		bootMedian: m.BootMedian.Seconds(), bootSpread: m.BootSpread,
		setupMedian: m.SetupMedian.Seconds(), setupSpread: m.SetupSpread,
		healthCheck: m.HealthCheckTime, setupCPU: int(math.Round(m.SetupCPU * million / 100)),
		terminatingMeasured: m.TerminatingMeasured}
	c.phase = min(c.steps(m.AlarmPhase), c.perMinute-1)
	c.lag, c.termination = c.steps(m.DeregistrationLag), c.steps(m.TerminationTime)
	c.replacement, c.retry = c.steps(m.ReplacementDelay), max(1, c.steps(m.LaunchRetry))
	c.notice, c.flap = c.steps(interruptionNotice), c.steps(m.FlapWindow)
	c.hour = c.steps(time.Hour)
	c.unhealthy, c.lead = max(1, c.steps(m.ReplacementInterval)), c.steps(m.RebalanceLead)
	return c
}

// steps rounds a duration, halves up.
func (c *clock) steps(d time.Duration) int { return int((d + c.step/2) / c.step) }

// round does the same to seconds that were drawn, which may be enormous.
func (c *clock) round(s float64) int { return int(math.Min(s/c.seconds+0.5, 1e12)) }
