package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/rescue"
)

var errHelp = pflag.ErrHelp

// settings are those of one agent.
type settings struct {
	config           rescue.Config
	region, metadata string
	metricsAddress   string
	logFile          string
	version          bool
}

// path is where a file is.
func (s settings) path(file string) string { return filepath.Join(s.config.Root, file) }

// metadataTimeout leaves time for a second question before the next poll.
func (s settings) metadataTimeout() time.Duration {
	return min(max(s.config.Budget.Poll/2, 250*time.Millisecond), 2*time.Second)
}

// setting is a flag and the variable that it takes precedence over. Environment
// files set variables to the empty string where a value is missing, so that
// counts as unset.
type setting struct {
	flag, env, initial, usage string
	set                       func(s *settings, value string) (want string)
}

func text(field func(*settings) *string) func(*settings, string) string {
	return func(s *settings, value string) string {
		*field(s) = value
		return ""
	}
}

func seconds(field func(*settings) *time.Duration) func(*settings, string) string {
	return func(s *settings, value string) string {
		number, err := strconv.ParseFloat(value, 64)
		if !(err == nil && number > 0 && number <= 86400) {
			return "a number of seconds, above 0"
		}
		*field(s) = time.Duration(number * float64(time.Second))
		return ""
	}
}

func boolean(field func(*settings) *bool) func(*settings, string) string {
	return func(s *settings, value string) string {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return "true or false"
		}
		*field(s) = on
		return ""
	}
}

// loopback refuses what others could reach: metrics are for this machine.
func loopback(s *settings, value string) string {
	host, _, err := net.SplitHostPort(value)
	if ip := net.ParseIP(host); value != "off" && (err != nil || ip == nil || !ip.IsLoopback()) {
		return "a loopback address and port, such as 127.0.0.1:9842, or off"
	}
	if value != "off" {
		s.metricsAddress = value
	}
	return ""
}

func table() []setting {
	return []setting{
		{"region", "AWS_REGION", "", "region of the cluster", text(func(s *settings) *string { return &s.region })},
		{"environment", "TANDEM_ENVIRONMENT", "", "environment of the cluster", text(func(s *settings) *string { return &s.config.Environment })},
		{"cluster", "TANDEM_CLUSTER", "", "the cluster", text(func(s *settings) *string { return &s.config.Cluster })},
		{"service", "TANDEM_SERVICE", "", "service that runs here", text(func(s *settings) *string { return &s.config.Service })},
		{"lifecycle", "TANDEM_LIFECYCLE", "", "spot or on-demand", text(func(s *settings) *string { return &s.config.Lifecycle })},
		{"group", "TANDEM_GROUP", "", "Auto Scaling group of this instance", text(func(s *settings) *string { return &s.config.Group })},
		{"lifecycle-hook", "TANDEM_LIFECYCLE_HOOK", "", "the group's hook for terminating instances", text(func(s *settings) *string { return &s.config.LifecycleHook })},
		{"target-group-arn", "TANDEM_TARGET_GROUP_ARN", "", "target group to leave; where there is none, hooks run at once", text(func(s *settings) *string { return &s.config.TargetGroup })},
		{"rescue-group", "TANDEM_RESCUE_GROUP", "", "group that takes over", text(func(s *settings) *string { return &s.config.RescueGroup })},
		{"rescue-policy-arn", "TANDEM_RESCUE_POLICY_ARN", "", "its policy that adds an instance", text(func(s *settings) *string { return &s.config.RescuePolicy })},
		{"prelaunch", "TANDEM_PRELAUNCH", "false", "rescue at a rebalance recommendation already", boolean(func(s *settings) *bool { return &s.config.Prelaunch })},
		{"poll-seconds", "TANDEM_POLL_SECONDS", "5", "how often to ask the metadata service", seconds(func(s *settings) *time.Duration { return &s.config.Budget.Poll })},
		{"api-seconds", "TANDEM_API_SECONDS", "10", "what rescue and deregistration may take", seconds(func(s *settings) *time.Duration { return &s.config.Budget.API })},
		{"deregistration-seconds", "TANDEM_DEREGISTRATION_SECONDS", "60", "the target group's deregistration delay", seconds(func(s *settings) *time.Duration { return &s.config.Budget.Deregistration })},
		{"hooks-seconds", "TANDEM_HOOKS_SECONDS", "20", "what all drain hooks may take", seconds(func(s *settings) *time.Duration { return &s.config.Budget.Hooks })},
		{"flush-seconds", "TANDEM_FLUSH_SECONDS", "10", "what shipping the last logs may take", seconds(func(s *settings) *time.Duration { return &s.config.Budget.Flush })},
		{"notice-seconds", "TANDEM_NOTICE_SECONDS", "120", "how long a notice lasts", seconds(func(s *settings) *time.Duration { return &s.config.Budget.Notice })},
		{"release-seconds", "TANDEM_RELEASE_SECONDS", "300", "how often to report the release in place", seconds(func(s *settings) *time.Duration { return &s.config.ReleaseEvery })},
		{"metrics-address", "TANDEM_METRICS_ADDRESS", "127.0.0.1:9842", "where to serve /metrics, or off", loopback},
		{"metadata-endpoint", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254", "the metadata service", text(func(s *settings) *string { return &s.metadata })},
		{"log-file", "TANDEM_LOG_FILE", "/var/log/tandem/spotwatch.log", "second place for the log", text(func(s *settings) *string { return &s.logFile })},
		{"root", "TANDEM_ROOT", "/", "directory to take for the root of the file system", text(func(s *settings) *string { return &s.config.Root })},
	}
}

func flags(getenv func(string) string, s *settings) (*pflag.FlagSet, map[string]*string) {
	set := pflag.NewFlagSet("spotwatch", pflag.ContinueOnError)
	set.SortFlags, set.Usage = false, func() {}
	set.SetOutput(discard{})
	values := map[string]*string{}
	for _, each := range table() {
		initial := getenv(each.env)
		if initial == "" {
			initial = each.initial
		}
		values[each.flag] = set.String(each.flag, initial, each.usage+" ("+each.env+")")
	}
	set.Lookup("prelaunch").NoOptDefVal = "true"
	set.BoolVar(&s.version, "version", false, "print the version and end")
	return set, values
}

// discard takes what pflag prints: errors are printed once, by run.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// parse returns the settings, or every fault in them as a check.Errors.
func parse(args []string, getenv func(string) string) (settings, error) {
	var s settings
	set, values := flags(getenv, &s)
	if err := set.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return s, errHelp
		}
		return s, check.Errors{{Path: "command line", Value: strings.Join(args, " "), Want: "what --help says: " + err.Error()}}
	}
	var faults check.Errors
	if set.NArg() > 0 {
		faults.Add("command line", strings.Join(set.Args(), " "), "flags alone, see --help")
	}
	wrong := map[string]bool{}
	for _, each := range table() {
		if want := each.set(&s, *values[each.flag]); want != "" {
			faults.Add(each.env, *values[each.flag], want)
			wrong[each.env] = true
		}
	}
	if s.version {
		return s, nil
	}
	faults.Require(s.region != "", "AWS_REGION", "", "the region of the cluster")
	var missing check.Errors
	if err := s.config.Validate(); errors.As(err, &missing) {
		for _, fault := range missing {
			if fault.Path = "TANDEM_" + strings.ToUpper(fault.Path); !wrong[fault.Path] {
				faults = append(faults, fault)
			}
		}
	}
	return s, faults.Err()
}

func usage(getenv func(string) string) string {
	set, _ := flags(getenv, &settings{})
	return fmt.Sprintf(`spotwatch watches for the end of the instance it runs on, calls for a
replacement and drains the instance. Each flag takes precedence over a variable.

usage: spotwatch [flags]

%s
It ends with 0 when it is told to, 1 on failure and 2 when a setting is wrong.
`, set.FlagUsages())
}
