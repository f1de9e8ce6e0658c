package drill

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/moto"
)

// Programs are what a drill starts.
type Programs struct {
	// Spotwatch is the agent, MetadataMock the stand-in for the instance
	// metadata service: paths. Required.
	Spotwatch, MetadataMock string
	// Service is the command line of a program that calls Serve. Required.
	Service []string
}

// Names of programs.
const (
	agentProgram    = "spotwatch"
	metadataProgram = "ec2-metadata-mock"
)

// FindPrograms looks for the agent and the metadata service beside this
// program, then on PATH. The agent may have the name under which it is built for
// instances. It is an InputError if one is missing.
func FindPrograms(beside string) (Programs, error) {
	var p Programs
	var err error
	if p.Spotwatch, err = find(beside, strings.Join([]string{agentProgram, runtime.GOOS, runtime.GOARCH}, "-"), agentProgram); err != nil {
		return Programs{}, err
	}
	p.MetadataMock, err = find(beside, metadataProgram)
	return p, err
}

// find returns the path of a program by one of its names.
func find(beside string, names ...string) (string, error) {
	for _, name := range names {
		near := filepath.Join(filepath.Dir(beside), name)
		if info, err := os.Stat(near); err == nil && info.Mode().IsRegular() {
			return near, nil
		}
	}
	for _, name := range names {
		if at, err := exec.LookPath(name); err == nil {
			return filepath.Abs(at)
		}
	}
	return "", check.InputErrorf("%s is neither beside %s nor on PATH: 'make drill' in a checkout builds all that a drill needs, and drills", names[len(names)-1], beside)
}

// newAgent returns the agent of a machine, with the settings that its user data
// would have written.
func (d *run) newAgent(m *machine) *agent {
	seconds := func(t time.Duration) string { return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) }
	settings := map[string]string{
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": m.metadata.url,
		"TANDEM_ENVIRONMENT":                d.Environment,
		"TANDEM_CLUSTER":                    d.Cluster,
		"TANDEM_SERVICE":                    d.Spec.Service,
		"TANDEM_LIFECYCLE":                  fleet.Spot,
		"TANDEM_GROUP":                      d.cloud.spot,
		"TANDEM_TARGET_GROUP_ARN":           d.cloud.targetGroup,
		"TANDEM_RESCUE_GROUP":               d.cloud.onDemand,
		"TANDEM_RESCUE_POLICY_ARN":          d.cloud.policyARN,
		"TANDEM_POLL_SECONDS":               seconds(d.Timing.Poll),
		"TANDEM_API_SECONDS":                seconds(d.Timing.API),
		"TANDEM_DEREGISTRATION_SECONDS":     seconds(d.Timing.Deregistration),
		"TANDEM_HOOKS_SECONDS":              seconds(d.Timing.Hooks),
		"TANDEM_FLUSH_SECONDS":              seconds(d.Timing.Flush),
		"TANDEM_NOTICE_SECONDS":             seconds(d.Timing.Notice),
		"TANDEM_METRICS_ADDRESS":            "127.0.0.1:0",
		"TANDEM_ROOT":                       m.dir,
		"PATH":                              os.Getenv("PATH"),
	}
	for name, value := range moto.Environment(m.aws.url) {
		if name != "AWS_EC2_METADATA_DISABLED" { // that is for tools which are not on an instance
			settings[name] = value
		}
	}
	for name, value := range d.Settings {
		settings[name] = value
	}
	a := &agent{program: d.Programs.Spotwatch, log: m.logFile(), restart: d.Timing.Restart, once: d.NoRestart}
	for name, value := range settings {
		a.env = append(a.env, name+"="+value)
	}
	return a
}
