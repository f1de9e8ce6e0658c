// Package monitoring builds what tells people that something is wrong: topics,
// alarms and dashboards for the clusters of an environment.
//
//	no healthy host ─┐
//	5xx ─────────────┴─> down ─────────────────────────────> page
//	                       │ silences
//	rescue failed ───┐     v
//	on-demand at max ┼─> at risk ──────────────────────────> page
//	group out of step┘   (or notice, by severity) ─────────> notify
//
// Alarms that each watch one thing tell nobody by themselves: a composite alarm
// does, once, however many of them one cause sets off. Where nobody is to be told
// there are neither topics nor composite alarms. It reads what the
// clusters have made and nothing reads it, so that no stack waits for itself.
package monitoring

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/constructs/account"
	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/watch"
	"github.com/tandem-iac/tandem/spec"
)

// TopicARN is the ARN of an SNS topic. It may be a token.
type TopicARN string

// Config configures New.
type Config struct {
	// Environment is the description that holds the clusters. Required.
	Environment spec.Environment
	// Clusters are what has been made of them, by name: all of Environment. Required.
	Clusters map[string]cluster.Cluster
	// Parts are parts of the environment that are no clusters and have alarms of
	// their own. Nil: there are none.
	Parts []Part
}

// Part is something that has alarms, and no actions on them.
type Part struct {
	// Name is the part's, such as logging; no cluster has it. Required.
	Name string
	// Page are the alarms for which people are woken, Notify those that can wait.
	Page, Notify []scaling.AlarmName
}

// Monitoring is what New has made.
type Monitoring struct {
	// Page is the topic of what people are woken for, Notify that of the rest.
	// CloudWatch's alarms of the account may publish there, and nothing else.
	// Empty: nobody is to be told.
	Page, Notify TopicARN
}

// New builds monitoring under scope/id. If cfg is invalid it returns a
// check.Errors and adds nothing.
func New(scope constructs.Construct, id string, cfg Config) (Monitoring, error) {
	cfg.Environment = cfg.Environment.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return Monitoring{}, fmt.Errorf("monitoring %q: %w", id, err)
	}
	b := builder{Config: cfg, node: constructs.NewConstruct(scope, &id), rules: cfg.Environment.Monitoring}
	b.account = account.ID(b.node, cfg.Environment.Account)
	var topics Monitoring
	if *b.rules.Topics {
		topics = b.topics()
	}
	clusters := b.scope(b.node, "clusters")
	for _, name := range slices.Sorted(maps.Keys(cfg.Clusters)) {
		if err := b.cluster(b.scope(clusters, name), name, topics); err != nil {
			return Monitoring{}, err
		}
	}
	if *b.rules.Topics {
		parts := b.scope(b.node, "parts")
		for _, part := range cfg.Parts {
			b.atRisk(b.scope(parts, part.Name), cfg.Environment.Name+"-"+part.Name, part.Name, topics, part.risks(), "")
		}
	}
	return topics, nil
}

// Validate reports every broken rule of the environment and every cluster that
// was not handed in.
func (cfg Config) Validate() error {
	var faults check.Errors
	for name := range cfg.Environment.Clusters {
		_, made := cfg.Clusters[name]
		faults.Require(made, check.Join("clusters", name), "", "what the cluster construct has made")
	}
	for name, c := range cfg.Clusters {
		_, described := cfg.Environment.Clusters[name]
		faults.Require(described, check.Join("clusters", name), name, "a cluster of the environment")
		faults.Require(c.LoadBalancerDimension != "" && c.TargetGroupDimension != "" && c.RescueFailed != "" && c.RescueAtMax != "",
			check.Join("clusters", name), "", "its load balancer, target group and alarms")
	}
	for i, part := range cfg.Parts {
		_, taken := cfg.Clusters[part.Name]
		faults.Require(part.Name != "" && !taken, check.Index("parts", i)+".name", part.Name, "a name that no cluster has")
	}
	return check.Merge(cfg.Environment.Validate(), faults.Err())
}

// builder adds the resources of one environment.
type builder struct {
	Config
	node    constructs.Construct
	rules   spec.Monitoring
	account string
}

func (b *builder) scope(parent constructs.Construct, id string) constructs.Construct {
	return constructs.NewConstruct(parent, &id)
}

// cluster adds the alarms of one cluster and its dashboard.
func (b *builder) cluster(node constructs.Construct, name string, topics Monitoring) error {
	made := b.Clusters[name]
	watched := watch.Cluster{
		Environment:  b.Environment.Name,
		Name:         name,
		Region:       b.Environment.Region,
		LoadBalancer: made.LoadBalancerDimension,
		TargetGroup:  made.TargetGroupDimension,
	}
	outage, risks := b.outage(node, watched), b.risks(node, watched, made)
	if *b.rules.Topics {
		down := composite(node, watch.Down, watched.Alarm(watch.Down), "Callers of "+name+" are being failed", anyOf(outage...), topics.Page)
		b.atRisk(node, watched.FullName(), name, topics, risks, down)
	}
	if !*b.rules.Dashboards {
		return nil
	}
	return b.dashboard(node, watched)
}
