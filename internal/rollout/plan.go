package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// Amount is a number of instances or a share of them.
type Amount struct {
	// Value is a count, or percent of the whole.
	Value   int
	Percent bool
}

// ParseAmount reads "3" or "25%".
func ParseAmount(text string) (Amount, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || percent && n > 100 || strings.HasPrefix(digits, "+") {
		return Amount{}, fmt.Errorf("%q is neither a number of instances such as 3 nor a share of them such as 25%%", text)
	}
	return Amount{Value: n, Percent: percent}, nil
}

func (a Amount) String() string {
	if a.Percent {
		return strconv.Itoa(a.Value) + "%"
	}
	return strconv.Itoa(a.Value)
}

// down is the amount of total, rounded down; up rounds up.
func (a Amount) down(total int) int {
	if a.Percent {
		return total * a.Value / 100
	}
	return a.Value
}

func (a Amount) up(total int) int {
	if a.Percent {
		return (total*a.Value + 99) / 100
	}
	return a.Value
}

// PlanConfig says how many instances are taken out at a time.
type PlanConfig struct {
	// Batch bounds a batch; percent is of the instances to update, rounded
	// down. A batch has one instance at least. Zero: one.
	Batch Amount
	// MinHealthy is how many instances of the cluster keep serving; percent is
	// of those in service, healthy or not, rounded up. Zero accepts an outage.
	MinHealthy Amount
}

// Plan puts the instances to update into batches: spot before on-demand, never
// both in one, so that the anchor goes last; those that do not serve first,
// as they cost nothing; neighbours from different zones. It is an InputError if
// no instance can be spared.
func Plan(cluster fleet.Cluster, ids []string, cfg PlanConfig) ([][]string, error) {
	var queue []fleet.Instance
	for _, i := range cluster.Instances {
		if slices.Contains(ids, i.ID) {
			queue = append(queue, i)
		}
	}
	serving := len(cluster.HealthyIDs())
	keep := cfg.MinHealthy.up(inService(cluster))
	spare := serving - keep // grows by those that did not serve before
	size := max(1, cfg.Batch.down(len(queue)))
	order(queue)
	var batches [][]string
	var batch []string
	taken, lifecycle := 0, ""
	for _, i := range queue {
		cost := 0
		if i.Serving() {
			cost = 1
		}
		if len(batch) > 0 && (len(batch) == size || cost > 0 && taken+cost > spare || i.Lifecycle != lifecycle) {
			spare += len(batch) - taken
			batches, batch, taken = append(batches, batch), nil, 0
		}
		if cost > 0 && len(batch) == 0 && spare < 1 {
			return nil, check.InputErrorf("no instance can be spared: %d of %d in service and healthy, want more than the %d that --min-healthy %s keeps serving: lower it (0 accepts an outage)",
				serving, inService(cluster), keep, cfg.MinHealthy)
		}
		batch, taken, lifecycle = append(batch, i.ID), taken+cost, i.Lifecycle
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches, nil
}

func inService(cluster fleet.Cluster) int {
	n := 0
	for _, i := range cluster.Instances {
		if i.State == fleet.InService {
			n++
		}
	}
	return n
}

// order sorts instances into the order in which they are updated.
func order(queue []fleet.Instance) {
	slices.SortFunc(queue, func(a, b fleet.Instance) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.ID, b.ID))
	})
	nth := map[string]int{} // of its kind in its zone
	turn := map[string]int{}
	for _, i := range queue {
		kind := fmt.Sprint(i.Lifecycle, i.Serving(), i.Zone)
		turn[i.ID] = nth[kind]
		nth[kind]++
	}
	rank := func(holds bool) int {
		if holds {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(queue, func(a, b fleet.Instance) int {
		return cmp.Or(
			cmp.Compare(rank(a.Lifecycle != fleet.Spot), rank(b.Lifecycle != fleet.Spot)),
			cmp.Compare(rank(a.Serving()), rank(b.Serving())),
			cmp.Compare(turn[a.ID], turn[b.ID]),
		)
	})
}
