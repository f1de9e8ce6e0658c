package stacks

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/cluster"
	"github.com/tandem-iac/tandem/constructs/logging"
	"github.com/tandem-iac/tandem/constructs/monitoring"
	"github.com/tandem-iac/tandem/spec"
)

// newMonitoringStack adds <environment>-monitoring. It reads the outputs of
// clusters and logging from their state, and nothing reads its own: a cluster
// that waited for its topics would wait for itself.
func newMonitoringStack(app cdktf.App, env spec.Environment, clusters map[string]cluster.Cluster, logs *logging.Logging) error {
	stack := newStack(app, env, "monitoring")
	cfg := monitoring.Config{Environment: env, Clusters: clusters}
	if logs != nil {
		cfg.Parts = append(cfg.Parts, monitoring.Part{Name: logging.Name, Page: logs.Page, Notify: logs.Notify})
	}
	made, err := monitoring.New(stack, "monitoring", cfg)
	if err != nil {
		return wrap(stack, err)
	}
	if made.Page == "" {
		return nil
	}
	addOutputs(stack,
		output{"page_topic_arn", "Topic of what people are woken for", string(made.Page)},
		output{"notify_topic_arn", "Topic of what can wait until the morning", string(made.Notify)},
	)
	return nil
}
