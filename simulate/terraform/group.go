package terraform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/simulate"
)

const (
	groupType         = "aws_autoscaling_group"
	policyType        = "aws_autoscaling_policy"
	alarmType         = "aws_cloudwatch_metric_alarm"
	templateType      = "aws_launch_template"
	configurationType = "aws_launch_configuration"
	attachmentType    = "aws_autoscaling_attachment"
	sourceType        = "aws_autoscaling_traffic_source_attachment"
	hookType          = "aws_autoscaling_lifecycle_hook"
	scheduleType      = "aws_autoscaling_schedule"
	targetType        = "aws_lb_target_group"
	listenerType      = "aws_lb_listener"

	// Defaults of the provider and of AWS.
	defaultGrace          = 300 * time.Second
	defaultHeartbeat      = 3600 * time.Second
	defaultDeregistration = 300 * time.Second
	// maxSeconds and maxSize are above every limit of AWS on times and sizes.
	maxSeconds = 1e7
	maxSize    = 1_000_000
)

// group is an Auto Scaling group as it is put together.
type group struct {
	*resource
	sim      simulate.Group
	spot     bool
	findings []Finding
	// targets are what it registers in: target groups by address, others as text.
	targets []string
	// deregistration is the longest of its target groups' delays.
	deregistration *time.Duration
}

// newGroup reads all that the group's own arguments tell.
func (d *document) newGroup(r *resource, region string, cfg Config) *group {
	g := &group{resource: r}
	b := r.block(&g.findings)
	g.sim = simulate.Group{
		Name:              groupName(r),
		Address:           r.address,
		Min:               b.required("min_size", 0, maxSize),
		Max:               b.required("max_size", 0, maxSize),
		GracePeriod:       defaultGrace,
		CapacityRebalance: b.flag("capacity_rebalance", false),
		Cooldown:          set(b.seconds("default_cooldown", maxSeconds)),
		Warmup:            set(b.seconds("default_instance_warmup", maxSeconds)),
	}
	if _, computed := r.get("desired_capacity").(unknown); !computed {
		g.sim.Initial = b.integer("desired_capacity", 0, maxSize, 0)
	}
	if grace := b.seconds("health_check_grace_period", maxSeconds); grace != nil {
		g.sim.GracePeriod = *grace
	}
	if g.sim.Min > g.sim.Max {
		b.refuse("min_size is %d, want at most max_size, which is %d", g.sim.Min, g.sim.Max)
	}
	g.unusual(b)
	d.launch(g, b, region, cfg)
	for _, hook := range b.blocks("initial_lifecycle_hook") {
		g.hook(hook)
	}
	return g
}

// set drops a 0, which the provider never sends: to it, it is not set.
func set(d *time.Duration) *time.Duration {
	if d == nil || *d == 0 {
		return nil
	}
	return d
}

// groupName is the group's name; before it has one, what it will begin with,
// or else what its Terraform calls it.
func groupName(r *resource) string {
	if name, ok := r.get("name").(string); ok && name != "" {
		return name
	}
	if prefix, ok := r.get("name_prefix").(string); ok && strings.Trim(prefix, "-_") != "" {
		return strings.TrimRight(prefix, "-_")
	}
	if r.index != nil {
		return fmt.Sprintf("%s-%v", r.name, r.index)
	}
	return cmp.Or(r.name, r.address, "unnamed")
}

// unusual reports settings that change what the simulated policies do.
func (g *group) unusual(b block) {
	var suspended []string
	for _, item := range items(b.value("suspended_processes")) {
		process, _ := item.(string) // what is no name suspends nothing
		if slices.Contains([]string{"Launch", "Terminate", "AlarmNotification"}, process) {
			suspended = append(suspended, process)
		}
	}
	if len(suspended) > 0 {
		b.refuse("suspended_processes has %s: no scaling as it is simulated", strings.Join(suspended, ", "))
	}
	if b.flag("protect_from_scale_in", false) {
		b.refuse("protect_from_scale_in keeps every new instance, whatever policies remove")
	}
	if len(b.blocks("warm_pool")) > 0 {
		b.warn("warm_pool is not simulated: instances start as new ones do")
	}
	if life := set(b.seconds("max_instance_lifetime", 1e9)); life != nil {
		b.warn("max_instance_lifetime is not simulated: instances stay until they are scaled in or reclaimed")
	}
}

// hook keeps the longest wait of each transition: all hooks wait at once.
func (g *group) hook(b block) {
	wait := defaultHeartbeat
	if heartbeat := set(b.seconds("heartbeat_timeout", maxSeconds)); heartbeat != nil {
		wait = *heartbeat
	}
	switch transition := b.text("lifecycle_transition"); transition {
	case "autoscaling:EC2_INSTANCE_LAUNCHING":
		g.sim.LaunchHook = max(g.sim.LaunchHook, wait)
	case "autoscaling:EC2_INSTANCE_TERMINATING":
		g.sim.TerminateHook = max(g.sim.TerminateHook, wait)
	default:
		b.refuse("lifecycle_transition is %q, want autoscaling:EC2_INSTANCE_LAUNCHING or autoscaling:EC2_INSTANCE_TERMINATING", clip(transition))
	}
}

// register notes where the group's instances get their load from.
func (d *document) register(g *group, v any) {
	found, others := d.find(v, targetType, "arn", "id")
	if severalWays(v, found) {
		g.block(&g.findings).refuse("registers in any of %s: which of them, the plan does not tell", addresses(found))
	}
	for _, target := range found {
		g.targets = append(g.targets, target.address)
		delay := defaultDeregistration
		if own := target.block(&g.findings).seconds("deregistration_delay", maxSeconds); own != nil {
			delay = *own
		}
		if g.deregistration == nil || delay > *g.deregistration {
			g.deregistration = &delay
		}
	}
	g.targets = append(g.targets, others...)
}
