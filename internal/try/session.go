//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/envfile"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/pause"
	"github.com/tandem-iac/tandem/spec"
)

type config struct {
	envFile  string
	standIns bool
	out      io.Writer
}

const (
	environment = "try"
	cluster     = "web"
	// every is how often instances are looked for.
	every = 300 * time.Millisecond
)

// description is what TANDEM_SPEC names.
const description = `environment: ` + environment + `
region: ` + moto.Region + `
on_demand_prices: {m4.large: 0.125}
network: {availability_zones: [` + moto.Region + `a, ` + moto.Region + `b]}
clusters:
  ` + cluster + `:
    certificate_arn: arn:aws:acm:` + moto.Region + `:` + moto.Account + `:certificate/0c9a7f3e-5b1d-4f55-8a67-2f4e9d3b7c21
`

// session is one run of the program.
type session struct {
	config
	ctx      context.Context
	dir      string
	program  string
	settings []instance.Setting
	bucket   string
	cloud    *fleettest.Cloud
	// whyNone says why there is no throw-away machine. Empty: there may be one.
	whyNone string

	mu    sync.Mutex
	real  string // the instance that has the throw-away machine
	boots sync.WaitGroup
}

func try(ctx context.Context, cfg config) (err error) {
	env, err := envfile.Open(cfg.envFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	s := &session{config: cfg, ctx: ctx, whyNone: hostless()}
	if cfg.standIns {
		s.whyNone = "it was started with -stand-ins"
	}
	if s.program, err = os.Executable(); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "tandem-try-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	server, err := moto.Start(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	return ended(ctx, s.run(ctx, server.URL, env))
}

// ended is err unless the session was asked to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *session) run(ctx context.Context, url string, env *envfile.File) error {
	specFile := filepath.Join(s.dir, "tandem.yaml")
	if err := os.WriteFile(specFile, []byte(description), 0o644); err != nil {
		return err
	}
	described, err := spec.Parse(specFile, []byte(description))
	if err != nil {
		return err
	}
	s.bucket = fmt.Sprintf("%s-%s-builds-%s", environment, moto.Region, moto.Account)
	_, err = awsclient.NewS3(moto.Config(url)).CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &s.bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: moto.Region},
	})
	if err != nil {
		return err
	}
	service := described.Clusters[cluster]
	s.settings = s.settingsOf(service)
	s.cloud, err = fleettest.Start(ctx, fleettest.CloudConfig{
		URL: url, Account: moto.Account, Environment: environment, Cluster: cluster, Service: service.Service,
		Dir: s.machineDir, Report: s.report, Launch: s.launch, Ran: s.ran,
	})
	if err != nil {
		return err
	}
	defer s.boots.Wait()
	defer s.cloud.Stop()
	s.cloud.Faults(s.watch)
	balancer := newBalancer(s.cloud)
	defer balancer.Close()
	nagios, stopNagios, err := s.startNagios(ctx)
	defer func() { s.report(stopNagios()) }()
	if err != nil {
		return err
	}
	err = writeEnv(env, filepath.Dir(s.program), s.cloud.URL, map[string]string{
		"TANDEM_SPEC": specFile, "TRY_URL": balancer.URL, "TRY_NAGIOS": nagios,
	})
	if err != nil {
		return err
	}
	s.welcome()
	for pause.For(ctx, every) == nil {
		s.cloud.Follow()
	}
	fmt.Fprintln(s.out, "\nstops everything and removes it")
	return nil
}

// settingsOf are those of every machine. Nobody interrupts these instances, so
// that rescue has none.
func (s *session) settingsOf(service spec.Cluster) []instance.Setting {
	return []instance.Setting{
		{Name: "AWS_REGION", Value: moto.Region},
		{Name: "AWS_DEFAULT_REGION", Value: moto.Region},
		{Name: "TANDEM_ENVIRONMENT", Value: environment},
		{Name: "TANDEM_CLUSTER", Value: cluster},
		{Name: "TANDEM_SERVICE", Value: service.Service},
		{Name: "TANDEM_PLAYBOOK", Value: service.Playbook},
		{Name: "TANDEM_BUILD_BUCKET", Value: s.bucket},
		{Name: "TANDEM_LIFECYCLE", Value: "on-demand"},
		{Name: "TANDEM_GROUP", Value: environment + "-" + cluster + "-on-demand"},
		{Name: "TANDEM_LIFECYCLE_HOOK", Value: "drain"},
		{Name: "TANDEM_HEALTH_PATH", Value: service.TargetGroup.HealthCheck.Path},
		{Name: "TANDEM_IDLE_SECONDS", Value: fmt.Sprint(service.LoadBalancer.IdleTimeout.Seconds())},
	}
}

func (s *session) machineDir() string {
	dir, err := os.MkdirTemp(s.dir, "m")
	if err != nil {
		s.report(err)
	}
	return dir
}

func (s *session) report(err error) {
	if err != nil && s.ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "try:", err)
	}
}

func (s *session) say(id, format string, args ...any) {
	if s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%s %s %s\n", time.Now().Format(time.TimeOnly), id, fmt.Sprintf(format, args...))
}

func (s *session) welcome() {
	machines := `The first machine is a part of this system, to throw away, in which user data, the
setup script, Ansible and Apache run. All others are stand-ins:`
	if s.whyNone != "" {
		machines = "All machines are stand-ins, as " + s.whyNone + ":"
	}
	fmt.Fprintf(s.out, `moto stands in for AWS, at %s.
In another shell, in this directory:

  source %s

Then build, publish and promote, as README.md says. Cluster %s has no machines yet:

  aws autoscaling set-desired-capacity --auto-scaling-group-name %s --desired-capacity 2
  aws autoscaling set-desired-capacity --auto-scaling-group-name %s --desired-capacity 1

%s
they fetch, check and unpack releases, and serve them without Ansible.
What each says while it boots: %s/INSTANCE.log
Ctrl-C stops everything and removes it.

What happens on the machines:
`, s.cloud.URL, s.envFile, cluster, s.cloud.Spot, s.cloud.OnDemand, machines, s.dir)
}

// watch says what is asked of the machines; it lets everything pass.
func (s *session) watch(call fleettest.Call) *fleettest.Fault {
	if text, ok := map[string]string{
		"EnterStandby":      "goes on standby",
		"DeregisterTargets": "leaves the load balancer",
		"ExitStandby":       "returns to service",
		"CancelCommand":     "gives up its command",
	}[call.Action]; ok {
		s.say(call.Subject, "%s", text)
	}
	if call.Action == "SendCommand" {
		for line := range strings.Lines(call.Script) {
			if strings.Contains(line, "tandem-setup") {
				command, _, _ := strings.Cut(line, " 2>&1")
				s.say(call.Subject, "runs %s", command)
			}
		}
	}
	return nil
}

func (s *session) ran(id string, code int) {
	if code != 0 {
		s.say(id, "its setup has failed, with exit code %d", code)
		return
	}
	s.say(id, "its setup has succeeded")
}
