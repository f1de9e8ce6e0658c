package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/dashboard"
	"github.com/tandem-iac/tandem/internal/fleet"
)

// dashboardFlags are those of tandem dashboard.
type dashboardFlags struct {
	place
	grafana, cloudwatch bool
	front               fleet.Front
	output              string
}

func newDashboardCommand(a *app) *cobra.Command {
	var f dashboardFlags
	cmd := &cobra.Command{
		Use:   "dashboard CLUSTER",
		Short: "Write the dashboard of a cluster, for Grafana or CloudWatch",
		Long: `Write the dashboard of a cluster: its groups by lifecycle, CPU with the
thresholds of the description, alarms, requests, latency, errors, healthy hosts,
interruptions and rescues, release skew and estimated spend.

For Grafana it is a file to import as it is, with the CloudWatch data source and
what AWS names as variables; AWS is not asked. For CloudWatch it is the body that
'aws cloudwatch put-dashboard' takes, as the stack ENVIRONMENT-monitoring has it;
the load balancer and the target group are looked up, unless flags name them.`,
		Example: `  tandem dashboard obelix --grafana --output obelix.json
  tandem dashboard obelix --cloudwatch --output body.json
  aws cloudwatch put-dashboard --dashboard-name obelix --dashboard-body file://body.json`,
		Args: exactly("a CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.dashboard(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "`file` with the description (default $TANDEM_SPEC or "+defaultFile+")")
	flags.BoolVar(&f.grafana, "grafana", false, "write JSON for Grafana's import")
	flags.BoolVar(&f.cloudwatch, "cloudwatch", false, "write the body of a CloudWatch dashboard")
	flags.StringVar(&f.front.LoadBalancer, "load-balancer", "", "end of the load balancer's `ARN`, app/NAME/ID (default looked up)")
	flags.StringVar(&f.front.TargetGroup, "target-group", "", "end of the target group's `ARN`, targetgroup/NAME/ID (default looked up)")
	flags.StringVarP(&f.output, "output", "o", "", "`file` to write instead of standard output")
	return cmd
}

var (
	loadBalancerEnd = regexp.MustCompile(`^app/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$`)
	targetGroupEnd  = regexp.MustCompile(`^targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$`)
)

func (f *dashboardFlags) check() error {
	named := f.front.LoadBalancer != "" || f.front.TargetGroup != ""
	switch {
	case f.grafana == f.cloudwatch:
		return errors.New("want one of --grafana and --cloudwatch")
	case named && f.grafana:
		return errors.New("--load-balancer and --target-group are for --cloudwatch: Grafana looks for them")
	case named && !loadBalancerEnd.MatchString(f.front.LoadBalancer):
		return fmt.Errorf("--load-balancer is %q, want app/NAME/ID, beside --target-group", f.front.LoadBalancer)
	case named && !targetGroupEnd.MatchString(f.front.TargetGroup):
		return fmt.Errorf("--target-group is %q, want targetgroup/NAME/ID, beside --load-balancer", f.front.TargetGroup)
	}
	return nil
}

func (a *app) dashboard(ctx context.Context, f *dashboardFlags, name string) error {
	if err := f.check(); err != nil {
		return inputError{err: err, help: "tandem dashboard"}
	}
	env, err := a.describe(ctx, &f.place)
	if err != nil {
		return err
	}
	if _, known := env.Clusters[name]; !known {
		return check.InputErrorf("there is no cluster %s in the description: %s", name, check.Suggest(name, slices.Sorted(maps.Keys(env.Clusters))))
	}
	cfg, err := dashboard.Of(env, name)
	if err != nil {
		return err
	}
	if f.cloudwatch {
		if err := a.lookUpFront(ctx, f, name); err != nil {
			return err
		}
		cfg.LoadBalancer, cfg.TargetGroup = f.front.LoadBalancer, f.front.TargetGroup
	}
	drawn := dashboard.New(cfg)
	write := drawn.Grafana
	if f.cloudwatch {
		write = drawn.CloudWatch
	}
	data, err := write()
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if f.output != "" {
		return writeFile(f.output, data)
	}
	_, err = a.stdout.Write(data)
	return err
}

// lookUpFront asks AWS for the names that it has ended, unless flags say them.
func (a *app) lookUpFront(ctx context.Context, f *dashboardFlags, name string) error {
	if f.front.LoadBalancer != "" {
		return nil
	}
	cfg, err := a.dial(ctx, &f.place)
	if err != nil {
		return err
	}
	finder := fleet.NewFinder(cfg)
	cluster, err := finder.Cluster(ctx, f.environment, name)
	if err != nil {
		return err
	}
	f.front, err = finder.Front(ctx, cluster)
	return err
}
