package behaviour

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

// MaxClusters is how many clusters of a plan are simulated: a review should
// not take longer than reading it does.
const MaxClusters = 8

// Of simulates the clusters of which a plan changes what scaling depends on.
// Nil: it changes none. What cannot be simulated becomes a note; the only error
// is that of ctx.
func Of(ctx context.Context, p *plan.Plan, cfg Config) (*Behaviour, error) {
	if cfg.Load == nil || !touched(p) {
		return nil, nil
	}
	b := &Behaviour{Load: cfg.LoadName, Clusters: []Cluster{}, Notes: []string{}}
	before, after, err := clusters(p, cfg)
	if err != nil {
		b.note("Scaling cannot be simulated: %s.", firstLine(err))
		return b, nil
	}
	left := 0
	for _, pair := range pairs(p, before, after) {
		switch {
		case !pair.changes():
		case pair.before == nil:
			b.note("Cluster %s is new: there is nothing to compare it with.", pair.after.Name)
		case pair.after == nil:
			b.note("Cluster %s is destroyed: there is nothing to compare it with.", pair.before.Name)
		case len(b.Clusters) == MaxClusters:
			left++
		default:
			if err := b.add(ctx, pair, cfg); err != nil {
				return nil, err
			}
		}
	}
	if left > 0 {
		b.note("Not simulated: the scaling of %d more clusters, which changes too; at most %d are.", left, MaxClusters)
	}
	if len(b.Clusters)+len(b.Notes) == 0 {
		return nil, nil
	}
	b.shorten()
	return b, nil
}

// touched tells whether the plan changes a resource that a cluster depends on.
func touched(p *plan.Plan) bool {
	return p.Kind != plan.KindState && slices.ContainsFunc(p.Changes, func(c *plan.Change) bool {
		return !c.Actions.NoOp() && c.Deposed == "" && terraform.Reads(c.Type)
	})
}

func (b *Behaviour) note(format string, args ...any) {
	b.Notes = append(b.Notes, fmt.Sprintf(format, args...))
}

// maxNotes is how many notes are told one by one.
const maxNotes = 6

func (b *Behaviour) shorten() {
	if more := len(b.Notes) - maxNotes; more > 0 {
		last := b.Notes[len(b.Notes)-1]
		b.Notes = append(b.Notes[:maxNotes-1:maxNotes-1], fmt.Sprintf("%d more clusters are not simulated either, for such reasons.", more), last)
	}
}

// add simulates a pair, or notes why it cannot be.
func (b *Behaviour) add(ctx context.Context, p pair, cfg Config) error {
	for _, side := range []struct {
		when    string
		cluster *terraform.Cluster
	}{{"before", p.before}, {"after", p.after}} {
		if refusals := refusals(side.cluster); len(refusals) > 0 {
			more := ""
			if len(refusals) > 1 {
				more = fmt.Sprintf(", and %d more", len(refusals)-1)
			}
			b.note("Cluster %s cannot be simulated as it is %s: %s%s.", side.cluster.Name, side.when, refusals[0], more)
			return nil
		}
	}
	c, err := compare(ctx, p.after.Name, p.before.Cluster, p.after.Cluster, cfg)
	if stopped := ctx.Err(); stopped != nil {
		return stopped
	}
	if err != nil {
		b.note("Cluster %s cannot be simulated: %s.", p.after.Name, firstLine(err))
		return nil
	}
	for _, w := range p.after.Warnings() {
		c.Warnings = append(c.Warnings, w.String())
	}
	if p.unread {
		c.Warnings = append(c.Warnings, "What was not read back is taken before as it will be after.")
	}
	b.Clusters = append(b.Clusters, c)
	return nil
}

func refusals(c *terraform.Cluster) (list []string) {
	for _, f := range c.Findings {
		if f.Refuses {
			problem, _, _ := strings.Cut(f.String(), ", want --") // flags that a review does not have
			list = append(list, problem)
		}
	}
	return list
}

// firstLine is the first fault of an error that may tell of several.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimRight(line, ".:")
}

// pair is a cluster before and after; either may be nil.
type pair struct {
	before, after *terraform.Cluster
	// unread says that a group's state was not read back in full.
	unread bool
}

// changes tells whether anything differs that a simulation depends on.
func (p pair) changes() bool {
	return p.before == nil || p.after == nil ||
		!reflect.DeepEqual(p.before.Cluster, p.after.Cluster) || !reflect.DeepEqual(refusals(p.before), refusals(p.after))
}

// pairs matches clusters by the addresses of their groups. Groups after get
// their names before, so that both meet the same luck and a new name by itself
// is no change.
func pairs(p *plan.Plan, before, after []terraform.Cluster) (list []pair) {
	unread := unread(p)
	byGroup := map[string]int{}
	for i, c := range before {
		for _, g := range c.Groups {
			byGroup[g.Address] = i
		}
	}
	matched := map[int]bool{}
	for i := range after {
		one := pair{after: &after[i]}
		for _, g := range after[i].Groups {
			if n, known := byGroup[g.Address]; known && !matched[n] && one.before == nil {
				one.before, matched[n] = &before[n], true
			}
			one.unread = one.unread || unread[g.Address]
		}
		if one.before != nil {
			one.align()
		}
		list = append(list, one)
	}
	for i := range before {
		if !matched[i] {
			list = append(list, pair{before: &before[i]})
		}
	}
	return list
}

// align renames the groups and alarms after as they are called before.
func (p pair) align() {
	named := map[string]string{}
	for i := range p.after.Groups {
		g := &p.after.Groups[i]
		old := slices.IndexFunc(p.before.Groups, func(b simulate.Group) bool { return b.Address == g.Address })
		if old < 0 {
			continue
		}
		named[g.Name] = p.before.Groups[old].Name
		g.Name = p.before.Groups[old].Name
		if g.Initial == 0 {
			g.Initial = p.before.Groups[old].Initial
		}
	}
	for i := range p.after.Groups {
		g := &p.after.Groups[i]
		g.RescuedBy = cmp.Or(named[g.RescuedBy], g.RescuedBy)
		for _, policy := range g.Policies {
			for j, alarm := range policy.Alarms {
				policy.Alarms[j].Group = cmp.Or(named[alarm.Group], alarm.Group)
			}
		}
	}
	p.after.Name = cmp.Or(p.before.Name, p.after.Name)
}
