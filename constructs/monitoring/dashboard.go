package monitoring

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchdashboard"

	"github.com/tandem-iac/tandem/internal/dashboard"
	"github.com/tandem-iac/tandem/internal/watch"
)

// dashboard adds the one of a cluster.
func (b *builder) dashboard(scope constructs.Construct, c watch.Cluster) error {
	cfg, err := dashboard.Of(b.Environment, c.Name)
	if err != nil {
		return err
	}
	cfg.Cluster, cfg.Account = c, b.account
	drawn := dashboard.New(cfg)
	body, err := drawn.CloudWatch()
	if err != nil {
		return err
	}
	cloudwatchdashboard.NewCloudwatchDashboard(scope, jsii.String("dashboard"), &cloudwatchdashboard.CloudwatchDashboardConfig{
		DashboardName: jsii.String(drawn.Name()),
		DashboardBody: jsii.String(string(body)),
	})
	return nil
}
