package simulate

import "time"

// Mark tells how well a parameter's default is known.
type Mark string

const (
	// Measured by practitioners, not promised by AWS.
	Measured Mark = "measured"
	// Inferred from what AWS documents.
	Inferred Mark = "inferred"
	// Unknown is what AWS says that it exists, and not how much it is.
	Unknown Mark = "unknown"
	// Chosen for the user's service: it says nothing about AWS.
	Chosen Mark = "chosen"
)

// Parameter is a field of Model: its default, its range, where both come from.
type Parameter struct {
	// Name is the field in words, such as "detailed metric delay".
	Name string
	// Unit is s, %, core-s or a plain count; of switches it is empty: 0 or 1.
	Unit string
	// Default is in Unit.
	Default float64
	// Sweep holds the values that a sweep tries, in Unit, ascending. Empty: the
	// user's own choice, which a sweep leaves alone.
	Sweep []float64
	// Mark is how well Default is known.
	Mark Mark
	// Source is a page or the reason.
	Source string
	// Get reads the field, Set writes it, in Unit.
	Get func(Model) float64
	Set func(*Model, float64)
}

// Parameters lists the fields of Model but for Step, in its order.
func Parameters() []Parameter {
	return []Parameter{
		seconds("detailed metric delay", 120, []float64{60, 120, 180}, Measured,
			"one-minute metrics are seen 1 to 3 minutes late", func(m *Model) *time.Duration { return &m.DetailedDelay }),
		seconds("basic metric delay", 300, []float64{300, 420, 600}, Measured,
			"five-minute metrics are seen 5 to 10 minutes late", func(m *Model) *time.Duration { return &m.BasicDelay }),
		count("extra periods", 2, []float64{0, 2, 5}, Unknown,
			"https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html shows 5 for N = 3", func(m *Model) *int { return &m.ExtraPeriods }),
		seconds("alarm phase", 0, []float64{0, 30}, Unknown,
			"evaluated every minute, at no promised second", func(m *Model) *time.Duration { return &m.AlarmPhase }),
		flag("alarms from first period", Chosen,
			"what was before the start is not known", func(m *Model) *bool { return &m.AlarmsFromFirstPeriod }),
		flag("premature breach keeps state", Unknown,
			"https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: the tables are silent", func(m *Model) *bool { return &m.PrematureKeepsState }),
		count("step value", 0, []float64{0, 1, 2, 3, 4}, Unknown,
			"0 newest period, 1 newest with data, 2 average, 3 highest, 4 lowest of the alarm's periods: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html names an aggregation, not over what", func(m *Model) *int { return (*int)(&m.StepValue) }),
		seconds("boot median", 26, []float64{15, 26, 60}, Measured,
			"26 s on average until SSH answers", func(m *Model) *time.Duration { return &m.BootMedian }),
		number("boot spread", "", 0.2, []float64{0, 0.2, 0.5}, Unknown,
			"only averages are published", func(m *Model) *float64 { return &m.BootSpread }),
		seconds("setup median", 90, []float64{30, 90, 300}, Chosen,
			"depends on the application", func(m *Model) *time.Duration { return &m.SetupMedian }),
		number("setup spread", "", 0.2, []float64{0, 0.2, 0.5}, Chosen,
			"depends on the application", func(m *Model) *float64 { return &m.SetupSpread }),
		number("setup CPU", "%", 100, []float64{0, 50, 100}, Chosen,
			"installing is bound by CPU; seen only where the warm-up is shorter than the setup", func(m *Model) *float64 { return &m.SetupCPU }),
		seconds("health check time", 60, []float64{10, 60, 300}, Chosen,
			"interval times unhealthy threshold: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html", func(m *Model) *time.Duration { return &m.HealthCheckTime }),
		seconds("replacement interval", 60, []float64{60, 300}, Inferred,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html: at most a tenth at a time", func(m *Model) *time.Duration { return &m.ReplacementInterval }),
		flag("policy warm-up stays", Unknown,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html: not said of retries and replacements", func(m *Model) *bool { return &m.PolicyWarmupStays }),
		flag("cheapest spot first", Unknown,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html: price-capacity-optimized weighs price and capacity, not said how", func(m *Model) *bool { return &m.CheapestSpotFirst }),
		flag("options launch apart", Unknown,
			"whether on-demand launches wait for the retry of spot ones is not said", func(m *Model) *bool { return &m.OptionsLaunchApart }),
		count("scale-in order", 0, []float64{0, 1, 2}, Inferred,
			"0 oldest, 1 newest, 2 closest to the next instance hour: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html has all three, and by default the last, then any", func(m *Model) *int { return (*int)(&m.ScaleInOrder) }),
		flag("scale-in spot first", Inferred,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html: the option is identified first, not said how", func(m *Model) *bool { return &m.ScaleInSpotFirst }),
		flag("scale-in marked first", Unknown,
			"whether scale-in prefers what has its notice is not said", func(m *Model) *bool { return &m.ScaleInMarkedFirst }),
		number("drain", "%", 100, []float64{0, 50, 100}, Chosen,
			"of the deregistration delay; depends on how long requests take: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html", func(m *Model) *float64 { return &m.Drain }),
		seconds("deregistration lag", 17, []float64{0, 17, 30}, Measured,
			"targets get requests about 17 s after they were deregistered", func(m *Model) *time.Duration { return &m.DeregistrationLag }),
		seconds("termination time", 60, []float64{30, 60, 120}, Unknown,
			"shutting down takes what the system takes", func(m *Model) *time.Duration { return &m.TerminationTime }),
		seconds("replacement delay", 60, []float64{0, 60, 300}, Unknown,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html: not before a health check fails", func(m *Model) *time.Duration { return &m.ReplacementDelay }),
		seconds("launch retry", 60, []float64{60, 300}, Unknown,
			"failed launches are tried again", func(m *Model) *time.Duration { return &m.LaunchRetry }),
		seconds("rebalance lead", 0, []float64{0, 120, 600}, Unknown,
			"https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html: may come with the notice", func(m *Model) *time.Duration { return &m.RebalanceLead }),
		count("rebalance margin", 1, []float64{0, 1}, Inferred,
			"https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html: a tenth of the maximum; of groups below ten nothing is said", func(m *Model) *int { return &m.RebalanceMargin }),
		number("reclaim share", "", 0.1, []float64{0.01, 0.1, 0.5, 1}, Unknown,
			"how many instances of a type EC2 takes at once is not said; seen only with a reclaim rate", func(m *Model) *float64 { return &m.ReclaimShare }),
		flag("reclaim newest first", Unknown,
			"which instances EC2 takes is not said", func(m *Model) *bool { return &m.ReclaimNewestFirst }),
		flag("scale-in waits for warm-up", Unknown,
			"documented for step policies, open for simple ones", func(m *Model) *bool { return &m.ScaleInWaitsForWarmup }),
		flag("simple waits for capacity", Inferred,
			"simple policies wait for activities; whether a launch without capacity is one in progress is not said", func(m *Model) *bool { return &m.SimpleWaitsForCapacity }),
		flag("terminating measured", Inferred,
			"when an instance leaves its group's metric is not said", func(m *Model) *bool { return &m.TerminatingMeasured }),
		flag("share by cores", Chosen,
			"depends on the target group's algorithm; round robin by default: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html", func(m *Model) *bool { return &m.ShareByCores }),
		number("CPU per request", "core-s", 0.05, nil, Chosen,
			"depends on the application", func(m *Model) *float64 { return &m.CPUPerRequest }),
		seconds("queue", 0, nil, Chosen,
			"depends on the application", func(m *Model) *time.Duration { return &m.Queue }),
		number("objective CPU", "%", 80, nil, Chosen,
			"depends on the application", func(m *Model) *float64 { return &m.ObjectiveCPU }),
		seconds("flap window", 1800, nil, Chosen,
			"how soon a reversal is a waste", func(m *Model) *time.Duration { return &m.FlapWindow }),
	}
}

func seconds(name string, def float64, sweep []float64, mark Mark, source string, field func(*Model) *time.Duration) Parameter {
	return Parameter{Name: name, Unit: "s", Default: def, Sweep: sweep, Mark: mark, Source: source,
		Get: func(m Model) float64 { return field(&m).Seconds() },
		Set: func(m *Model, v float64) { *field(m) = time.Duration(v * float64(time.Second)) }}
}

func number(name, unit string, def float64, sweep []float64, mark Mark, source string, field func(*Model) *float64) Parameter {
	return Parameter{Name: name, Unit: unit, Default: def, Sweep: sweep, Mark: mark, Source: source,
		Get: func(m Model) float64 { return *field(&m) },
		Set: func(m *Model, v float64) { *field(m) = v }}
}

func count(name string, def float64, sweep []float64, mark Mark, source string, field func(*Model) *int) Parameter {
	return Parameter{Name: name, Default: def, Sweep: sweep, Mark: mark, Source: source,
		Get: func(m Model) float64 { return float64(*field(&m)) },
		Set: func(m *Model, v float64) { *field(m) = int(v) }}
}

// flag is a switch, off by default.
func flag(name string, mark Mark, source string, field func(*Model) *bool) Parameter {
	return Parameter{Name: name, Sweep: []float64{0, 1}, Mark: mark, Source: source,
		Get: func(m Model) float64 {
			if *field(&m) {
				return 1
			}
			return 0
		},
		Set: func(m *Model, v float64) { *field(m) = v != 0 }}
}
