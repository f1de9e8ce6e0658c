package dashboard

import (
	"math"

	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/spec"
)

// Config is what a dashboard shows, and what it knows from the description.
type Config struct {
	// Cluster is whose metrics they are. CloudWatch needs the names of its load
	// balancer and target group; Grafana looks for them itself.
	watch.Cluster
	// Account is where the alarms are. May be a token. Grafana does not need it.
	Account string
	// Thresholds are those at which the groups scale, in the order of Groups.
	Thresholds []Thresholds
	// Monitoring has the thresholds of the alarms.
	Monitoring spec.Monitoring
	// Basic says that instances publish their CPU every five minutes only.
	Basic bool
	// DrainSeconds is how long an interrupted instance takes to go in peace.
	DrainSeconds float64
	// Spend is what instances cost.
	Spend Spend
}

// Thresholds are averages of a group's CPU, in percent.
type Thresholds struct {
	// Sustained and Spike add instances, In removes them.
	Sustained, Spike, In float64
}

// Spend is the price of an instance of each group.
type Spend struct {
	// Currency is USD or CNY.
	Currency string
	// OnDemand and Spot are an hour's. Spot is an assumption.
	OnDemand, Spot float64
	// SpotPercent is the assumed price of spot in percent of on-demand.
	SpotPercent float64
	// Date is the day of the price file, as 2006-01-02.
	Date string
}

// Of is what the description tells of a cluster. The environment has its
// defaults and is valid.
func Of(env spec.Environment, name string) (Config, error) {
	c := env.Clusters[name]
	spend, err := spendOf(env, c)
	if err != nil {
		return Config{}, err
	}
	account := env.Account
	if account == "" {
		account = c.CertificateAccount()
	}
	cfg := Config{
		Cluster:    watch.Cluster{Environment: env.Name, Name: name, Region: env.Region},
		Account:    account,
		Monitoring: env.Monitoring,
		Spend:      spend,
		Basic:      c.Instance.Monitoring == spec.MonitoringBasic,
	}
	drain := c.Drain.APICalls + c.TargetGroup.DeregistrationDelay + c.Drain.Hooks + c.Drain.Flush
	cfg.DrainSeconds = float64(drain.Seconds())
	for _, g := range []spec.Group{c.OnDemand.Group, c.Spot.Group} {
		cfg.Thresholds = append(cfg.Thresholds, Thresholds{
			Sustained: g.ScaleOut.Sustained.Threshold,
			Spike:     g.ScaleOut.Spike.Threshold,
			In:        g.ScaleIn.Threshold,
		})
	}
	return cfg, nil
}

// spendOf takes spot for what the price file assumes, as the simulator does: the
// mean of the types, of which AWS chooses by price and capacity, and never more
// than the bid.
func spendOf(env spec.Environment, c spec.Cluster) (Spend, error) {
	catalog, err := price.Default()
	if err != nil {
		return Spend{}, err
	}
	s := Spend{Currency: price.Currency(env.Region), Date: catalog.Date()}
	s.OnDemand, _, _ = env.OnDemandPrice(c.OnDemand.InstanceType) // a valid description has it
	whole := 0.0
	for _, t := range c.Spot.InstanceTypes {
		onDemand, _, _ := env.OnDemandPrice(t) // as above
		whole += onDemand
		s.Spot += onDemand * catalog.SpotShare(env.Region, t).Typical
	}
	n := float64(len(c.Spot.InstanceTypes))
	s.Spot = math.Min(s.Spot/n, c.Spot.MaxPrice)
	s.SpotPercent = math.Round(100 * s.Spot / (whole / n))
	s.Spot = math.Round(s.Spot*1e4) / 1e4 // in 1/100 of a cent
	return s, nil
}
