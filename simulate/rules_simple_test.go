package simulate_test

import (
	"testing"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

// TestCooldown: 300 s from the end of the last launch or termination, the
// policy's own instead of the group's:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func TestCooldown(t *testing.T) {
	in := simple(simulate.ChangeInCapacity, -1, low(50))
	in.Cooldown = nil
	s := lab(10, percent(10, 10), in)
	expect(t, s, "1 g policy 10->9", "6 g policy 9->8", "11 g policy 8->7")

	s.Cluster.Groups[0].Cooldown = ptr(2 * time.Minute)
	expect(t, s, "1 g policy 10->9", "3 g policy 9->8")
	s.Cluster.Groups[0].Policies[0].Cooldown = ptr(3 * time.Minute)
	expect(t, s, "1 g policy 10->9", "4 g policy 9->8")

	s.Model.TerminationTime = 4 * time.Minute // the cooldown begins when it is over
	expect(t, s, "1 g policy 10->9", "8 g policy 9->8")
	s.Cluster.Groups[0].DeregistrationDelay = 2 * time.Minute
	expect(t, s, "1 g policy 10->9", "10 g policy 9->8")

	out := simple(simulate.ChangeInCapacity, 1, high(50))
	out.Cooldown = ptr(3 * time.Minute)
	s = lab(10, percent(10, 90), out)
	s.Model.BootMedian = 2 * time.Minute
	expect(t, s, "1 g policy 10->11", "6 g policy 11->12")
}

// TestStepIgnoresCooldown, and what it launches makes simple policies wait:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func TestStepIgnoresCooldown(t *testing.T) {
	in := simple(simulate.ChangeInCapacity, -1, low(50))
	in.Cooldown = ptr(5 * time.Minute)
	out := step(simulate.ChangeInCapacity, 80, open(2))
	s := lab(10, minutes(1, 9, 9.9, 1), in, out)
	expect(t, s, "1 g policy 10->9", "2 g policy 9->11", "3 g policy 11->13", "8 g policy 13->12")
}

// TestHookBlocksSimple: nothing simple happens while a lifecycle hook holds an
// instance:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func TestHookBlocksSimple(t *testing.T) {
	in := simple(simulate.ChangeInCapacity, -1, low(50))
	out := step(simulate.ChangeInCapacity, 80, open(2))
	s := lab(10, minutes(9, 1), in, out)
	expect(t, s, "1 g policy 10->12", "2 g policy 12->11")
	s.Cluster.Groups[0].LaunchHook = 10 * time.Minute
	expect(t, s, "1 g policy 10->12", "11 g policy 12->11")

	s = lab(10, minutes(1), in)
	s.Cluster.Groups[0].TerminateHook = 7 * time.Minute
	expect(t, s, "1 g policy 10->9", "8 g policy 9->8")
}

// TestLargestWins, for scale-out, for scale-in and between them:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scale-based-on-demand.html
func TestLargestWins(t *testing.T) {
	one, three := simple(simulate.ChangeInCapacity, 1, high(50)), simple(simulate.ChangeInCapacity, 3, high(50))
	expect(t, lab(10, percent(10, 90), one, three), "1 g policy 10->13")
	expect(t, lab(10, percent(10, 90), three, one), "1 g policy 10->13")
	less, least := simple(simulate.ChangeInCapacity, -1, low(50)), simple(simulate.ChangeInCapacity, -3, low(50))
	expect(t, lab(10, percent(10, 10), least, less), "1 g policy 10->9")
	expect(t, lab(10, percent(10, 10), step(simulate.ChangeInCapacity, 5, open(1)), less), "1 g policy 10->11")

	// A step policy that wants what is there already stands against scale-in.
	s := lab(10, percent(10, 10), step(simulate.ChangeInCapacity, 5, open(0)), less)
	expect(t, s, "end")
}

// TestSimpleWaitsForCapacity: a launch that found no capacity holds simple
// policies up only by choice.
func TestSimpleWaitsForCapacity(t *testing.T) {
	in := simple(simulate.ChangeInCapacity, -1, low(50))
	s := lab(10, percent(10, 90, 10), step(simulate.ChangeInCapacity, 80, open(2)), in)
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Outages = []simulate.Outage{{From: 0, Until: 5 * time.Minute}}
	s.Model.LaunchRetry = 10 * time.Minute
	expect(t, s, "1 g policy 10->12", "1 g no-capacity 12->12", "2 g policy 12->11", "3 g policy 11->10")
	s.Model.SimpleWaitsForCapacity = true // launched at 11
	expect(t, s, "1 g policy 10->12", "1 g no-capacity 12->12", "12 g policy 12->11")
}

// TestReplacementBlocksSimple: a replacement is an activity, and its end starts
// the cooldown:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func TestReplacementBlocksSimple(t *testing.T) {
	in := simple(simulate.ChangeInCapacity, -1, low(50))
	in.Alarms[0].EvaluationPeriods = 4
	s := lab(10, percent(10, 10), in)
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Reclaims = []simulate.Reclaim{{At: time.Minute, Share: 0.1}}
	s.Model.ReplacementDelay = 6 * time.Minute // gone at 3, replaced at 9
	expect(t, s, "1 g reclaim 10->10", "10 g policy 10->9")
	s.Model.BootMedian = 5 * time.Minute
	expect(t, s, "1 g reclaim 10->10", "14 g policy 10->9")
	s.Cluster.Groups[0].Policies[0].Cooldown = ptr(2 * time.Minute)
	expect(t, s, "1 g reclaim 10->10", "16 g policy 10->9")
}
