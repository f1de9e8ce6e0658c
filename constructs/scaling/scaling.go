// Package scaling makes Auto Scaling groups follow their load.
//
//	CPU of the group ──> sustained alarm ──> step policy    +10, +20, +30 %
//	                 ──> spike alarm ──────> step policy    +30 %
//	                 ──> low alarm ────────> simple policy  -10 %, then a cooldown
//	interruption notice ───────────────────> rescue policy  +1
//
// Steps are written as CPU in percent and become offsets from the alarm's
// threshold, lower bound inclusive, upper exclusive:
//
//	threshold 50     50        65        80              CPU
//	                  ├── +10 ──┼── +20 ──┼── +30 ──────>
//	offsets           0         15        30
package scaling

import (
	"errors"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/spec"
)

// GroupName names an Auto Scaling group. It may be a token: pass it on, never
// parse it.
type GroupName string

// GroupARN is the ARN of an Auto Scaling group. It may be a token.
type GroupARN string

// PolicyARN is the ARN of a scaling policy. It may be a token.
type PolicyARN string

// Config configures New.
type Config struct {
	// Group is the group to scale. Required.
	Group GroupName
	// Name prefixes the names of policies and alarms. Required: Group may be
	// a token, which cannot.
	Name string
	// Rules are the group's sizes, thresholds and steps. Unset fields have the
	// defaults of a spot group.
	Rules spec.Group
	// Monitoring is spec.MonitoringDetailed or spec.MonitoringBasic, which
	// allows no period under 5m. Empty: detailed.
	Monitoring string
}

// Policies are what New has made.
type Policies struct {
	// Sustained and Spike add instances, In removes them.
	Sustained, Spike, In PolicyARN
}

// New adds the three policies of a group and the alarms that set them off,
// under scope/id. If cfg is invalid it returns every fault and adds nothing.
func New(scope constructs.Construct, id string, cfg Config) (Policies, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return Policies{}, fmt.Errorf("scaling %q: %w", id, err)
	}
	node := constructs.NewConstruct(scope, &id)
	return Policies{
		Sustained: newStepScaleOut(node, "sustained", cfg, cfg.Rules.ScaleOut.Sustained),
		Spike:     newStepScaleOut(node, "spike", cfg, cfg.Rules.ScaleOut.Spike),
		In:        newSimpleScaleIn(node, "scale-in", cfg),
	}, nil
}

// named is the name of a policy, and of its alarm. AWS would take the same one
// in each group; in lists, logs and alarms' history it would say nothing.
func (cfg Config) named(name string) string { return cfg.Name + "-" + name }

func (cfg Config) withDefaults() Config {
	if cfg.Monitoring == "" {
		cfg.Monitoring = spec.MonitoringDetailed
	}
	cfg.Rules = cfg.Rules.WithSpotDefaults(cfg.Monitoring)
	return cfg
}

// Validate reports every field that is missing and every rule that is broken.
func (cfg Config) Validate() error {
	var faults check.Errors
	faults.Require(cfg.Group != "", "group", "", "the group to scale")
	faults.Require(cfg.Name != "", "name", "", "a prefix for policies and alarms")
	var rules check.Errors
	if err := cfg.Rules.Validate("rules", cfg.Monitoring); errors.As(err, &rules) {
		faults = append(faults, rules...)
	}
	return faults.Err()
}
