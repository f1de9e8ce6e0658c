package review

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/diff"
	"github.com/tandem-iac/tandem/internal/review/inventory"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// effect is what comes of a change.
type effect struct {
	text     string
	severity rule.Severity
}

// effects says what comes of a change.
func effects(world *rule.World, c *plan.Change, action Action, d diff.Diff) (list []effect) {
	switch action {
	case Destroyed, Replaced:
		text := gone[c.Type]
		if action == Replaced {
			if instead := replacedInstead[c.Type]; instead != "" {
				text = instead
			}
			if c.Type == "aws_lb_target_group" && c.Actions.CreateBeforeDestroy() {
				text = "Targets move to the new group: it answers once they are registered and healthy there."
			}
		}
		if text != "" {
			list = append(list, effect{text, rule.Look})
		}
	case Forgotten:
		list = append(list, effect{"Terraform forgets it; at AWS it stays as it is.", rule.Look})
	}
	if c.Before == nil || c.After == nil || action == Replaced {
		return list
	}
	find := effectsOf[c.Type]
	if find == nil {
		return list
	}
	r := &change{world: world, Change: c, attributes: map[string]diff.Attribute{}}
	for _, a := range d.Changed {
		r.attributes[a.Path] = a
	}
	find(r)
	return append(list, r.effects...)
}

// change is an update in place whose effects are looked for.
type change struct {
	*plan.Change
	world      *rule.World
	attributes map[string]diff.Attribute
	effects    []effect
}

func (c *change) says(s rule.Severity, format string, args ...any) {
	c.effects = append(c.effects, effect{fmt.Sprintf(format, args...), s})
}

// numbers are an attribute's values before and after, if it changes and both are known.
func (c *change) numbers(path string) (before, after float64, ok bool) {
	a, changed := c.attributes[path]
	if !changed {
		return 0, 0, false
	}
	before, ok = inventory.ToNumber(a.Before)
	after, also := inventory.ToNumber(a.After)
	return before, after, ok && also
}

// changes says whether an attribute or anything below it changes.
func (c *change) changes(path string) bool {
	for name := range c.attributes {
		if name == path || strings.HasPrefix(name, path+".") || strings.HasPrefix(name, path+"[") {
			return true
		}
	}
	return false
}

var effectsOf = map[string]func(*change){
	"aws_launch_template":         (*change).template,
	"aws_autoscaling_group":       (*change).group,
	"aws_cloudwatch_metric_alarm": (*change).alarm,
	"aws_lb_target_group":         (*change).targets,
	"aws_lb_listener":             (*change).listener,
	"aws_security_group":          (*change).firewall,
	"aws_iam_role_policy":         (*change).permissions,
	"aws_iam_policy":              (*change).permissions,
	"aws_instance":                (*change).instance,

	"aws_msk_cluster":                       (*change).kafka,
	"aws_msk_configuration":                 (*change).kafkaSettings,
	"aws_opensearch_domain":                 (*change).search,
	"aws_cloudwatch_log_group":              (*change).logGroup,
	"aws_s3_bucket_lifecycle_configuration": (*change).lifecycle,
	"aws_s3_bucket_policy":                  (*change).permissions,
	"aws_kms_key":                           (*change).key,
	"aws_secretsmanager_secret_version":     (*change).secret,
	"aws_ssm_parameter":                     (*change).parameter,
	"aws_sns_topic_policy":                  (*change).permissions,
	"aws_cloudwatch_composite_alarm":        (*change).composite,
}

// template says when machines get a new version, which is what everybody gets wrong.
func (c *change) template() {
	when := "Machines get it at their next launch or instance refresh, not now."
	for _, group := range c.world.After.Of("aws_autoscaling_group") {
		for _, template := range c.world.After.Templates(group) {
			if template.Address == c.Address && group.Get("instance_refresh") != nil {
				when = fmt.Sprintf("An instance refresh of %s replaces its machines now, batch by batch.", group.Address)
			}
		}
	}
	severity := rule.Safe
	for _, what := range []struct{ path, text string }{
		{"image_id", "another image"}, {"instance_type", "another instance type"}, {"user_data", "another boot script"},
	} {
		if c.changes(what.path) {
			severity = rule.Look
			c.says(rule.Look, "Machines start from %s, which no plan can try.", what.text)
		}
	}
	c.says(severity, "A new version of the launch template. %s", when)
}

func (c *change) group() {
	if before, after, ok := c.numbers("max_size"); ok {
		if after > before {
			c.says(rule.Safe, "It may grow to %g instances instead of %g; that is also what it may cost.", after, before)
		} else {
			c.says(rule.Look, "It may grow to %g instances instead of %g: less room for a peak.", after, before)
		}
	}
	if before, after, ok := c.numbers("min_size"); ok {
		now, known := inventory.ToNumber(c.Before["desired_capacity"])
		switch {
		case after > before && known && after > now:
			c.says(rule.Look, "%g instances start at once: the group has %g, and %g is the least from now on.", after-now, now, after)
		case after < before:
			c.says(rule.Look, "It may shrink to %g instances instead of %g.", after, before)
		}
	}
	if c.changes("vpc_zone_identifier") || c.changes("availability_zones") {
		c.says(rule.Look, "Instances outside the new subnets are replaced, as zones are balanced anew.")
	}
	if c.changes("target_group_arns") {
		c.says(rule.Look, "Instances leave target groups that are no longer named, and requests to them drain.")
	}
	if before, after, ok := c.numbers("health_check_grace_period"); ok && after < before {
		c.says(rule.Look, "New instances have %g s instead of %g to become healthy, or are replaced.", after, before)
	}
}

func (c *change) alarm() {
	if c.changes("alarm_actions") || c.changes("actions_enabled") {
		if c.After["alarm_actions"] == nil || c.After["actions_enabled"] == false {
			c.says(rule.Look, "It fires, and nothing follows.")
		} else {
			c.says(rule.Look, "What follows when it fires changes at once.")
		}
	}
	if before, after, ok := c.numbers("threshold"); ok {
		c.threshold(before, after)
	}
}

func (c *change) threshold(before, after float64) {
	does := "It fires"
	for _, policy := range c.world.After.Linked(c.resource(), "alarm_actions", "aws_autoscaling_policy") {
		does = map[int]string{1: "It scales out", -1: "It scales in"}[rule.Direction(policy)]
		if does == "" {
			does = "It scales"
		}
	}
	operator, _ := c.After["comparison_operator"].(string)
	sooner := after < before
	if strings.HasPrefix(operator, "Less") {
		sooner = !sooner
	}
	when := "later"
	if sooner {
		when = "earlier"
	}
	c.says(rule.Safe, "%s at %s instead of %s: %s.", does, number(after), number(before), when)
}

func (c *change) resource() *inventory.Resource { return c.world.After.At(c.Address) }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (c *change) targets() {
	if before, after, ok := c.numbers("deregistration_delay"); ok {
		c.says(rule.Safe, "An instance that leaves goes on serving for %g s instead of %g.", after, before)
	}
	if c.changes("health_check") {
		c.says(rule.Look, "Running instances that fail the new health check are taken out, and replaced by their group.")
	}
}

func (c *change) listener() {
	if c.changes("ssl_policy") {
		c.says(rule.Look, "Clients that cannot speak the new policy's protocols are refused at once.")
	}
	if c.changes("certificate_arn") {
		c.says(rule.Look, "Another certificate is served at once.")
	}
	if c.changes("default_action") {
		c.says(rule.Look, "Requests that no rule takes are answered differently at once.")
	}
}

func (c *change) firewall() {
	if c.changes("ingress") || c.changes("egress") {
		c.says(rule.Look, "What may be reached changes at once, for connections that are open too.")
	}
}

func (c *change) permissions() {
	c.says(rule.Look, "Permissions change at once, for what runs already too.")
}

func (c *change) instance() {
	if c.changes("instance_type") || c.changes("user_data") {
		c.says(rule.Look, "The instance is stopped and started for it.")
	}
}
