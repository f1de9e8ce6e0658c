package simulate_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/simulate"
)

// spot is ten spot instances, of which three get a notice in minute 1.
func spot() simulate.Scenario {
	s := lab(10, percent(10, 50))
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Reclaims = []simulate.Reclaim{{At: time.Minute, Share: 0.3}}
	return s
}

func expectInService(t *testing.T, r *simulate.Result, want ...int32) {
	t.Helper()
	if diff := cmp.Diff(want, r.Series.Groups[0].InService[:len(want)]); diff != "" {
		t.Errorf("in service by minute (-want +got):\n%s", diff)
	}
}

// TestReclaim: two minutes from the notice to the end, and a replacement only
// once the group has noticed that:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func TestReclaim(t *testing.T) {
	s := spot()
	s.Model.BootMedian = time.Minute
	expectInService(t, run(t, s), 10, 10, 10, 7, 10)
	s.Model.ReplacementDelay = 2 * time.Minute
	r := run(t, s)
	expectInService(t, r, 10, 10, 10, 7, 7, 7, 10)
	if r.Summary.Reclaims != 3 || r.Groups[0].Reclaims != 3 {
		t.Errorf("%d reclaims, want 3", r.Summary.Reclaims)
	}
}

// TestRebalance replaces at the recommendation, keeps the old until the new are
// InService, and may exceed the maximum by a tenth:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func TestRebalance(t *testing.T) {
	s := spot()
	s.Cluster.Groups[0].CapacityRebalance = true
	s.Model.RebalanceLead = 10 * time.Minute
	s.Market.Reclaims[0].At = 11 * time.Minute
	s.Model.BootMedian = 3 * time.Minute
	r := run(t, s)
	expectInService(t, r, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10)
	if got := r.Series.Groups[0].Pending; got[1] != 3 || got[4] != 0 {
		t.Errorf("pending %v, want 3 from minute 1 until 4", got[:6])
	}
	if got := r.Summary.InstanceHours; math.Abs(got-(10*61+3*3)/60.) > 1e-9 {
		t.Errorf("%v instance-hours, want ten all the time and three more for three minutes", got)
	}

	s.Cluster.Groups[0].Max = 10 // only one more fits; the other two wait for the notice
	r = run(t, s)
	if got := r.Series.Groups[0].Pending; got[1] != 1 || got[4] != 0 || got[11] != 2 {
		t.Errorf("pending %v, want 1 from minute 1, 2 from minute 11", got[:14])
	}
	expectInService(t, r, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 8, 10)
	s.Model.RebalanceLead = 0
	s.Cluster.Groups[0].Max = 100
	expectInService(t, run(t, s), 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 7, 10)
}

// TestRebalanceOneByOne: each of the old goes when a new one is InService, and
// none before the group has what it wants:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func TestRebalanceOneByOne(t *testing.T) {
	s := spot()
	s.Cluster.Groups[0].CapacityRebalance = true
	s.Model.RebalanceLead, s.Market.Reclaims[0].At = 30*time.Minute, 31*time.Minute
	s.Model.BootMedian, s.Model.BootSpread = 5*time.Minute, 1
	boots := make([]int, 6)                                // in minutes
	for slices.Max(boots) == 0 || slices.Max(boots) > 25 { // until all come before the notice
		s.Seed++
		for n := range boots {
			boot, _ := simulate.LaunchTimes(s.Seed, "g", n, s.Model)
			boots[n] = int(boot/60 + 0.5)
		}
	}
	r := run(t, s)
	for minute, n := range r.Series.Groups[0].InService {
		if n != 10 {
			t.Fatalf("%d serve at minute %d, want ten all the time", n, minute)
		}
	}
	if want := float64(10*61+boots[0]+boots[1]+boots[2]) / 60; math.Abs(r.Summary.InstanceHours-want) > 1e-9 {
		t.Errorf("%v instance-hours, want %v", r.Summary.InstanceHours, want)
	}
	// What a scale-out asks for comes first: 13, of which the three old ones are not.
	s.Cluster.Groups[0].Policies = []simulate.Policy{step(simulate.ChangeInCapacity, 49, open(6))}
	s.Load = percent(10, 50, 40)
	for minute, n := range expect(t, s, "1 g reclaim 10->10", "1 g rebalance 10->10", "1 g policy 10->13", "end").Series.Groups[0].InService {
		there := 10
		for _, boot := range boots {
			if minute >= 1+boot {
				there = min(13, there+1)
			}
		}
		if int(n) != there {
			t.Fatalf("%d serve at minute %d, want %d", n, minute, there)
		}
	}
}

// TestRescue adds one instance for each notice, whatever the cooldown, up to
// the maximum.
func TestRescue(t *testing.T) {
	s := spot()
	rescuer := group("rescuer", 2, 100)
	rescuer.Cooldown = ptr(time.Hour)
	s.Cluster.Groups = append(s.Cluster.Groups, rescuer)
	s.Cluster.Groups[0].RescuedBy = "rescuer"
	s.Market.Reclaims = append(s.Market.Reclaims, simulate.Reclaim{At: 2 * time.Minute, Share: 0.2})
	r := expect(t, s, "1 g reclaim 10->10", "1 rescuer rescue 2->3", "1 rescuer rescue 3->4", "1 rescuer rescue 4->5",
		"2 g reclaim 10->10", "2 rescuer rescue 5->6", "end")
	if r.Summary.Rescues != 4 {
		t.Errorf("%d rescues, want 4", r.Summary.Rescues)
	}
	s.Cluster.Groups[1].Max = 3
	expect(t, s, "1 g reclaim 10->10", "1 rescuer rescue 2->3", "2 g reclaim 10->10", "end")
}

// TestNoCapacity launches nothing in an outage, tries again, and takes another
// type where that is there.
func TestNoCapacity(t *testing.T) {
	s := lab(10, percent(10, 90, 10), step(simulate.ChangeInCapacity, 50, open(1)))
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Outages = []simulate.Outage{{From: 0, Until: 3 * time.Minute, Type: "t"}}
	expect(t, s, "1 g policy 10->11", "1 g no-capacity 11->11", "2 g no-capacity 11->11", "end")
	expectInService(t, run(t, s), 10, 10, 10, 11)
	s.Model.LaunchRetry = 5 * time.Minute
	expectInService(t, run(t, s), 10, 10, 10, 10, 10, 10, 11)
	s.Cluster.Groups[0].Types = append(s.Cluster.Groups[0].Types, simulate.InstanceType{Name: "u", VCPUs: 1, OnDemandPrice: 1, SpotPrice: 0.3})
	expectInService(t, run(t, s), 10, 11)
	s.Market.Outages[0].Type = ""
	expectInService(t, run(t, s), 10, 10, 10)
	s.Cluster.Groups[0].OnDemandPercent = 100
	expectInService(t, run(t, s), 10, 11)
	s.Market.Outages[0].OnDemand = true
	expectInService(t, run(t, s), 10, 10, 10)
}

// TestPrice: what is paid is the market price; above the bid, which is the
// on-demand price unless set, instances are interrupted and none is launched:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html
func TestPrice(t *testing.T) {
	s := lab(10, percent(10, 50))
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Market.Prices = []simulate.PriceChange{{At: 10 * time.Minute, Type: "t", Price: 0.5}, {At: 31 * time.Minute, Type: "t", Price: 0.8}}
	r := run(t, s)
	if want := (10*0.2 + 21*0.5 + 30*0.8) * 10 / 60; math.Abs(r.Summary.Cost-want) > 1e-9 {
		t.Errorf("cost %v, want %v", r.Summary.Cost, want)
	}
	expect(t, s, "end")
	s.Cluster.Groups[0].Bid = 0.5
	r = expect(t, s, "31 g reclaim 10->10", "33 g no-capacity 10->10")
	if got := r.Series.Groups[0].InService; got[32] != 10 || got[33] != 0 {
		t.Errorf("in service %v, want none from minute 33", got[30:36])
	}
	s.Market.Prices[1].Price = 1.1
	s.Cluster.Groups[0].Bid = 0
	expect(t, s, "31 g reclaim 10->10")
	s.Cluster.Groups[0].Bid = 1.2
	expect(t, s, "end")
}

// TestPurchaseOptions: a base on-demand, above it a percentage, fractions rounded
// up in favour of on-demand; scale-in keeps that, the least preferred type goes first:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html
func TestPurchaseOptions(t *testing.T) {
	for _, example := range []struct {
		base    int
		percent float64
		spot    [4]int32 // of 10, 20, 30 and 40
	}{{10, 50, [4]int32{0, 5, 10, 15}}, {0, 0, [4]int32{10, 20, 30, 40}}, {0, 60, [4]int32{4, 8, 12, 16}}, {0, 100, [4]int32{}}, {12, 0, [4]int32{0, 8, 18, 28}}} {
		for i, size := range []int{10, 20, 30, 40} {
			for _, from := range []int{size, 10} { // as a group begins, and grows
				s := lab(from, percent(10, 90), simple(simulate.ExactCapacity, size, high(1)))
				s.Cluster.Groups[0].OnDemandBase, s.Cluster.Groups[0].OnDemandPercent = example.base, example.percent
				if got := run(t, s).Series.Groups[0].Spot[1]; got != example.spot[i] {
					t.Errorf("base %d, then %v %%: %d spot of %d, want %d", example.base, example.percent, got, size, example.spot[i])
				}
			}
		}
	}
	s := lab(10, percent(10, 90, 90, 10), simple(simulate.ExactCapacity, 12, high(50)), simple(simulate.ExactCapacity, 3, low(50)))
	g := &s.Cluster.Groups[0]
	g.OnDemandBase, g.OnDemandPercent = 2, 30
	r := run(t, s)
	if got := r.Series.Groups[0].Spot; got[0] != 5 || got[1] != 7 || got[3] != 0 {
		t.Errorf("spot %v, want 5 of 10, 7 of 12, 0 of 3", got[:5])
	}
}

// TestOldestGoFirst, into which new ones at full price come last.
func TestOldestGoFirst(t *testing.T) {
	s := spot()
	s.Market.Reclaims = append(s.Market.Reclaims, simulate.Reclaim{At: 4 * time.Minute, Share: 0.7})
	s.Model.SetupMedian = 30 * time.Minute
	// At 3 three are replaced, and set themselves up when seven more are taken:
	// the seven old ones, so that nobody serves from 6 on.
	expectInService(t, run(t, s), 10, 10, 10, 7, 7, 7, 0)
}

// TestReclaimRate takes as many as the rate says, whatever the share.
func TestReclaimRate(t *testing.T) {
	for _, share := range []float64{0.01, 0.1, 0.5, 1} {
		s := lab(20, cores{span: 2000 * time.Hour, at: func(time.Duration) float64 { return 1 }})
		s.Cluster.Groups[0].OnDemandPercent = 0
		s.Options.Record = false
		s.Market, s.Model.ReclaimShare = simulate.Market{ReclaimRate: 0.05}, share
		r := run(t, s)
		want := 0.05 * 20 * 2000
		if got := float64(r.Summary.Reclaims); math.Abs(got-want) > 4*math.Sqrt(want*20*share)+20 {
			t.Errorf("share %v: %v reclaims, want about %v", share, got, want)
		}
	}
}

// TestNothingToDrain: an instance that was terminated before it was InService
// is not waited for as targets are that finish their requests.
func TestNothingToDrain(t *testing.T) {
	s := lab(1, percent(1, 50))
	s.Cluster.Groups[0].OnDemandPercent = 0
	s.Cluster.Groups[0].CapacityRebalance = true
	s.Model.RebalanceLead = time.Hour
	s.Market.Reclaims = []simulate.Reclaim{{At: 61 * time.Minute, Share: 1}, {At: 65 * time.Minute, Share: 1}}
	s.Model.BootMedian, s.Model.BootSpread = 10*time.Minute, 1
	for slow, fast := 0., 1e9; slow < 20*60 || fast > 5*60; s.Seed++ { // the second replacement comes first
		slow, _ = simulate.LaunchTimes(s.Seed+1, "g", 0, s.Model)
		fast, _ = simulate.LaunchTimes(s.Seed+1, "g", 1, s.Model)
	}
	without := run(t, s).Summary.InstanceHours
	s.Cluster.Groups[0].DeregistrationDelay = 6 * time.Minute
	if more := run(t, s).Summary.InstanceHours - without; math.Abs(more-0.1) > 1e-9 {
		t.Errorf("a drain of 6 minutes takes %v hours more, want 0.1: that of the first instance alone", more)
	}
}
