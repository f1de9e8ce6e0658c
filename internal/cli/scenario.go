package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/catalog"
	"github.com/tandem-iac/tandem/simulate/environment"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/simulate/report"
	"github.com/tandem-iac/tandem/simulate/terraform"
)

// scenarioFlags say what is simulated. Simulate and tune share them.
type scenarioFlags struct {
	cluster, region string
	ignore          []string
	start, unit     string
	gaps            string
	initial         map[string]int
	duration        time.Duration
	seed            uint64
	objective       float64
	step            time.Duration
	set             map[string]string
	onDemand, spot  map[string]string
	vcpus           map[string]string
	reclaims        float64
	reclaimShare    float64
	outages         []string
	marketFile      string
}

func (o *scenarioFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.cluster, "cluster", "", "`NAME` of the cluster, where there are several")
	f.StringVar(&o.region, "region", "", "AWS `REGION`, for prices; default: the one in FROM")
	f.StringArrayVar(&o.ignore, "ignore", nil, "leave out what is at this Terraform `ADDRESS`; repeatable")
	f.StringVar(&o.start, "start", "", "`TIME` of the load's first value, such as 2026-03-02 or 2026-03-02T08:00:00Z")
	f.DurationVar(&o.duration, "duration", 0, "how long generated loads go on, such as 168h; default: a day, or a week with a weekly shape")
	f.StringVar(&o.unit, "unit", "", "what the load counts: requests (a second) or cores; default: what its header says, else requests")
	f.StringVar(&o.gaps, "gaps", "", "what holds in gaps of CSV: hold, interpolate, zero or refuse; default hold")
	f.StringToIntVar(&o.initial, "initial", nil, "instances at the start: `GROUP=NUMBER`, such as prod-obelix-spot=4; default: the desired capacity in FROM, or the minimum")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the random draws and of the load's noise")
	f.Float64Var(&o.objective, "objective", 0, "CPU in percent to stay below; default 80")
	f.DurationVar(&o.step, "step", time.Minute, "resolution, 1s to 1m")
	f.StringToStringVar(&o.set, "set", nil, "set a parameter of the model: `NAME=NUMBER`, such as setup-median=180 (docs/simulate-model.md)")
	f.StringToStringVar(&o.onDemand, "on-demand-price", nil, "`TYPE=USD` an hour, such as m4.large=0.125")
	f.StringToStringVar(&o.spot, "spot-price", nil, "`TYPE=USD` an hour")
	f.StringToStringVar(&o.vcpus, "vcpus", nil, "how much CPU a type has: `TYPE=NUMBER`")
	f.StringVar(&o.marketFile, "market", "", "CSV `FILE` of reclaims, spot prices and lack of capacity over time (docs/loads.md)")
	f.Float64Var(&o.reclaims, "reclaim-rate", 0, "spot reclaims per instance and hour, such as 0.01")
	f.Float64Var(&o.reclaimShare, "reclaim-share", 0, "part of a type's instances that one reclaim takes along; default 0.1")
	for _, name := range []string{"initial", "set", "on-demand-price", "spot-price", "vcpus"} {
		f.Lookup(name).DefValue = "" // none, not []
	}
	f.StringArrayVar(&o.outages, "no-capacity", nil, "no spot instance can be launched in `FROM-TO[:TYPE]`, from the start, such as 2h-3h30m:m4.large; repeatable")
}

// scenario is a simulation with what a reader of its report has to know.
type scenario struct {
	simulate.Scenario
	name, load string
	warnings   []string
}

func (s scenario) run(result *simulate.Result) report.Run {
	return report.Run{
		Name: s.name, Load: s.load, Start: s.Load.Start(), Objective: s.Model.ObjectiveCPU,
		Cluster: s.Cluster, Result: result, Warnings: s.warnings,
	}
}

// scenarios builds a scenario of each place, on the same load, market and draws.
func (a *app) scenarios(ctx context.Context, o scenarioFlags, loadText string, from []string) ([]scenario, error) {
	demand, err := o.load(loadText)
	if err != nil {
		return nil, err
	}
	model, err := o.model(loadText)
	if err != nil {
		return nil, err
	}
	market, err := o.market(demand.Start())
	if err != nil {
		return nil, err
	}
	prices, err := o.catalog()
	if err != nil {
		return nil, err
	}
	if err := o.idle(from); err != nil {
		return nil, err
	}
	var scenarios []scenario
	for _, path := range from {
		s := scenario{load: loadText}
		s.Scenario = simulate.Scenario{Load: demand, Market: market, Model: model, Seed: o.seed}
		if s.Cluster, s.warnings, err = a.cluster(ctx, o, path, prices); err != nil {
			return nil, err
		}
		s.name = s.Cluster.Name
		o.begin(s.Cluster)
		if err := s.Validate(); err != nil {
			return nil, check.InputError{Err: fmt.Errorf("%s: %w", path, err)}
		}
		if note := s.crowded(); note != "" {
			s.warnings = append(s.warnings, note)
		}
		scenarios = append(scenarios, s)
	}
	if len(from) == 2 && scenarios[0].name == scenarios[1].name {
		scenarios[0].name, scenarios[1].name = from[0], from[1]
	}
	return scenarios, cmp.Or(o.known(scenarios), o.begun(scenarios))
}

// idle refuses flags that have no effect on what is read.
func (o *scenarioFlags) idle(from []string) error {
	if !slices.ContainsFunc(from, func(path string) bool { return !isDescription(path) }) {
		switch {
		case o.region != "":
			return check.InputErrorf("--region is for Terraform, %s has its own", from[0])
		case len(o.ignore) > 0:
			return check.InputErrorf("--ignore is for Terraform, %s has no addresses", from[0])
		}
	}
	return nil
}

// isDescription tells a tandem.yaml from Terraform.
func isDescription(path string) bool {
	extension := filepath.Ext(path)
	return extension == ".yaml" || extension == ".yml"
}

// cluster reads one out of a description or Terraform, with what its reader
// had to leave out.
func (a *app) cluster(ctx context.Context, o scenarioFlags, path string, prices catalog.Catalog) (simulate.Cluster, []string, error) {
	if isDescription(path) {
		env, err := a.load(ctx, path)
		if err != nil {
			return simulate.Cluster{}, nil, err
		}
		name := o.cluster
		if names := slices.Sorted(maps.Keys(env.Clusters)); name == "" {
			if len(names) > 1 {
				return simulate.Cluster{}, nil, severalClusters(path, names)
			}
			name = names[0]
		}
		cluster, err := environment.FromSpec(env, name, prices)
		return cluster, nil, err
	}
	clusters, err := terraform.Read(path, terraform.Config{Catalog: prices, Region: o.region, Ignore: o.ignore})
	if err != nil {
		return simulate.Cluster{}, nil, err
	}
	if o.cluster == "" && len(clusters) > 1 {
		return simulate.Cluster{}, nil, severalClusters(path, clusterNames(clusters))
	}
	found, err := terraform.Select(clusters, o.cluster)
	if err == nil {
		err = found.Err()
	}
	if err != nil {
		return simulate.Cluster{}, nil, err
	}
	var warnings []string
	for _, w := range found.Warnings() {
		warnings = append(warnings, w.String())
	}
	return found.Cluster, warnings, nil
}

func clusterNames(clusters []terraform.Cluster) []string {
	names := make([]string, len(clusters))
	for n, c := range clusters {
		names[n] = c.Name
	}
	return names
}

func severalClusters(path string, names []string) error {
	return check.InputErrorf("%s has several clusters, want one: --cluster %s", path, strings.Join(names, " or "))
}

func (o *scenarioFlags) load(text string) (simulate.Load, error) {
	cfg := load.Config{Duration: o.duration, Seed: o.seed, Unit: simulate.Unit(o.unit), Gaps: load.Gaps(o.gaps)}
	if o.start != "" {
		var err error
		if cfg.Start, err = parseTime(o.start); err != nil {
			return nil, err
		}
	}
	return load.Parse(text, cfg)
}

// parseTime reads a date, or a time of it.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, check.InputErrorf("--start is %q, want a date such as 2026-03-02, or 2026-03-02T08:00:00Z", text)
}

// model is the default one with what flags say of it. The preset load knows
// what one of its requests costs.
func (o *scenarioFlags) model(loadText string) (simulate.Model, error) {
	m := simulate.DefaultModel()
	m.Step = o.step
	if strings.Contains(loadText, load.SeedDay) {
		m.CPUPerRequest = load.SeedDayCPUPerRequest
	}
	parameters := map[string]simulate.Parameter{}
	for _, p := range simulate.Parameters() {
		parameters[flagName(p)] = p
	}
	for _, name := range slices.Sorted(maps.Keys(o.set)) {
		p, known := parameters[name]
		if !known {
			return m, check.InputErrorf("--set %s: there is no such parameter, %s", name, check.Suggest(name, slices.Sorted(maps.Keys(parameters))))
		}
		value, err := strconv.ParseFloat(o.set[name], 64)
		if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
			return m, check.InputErrorf("--set %s is %q, want a number%s", name, o.set[name], unitOf(p))
		}
		if p.Set(&m, value); math.Abs(p.Get(m)-value) > 1e-6 {
			return m, check.InputErrorf("--set %s is %s, want %s", name, o.set[name], wholeOf(p))
		}
	}
	if o.objective != 0 {
		m.ObjectiveCPU = o.objective
	}
	if o.reclaimShare != 0 {
		m.ReclaimShare = o.reclaimShare
	}
	return m, nil
}

// flagName is a parameter's name as --set takes it.
func flagName(p simulate.Parameter) string {
	return strings.ToLower(strings.ReplaceAll(p.Name, " ", "-"))
}

// wholeOf is what a parameter takes that does not take every number.
func wholeOf(p simulate.Parameter) string {
	if slices.Equal(p.Sweep, []float64{0, 1}) {
		return "0 or 1"
	}
	return "a whole number" + unitOf(p)
}

func unitOf(p simulate.Parameter) string {
	if p.Unit == "" {
		return ""
	}
	return " in " + p.Unit
}
