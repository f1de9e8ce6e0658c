package spec

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// Monitoring is who is told of what goes wrong, and from when on it does. (How
// often instances publish their CPU is a cluster's instance.monitoring.)
type Monitoring struct {
	// Page is who is woken. Nobody is told before each has confirmed, which
	// Terraform does not wait for. Default: nobody.
	Page []Subscription `yaml:"page,omitempty" items:"1..100"`
	// Notify is who is told of what can wait until the morning. Default: nobody.
	Notify []Subscription `yaml:"notify,omitempty" items:"1..100"`
	// Topics makes the topics and the alarms that tell them, for subscribers from
	// elsewhere too. Default: true where page or notify is set. Without it, alarms
	// show in CloudWatch alone.
	Topics *bool `yaml:"topics,omitempty"`
	// Alarms are those of every cluster.
	Alarms Alarms `yaml:"alarms,omitempty"`
	// Dashboards adds a CloudWatch dashboard for each cluster. AWS charges for
	// each beyond three in an account. Default: true.
	Dashboards *bool `yaml:"dashboards,omitempty"`
}

// Subscription is where a topic sends its messages
// (https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html).
type Subscription struct {
	// Protocol is email, email-json, https, sms, sqs or lambda. Plain http is
	// refused: the messages name what is broken. Required.
	Protocol string `yaml:"protocol" required:"true" enum:"email,email-json,https,sms,sqs,lambda"`
	// Endpoint is an address, a URL, a phone number such as +6598765432, or the
	// ARN of a queue, which is no FIFO queue, or of a function. Their own
	// policies have to let SNS in. Required.
	Endpoint string `yaml:"endpoint" required:"true" format:"subscription"`
}

// Alarms are the thresholds of a cluster's alarms. Those on callers being
// failed page always, and silence those that follow from it.
type Alarms struct {
	// NoHealthyHost is that no instance passes its health check.
	NoHealthyHost NoHealthyHost `yaml:"no_healthy_host,omitempty"`
	// Errors is that callers get 5xx, of the load balancer or of instances.
	Errors ErrorRatio `yaml:"errors,omitempty"`
	// RescueFailed is what happens when an interrupted instance could not call
	// for rescue: page, notify or none. Default: page.
	RescueFailed string `yaml:"rescue_failed,omitempty" enum:"page,notify,none"`
	// OnDemandAtMax is what happens while the on-demand group is at its maximum,
	// where a rescue adds nothing: page, notify or none. Default: page.
	OnDemandAtMax string `yaml:"on_demand_at_max,omitempty" enum:"page,notify,none"`
	// OutOfStep is that a group has other than its desired capacity in service.
	OutOfStep OutOfStep `yaml:"out_of_step,omitempty"`
}

// NoHealthyHost configures the alarm on the load balancer's health check.
type NoHealthyHost struct {
	// For is how long it lasts before it counts: whole minutes. Default: 2m.
	For Duration `yaml:"for,omitempty" range:"60s..3600s"`
}

// ErrorRatio configures the alarm on the share of requests that are answered with
// 5xx.
type ErrorRatio struct {
	// Percent is the share of all requests, in percent, from which on it counts.
	// Default: 5.
	Percent float64 `yaml:"percent,omitempty" range:"0.01..100"`
	// Window is what the share is of: whole minutes. It slides on by the minute,
	// so that the more requests fail, the sooner it tells. Default: 5m.
	Window Duration `yaml:"window,omitempty" range:"60s..3600s"`
	// MinimumRequests is how many requests a window has before their share
	// counts. Default: 100.
	MinimumRequests int `yaml:"minimum_requests,omitempty" range:"1..1000000000"`
}

// OutOfStep configures the alarms on desired capacity that is not in service,
// or in service though not desired.
type OutOfStep struct {
	// For is how long it lasts before it counts: whole minutes. Shorter than it
	// takes an instance to set itself up, it tells of every launch. Default: 30m.
	For Duration `yaml:"for,omitempty" range:"300s..86400s"`
	// OnDemand is what happens for the on-demand group: page, notify or none.
	// Default: page.
	OnDemand string `yaml:"on_demand,omitempty" enum:"page,notify,none"`
	// Spot is what happens for the spot group: page, notify or none. A lack of
	// spot capacity is ordinary, and on-demand follows where it hurts. Default:
	// notify.
	Spot string `yaml:"spot,omitempty" enum:"page,notify,none"`
}

const (
	// SeverityPage wakes people.
	SeverityPage = "page"
	// SeverityNotify tells people in time.
	SeverityNotify = "notify"
	// SeverityNone shows in CloudWatch alone.
	SeverityNone = "none"
)

// WithDefaults returns the monitoring with every unset field that has a default
// filled in.
func (m Monitoring) WithDefaults() Monitoring {
	a := &m.Alarms
	setDefault(&a.NoHealthyHost.For, Duration(2*time.Minute))
	setDefault(&a.Errors.Percent, 5)
	setDefault(&a.Errors.Window, Duration(5*time.Minute))
	setDefault(&a.Errors.MinimumRequests, 100)
	setDefault(&a.RescueFailed, SeverityPage)
	setDefault(&a.OnDemandAtMax, SeverityPage)
	setDefault(&a.OutOfStep.For, Duration(30*time.Minute))
	setDefault(&a.OutOfStep.OnDemand, SeverityPage)
	setDefault(&a.OutOfStep.Spot, SeverityNotify)
	setDefaultPtr(&m.Topics, len(m.Page)+len(m.Notify) > 0)
	setDefaultPtr(&m.Dashboards, true)
	return m
}

// Validate reports every broken rule of a monitoring on its own as a
// check.Errors with paths below monitoring.
func (m Monitoring) Validate() error {
	var tags check.Errors
	var rules relations
	checkTags(&tags, "monitoring", m)
	m.validate(&rules)
	return joined(tags, rules, nothingBroken).Err()
}

func (m Monitoring) validate(faults *relations) {
	faults.Require(m.Topics == nil || *m.Topics || len(m.Page)+len(m.Notify) == 0, "monitoring.topics", "false",
		"true, because page or notify is set", "monitoring.page", "monitoring.notify")
	validateSubscriptions(faults, "monitoring.page", m.Page)
	validateSubscriptions(faults, "monitoring.notify", m.Notify)
	for _, period := range []struct {
		path  string
		value Duration
	}{
		{"no_healthy_host.for", m.Alarms.NoHealthyHost.For},
		{"errors.window", m.Alarms.Errors.Window},
		{"out_of_step.for", m.Alarms.OutOfStep.For},
	} {
		faults.Require(period.value%Duration(time.Minute) == 0, check.Join("monitoring.alarms", period.path), period.value.String(), "whole minutes")
	}
}

// endpoints are what each protocol sends to.
var endpoints = map[string]format{
	"email":      emailEndpoint,
	"email-json": emailEndpoint,
	"https":      {pattern: regexp.MustCompile(`^https://[A-Za-z0-9]`), want: "a URL that begins with https://"},
	"sms":        {pattern: regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`), want: "a phone number such as +6598765432"},
	"sqs":        {pattern: regexp.MustCompile(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}$`), want: "the ARN of a queue, which is no FIFO queue"},
	"lambda":     {pattern: regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$`), want: "the ARN of a function"},
}

var emailEndpoint = format{pattern: regexp.MustCompile(`^[^@]+@[^@]+\.[^@.]+$`), want: "an address such as team@example.com"}

// validateSubscriptions fits endpoints to their protocols, and each to a topic once.
func validateSubscriptions(faults *relations, path string, list []Subscription) {
	first := map[Subscription]int{}
	for i, s := range list {
		at := check.Index(path, i)
		want, known := endpoints[s.Protocol]
		faults.Require(!known || want.matches(s.Endpoint), at+".endpoint", quote(s.Endpoint),
			fmt.Sprintf("%s, because protocol is %s", want.want, s.Protocol), at+".protocol")
		if j, seen := first[s]; seen {
			faults.Add(at+".endpoint", quote(s.Endpoint), fmt.Sprintf("each subscription once: it is entry [%d] too", j), at+".protocol")
			continue
		}
		first[s] = i
	}
}

// hasNoTemplate refuses text that Terraform would take for a template's.
func hasNoTemplate(s string) bool {
	return hasNoToken(s) && !strings.Contains(s, "${") && !strings.Contains(s, "%{")
}
