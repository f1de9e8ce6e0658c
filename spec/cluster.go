package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cluster is a web cluster: a load balancer before a pair of Auto Scaling
// groups, one on-demand as the anchor, one on spot carrying the load.
type Cluster struct {
	// Service names the artifact that the machines run. Default: the cluster's name.
	Service string `yaml:"service,omitempty" format:"name"`
	// Playbook names the artifact that configures them. Default: <service>-playbook.
	Playbook string `yaml:"playbook,omitempty" format:"name"`
	// CertificateARN is the ACM certificate of the HTTPS listener, in the
	// environment's region and account. Required.
	CertificateARN string `yaml:"certificate_arn" required:"true" format:"certificate"`
	// LoadBalancer is the public face.
	LoadBalancer LoadBalancer `yaml:"load_balancer,omitempty"`
	// TargetGroup is how the load balancer treats instances.
	TargetGroup TargetGroup `yaml:"target_group,omitempty"`
	// Instance is what both groups launch.
	Instance Instance `yaml:"instance,omitempty"`
	// Bootstrap is how an instance sets itself up.
	Bootstrap Bootstrap `yaml:"bootstrap,omitempty"`
	// Drain is the time budget of an instance that has to go.
	Drain Drain `yaml:"drain,omitempty"`
	// Refresh is manual, where a changed launch template reaches instances as
	// they are replaced, or rolling, where an apply starts an instance refresh
	// of both groups. An image that is found by parameter or filter changes at
	// its owner's pace: with rolling, name it by id. Default: manual.
	Refresh string `yaml:"refresh,omitempty" enum:"manual,rolling"`
	// OnDemand is the anchor group.
	OnDemand OnDemand `yaml:"on_demand,omitempty"`
	// Spot is the group that carries the load.
	Spot Spot `yaml:"spot,omitempty"`
}

// LoadBalancer configures the Application Load Balancer and its listeners on
// ports 80 and 443.
type LoadBalancer struct {
	// HTTP is what port 80 does: redirect to HTTPS, or forward to the
	// instances. Default: redirect.
	HTTP string `yaml:"http,omitempty" enum:"redirect,forward"`
	// SSLPolicy is the security policy of the HTTPS listener; only policies
	// without TLS 1.0 and 1.1 are accepted
	// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html).
	// Default: ELBSecurityPolicy-TLS13-1-2-Res-2021-06.
	SSLPolicy string `yaml:"ssl_policy,omitempty" format:"ssl_policy"`
	// IdleTimeout closes a silent connection; keep the application's
	// keep-alive longer. Default: 60s.
	IdleTimeout Duration `yaml:"idle_timeout,omitempty" range:"1s..4000s"`
	// DeletionProtection makes AWS refuse to delete the load balancer. Default: true.
	DeletionProtection *bool `yaml:"deletion_protection,omitempty"`
	// AccessLogs writes every request to the access-log bucket. Default: true.
	AccessLogs *bool `yaml:"access_logs,omitempty"`
}

// TargetGroup configures how instances are put into service and out of it.
type TargetGroup struct {
	// DeregistrationDelay is how long requests in flight may take once an
	// instance leaves. AWS's own default of 300 s is longer than the notice of
	// a spot interruption. Default: 60s.
	DeregistrationDelay Duration `yaml:"deregistration_delay,omitempty" range:"1s..3600s"`
	// SlowStart ramps up the share of a new instance, 30s to 900s; 0s is off. Default: 0s.
	SlowStart Duration `yaml:"slow_start,omitempty" range:"0s..900s"`
	// HealthCheck decides who gets traffic.
	HealthCheck HealthCheck `yaml:"health_check,omitempty"`
}

// HealthCheck is the load balancer's check of an instance over HTTP on port 80
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
type HealthCheck struct {
	// Path is requested on the instance. Default: /health.
	Path string `yaml:"path,omitempty" format:"path"`
	// Matcher is the status that passes: 200, 200-299 or 200,204. Default: 200.
	Matcher string `yaml:"matcher,omitempty" format:"matcher"`
	// Interval is the time between two checks. Default: 10s.
	Interval Duration `yaml:"interval,omitempty" range:"5s..300s"`
	// Timeout fails a check without an answer; shorter than the interval. Default: 5s.
	Timeout Duration `yaml:"timeout,omitempty" range:"2s..120s"`
	// Healthy is how many checks in a row bring an instance into service. Default: 2.
	Healthy int `yaml:"healthy_threshold,omitempty" range:"2..10"`
	// Unhealthy is how many failed checks in a row take it out. Default: 2.
	Unhealthy int `yaml:"unhealthy_threshold,omitempty" range:"2..10"`
}

const (
	// HTTPRedirect answers port 80 with a redirect to HTTPS.
	HTTPRedirect = "redirect"
	// HTTPForward serves port 80 as it does port 443.
	HTTPForward = "forward"
	// RefreshManual leaves running instances alone when a launch template changes.
	RefreshManual = "manual"
	// RefreshRolling replaces running instances when a launch template changes.
	RefreshRolling = "rolling"

	// maxName is the longest name of a load balancer or target group:
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
	maxName = 32
)

func (c Cluster) withDefaults(name string, prices pricing) Cluster {
	if formats["name"].matches(name) { // or else its fault would be told twice
		setDefault(&c.Service, name)
	}
	if c.Service != "" {
		setDefault(&c.Playbook, c.Service+"-playbook")
	}
	setDefault(&c.Refresh, RefreshManual)
	c.LoadBalancer = c.LoadBalancer.withDefaults()
	c.TargetGroup = c.TargetGroup.withDefaults()
	c.Drain = c.Drain.withDefaults()
	published := publishes(c.Instance.Monitoring)
	c.OnDemand = c.OnDemand.withDefaults(published)
	c.Spot = c.Spot.withDefaults(c.OnDemand.InstanceType, prices, published)
	c.Instance = c.Instance.withDefaults(c.OnDemand.InstanceType)
	return c
}

func (l LoadBalancer) withDefaults() LoadBalancer {
	setDefault(&l.HTTP, HTTPRedirect)
	setDefault(&l.SSLPolicy, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
	setDefault(&l.IdleTimeout, Duration(60*time.Second))
	setDefaultPtr(&l.DeletionProtection, true)
	setDefaultPtr(&l.AccessLogs, true)
	return l
}

func (t TargetGroup) withDefaults() TargetGroup {
	setDefault(&t.DeregistrationDelay, Duration(60*time.Second))
	h := &t.HealthCheck
	setDefault(&h.Path, "/health")
	setDefault(&h.Matcher, "200")
	setDefault(&h.Interval, Duration(10*time.Second))
	setDefault(&h.Timeout, Duration(5*time.Second))
	setDefault(&h.Healthy, 2)
	setDefault(&h.Unhealthy, 2)
	return t
}

// Architecture is the processor architecture of the cluster's instances, as EC2
// names it: x86_64 or arm64. Call WithDefaults before it.
func (c Cluster) Architecture() string { return architecture(c.OnDemand.InstanceType) }

// reservedNames are the stacks of an environment beside its clusters'.
var reservedNames = []string{"network", "delivery", "logging", "monitoring"}

// clusterContext is what a cluster's rules need to know from around it.
type clusterContext struct {
	path        string
	name        string
	environment Environment
}

func (c Cluster) validate(faults *relations, ctx clusterContext) {
	ctx.checkName(faults)
	c.validateCertificate(faults, ctx)
	faults.Require(c.Playbook == "" || c.Playbook != c.Service, ctx.path+".playbook", quote(c.Playbook), "another artifact than service",
		ctx.path+".service")
	c.TargetGroup.validate(faults, ctx.path+".target_group")
	c.Instance.AMI.validate(faults, ctx.path+".instance.ami")
	c.Bootstrap.validate(faults, ctx.path+".bootstrap")
	c.validateDrain(faults, ctx.path)
	c.validateGroups(faults, ctx)
}

// validateCertificate keeps the certificate where the load balancer can use it.
func (c Cluster) validateCertificate(faults *relations, ctx clusterContext) {
	validateARN(faults, arnRule{ctx.path + ".certificate_arn", "certificate", "certificate", "the load balancer's"},
		c.CertificateARN, ctx.environment.Region, ctx.environment.Account)
}

// CertificateAccount is the account of the certificate, which is that of the
// cluster. Empty: the ARN is none.
func (c Cluster) CertificateAccount() string {
	m := formats["certificate"].pattern.FindStringSubmatch(c.CertificateARN)
	if m == nil {
		return ""
	}
	return m[3]
}

func (ctx clusterContext) checkName(faults *relations) {
	full := ctx.environment.Name + "-" + ctx.name
	faults.Require(len(full) <= maxName, ctx.path, fmt.Sprintf("%d characters long as %s", len(full), full),
		fmt.Sprintf("at most %d, as for a load balancer's name", maxName), "environment")
	faults.Require(!slices.Contains(reservedNames, ctx.name), ctx.path, quote(ctx.name),
		"a name other than "+strings.Join(reservedNames, ", ")+", which are stacks of the environment")
}

func (t TargetGroup) validate(faults *relations, path string) {
	slow := t.SlowStart
	faults.Require(slow == 0 || slow >= Duration(30*time.Second), path+".slow_start", slow.String(), "0s or 30s..900s")
	h := t.HealthCheck
	faults.Require(h.Timeout < h.Interval, path+".health_check.timeout", h.Timeout.String(), "below the interval "+h.Interval.String(),
		path+".health_check.interval")
}
