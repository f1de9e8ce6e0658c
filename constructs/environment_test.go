package constructs_test

import (
	"strings"
	"time"

	"github.com/tandem-iac/tandem/spec"
)

// minimal is the smallest environment that is valid.
func minimal() spec.Environment {
	return spec.Environment{
		Name:           "prod",
		Region:         "ap-southeast-1",
		OnDemandPrices: map[string]float64{"m4.large": 0.125},
		Clusters: map[string]spec.Cluster{
			"web": {CertificateARN: "arn:aws:acm:ap-southeast-1:123456789012:certificate/web"},
		},
	}
}

// everything sets all that the description knows, away from its default.
func everything() spec.Environment {
	no, to, warmup, copies := false, 75.0, spec.Duration(60*time.Second), 2
	group := func(threshold float64) spec.Group {
		return spec.Group{
			Min: 2, Max: 30,
			Warmup:      spec.Duration(90 * time.Second),
			GracePeriod: spec.Duration(10 * time.Minute),
			ScaleOut: spec.ScaleOut{
				Sustained: spec.StepPolicy{
					Threshold: threshold, Period: spec.Duration(10 * time.Minute), EvaluationPeriods: 2, MinimumAdd: 2, Warmup: &warmup,
					Steps: []spec.Step{{From: threshold, To: &to, Add: 15}, {From: to, Add: 25}},
				},
				Spike: spec.StepPolicy{
					Threshold: threshold + 20, Period: spec.Duration(5 * time.Minute), EvaluationPeriods: 1, Unit: spec.UnitInstances,
					Steps: []spec.Step{{From: threshold + 20, Add: 3}},
				},
			},
			ScaleIn: spec.ScaleIn{
				Threshold: 20, Period: spec.Duration(5 * time.Minute), EvaluationPeriods: 4,
				Unit: spec.UnitInstances, Remove: 1, Cooldown: spec.Duration(10 * time.Minute),
			},
		}
	}
	return spec.Environment{
		Name:           "stage",
		Region:         "eu-central-2",
		Account:        "123456789012",
		Tags:           map[string]string{"Owner": "platform"},
		OnDemandPrices: map[string]float64{"m6g.large": 0.1, "m7g.large": 0.11},
		Network: spec.Network{
			CIDR:              "10.1.0.0/20",
			AvailabilityZones: []string{"eu-central-2a", "eu-central-2c"},
			PublicSubnets:     []string{"10.1.0.0/26", "10.1.0.64/26"},
			PrivateSubnets:    []string{"10.1.4.0/22", "10.1.8.0/22"},
			NAT:               spec.NATSingle,
		},
		Delivery: spec.Delivery{BuildBucket: "stage-builds", AccessLogBucket: "stage-logs", AccessLogDays: 7, NoncurrentDays: 3,
			Packages: &spec.Packages{Bucket: "stage-packages", Writers: []string{"arn:aws:iam::123456789012:role/ci/packages", "arn:aws:iam::123456789012:role/ops"}}},
		Clusters: map[string]spec.Cluster{"obelix": {
			Service: "obelix-api", Playbook: "web-playbook",
			CertificateARN: "arn:aws:acm:eu-central-2:123456789012:certificate/obelix",
			LoadBalancer: spec.LoadBalancer{
				HTTP: spec.HTTPForward, SSLPolicy: "ELBSecurityPolicy-TLS13-1-3-2021-06",
				IdleTimeout: spec.Duration(120 * time.Second), DeletionProtection: &no, AccessLogs: &no,
			},
			TargetGroup: spec.TargetGroup{
				DeregistrationDelay: spec.Duration(30 * time.Second), SlowStart: spec.Duration(45 * time.Second),
				HealthCheck: spec.HealthCheck{
					Path: "/up", Matcher: "200-204", Interval: spec.Duration(20 * time.Second), Timeout: spec.Duration(10 * time.Second),
					Healthy: 3, Unhealthy: 4,
				},
			},
			Instance: spec.Instance{
				AMI:        spec.AMI{Filter: &spec.AMIFilter{Owner: "self", Name: "obelix-base-*"}},
				Monitoring: spec.MonitoringBasic, VolumeGiB: 50, RootDevice: "/dev/sda1", MetadataHops: 2,
			},
			Bootstrap: spec.Bootstrap{SetupKey: "setup/mine.sh", SetupSHA256: strings.Repeat("ab", 32), Preamble: preamble},
			Drain: spec.Drain{
				PollInterval: spec.Duration(2 * time.Second), APICalls: spec.Duration(5 * time.Second), Hooks: spec.Duration(30 * time.Second),
				Flush: spec.Duration(15 * time.Second), Heartbeat: spec.Duration(100 * time.Second), Prelaunch: true,
			},
			Refresh:  spec.RefreshRolling,
			OnDemand: spec.OnDemand{InstanceType: "m6g.large", Group: group(60)},
			Spot:     spec.Spot{InstanceTypes: []string{"m6g.large", "m7g.large"}, MaxPrice: 0.2, Group: group(45)},
		}},
		Logging: &spec.Logging{
			Topic: "stage-logs", QueueMiB: 2048,
			Kafka: spec.Kafka{
				Version: "3.7.x.kraft", InstanceType: "kafka.m7g.large", BrokersPerZone: 2, VolumeGiB: 500, Partitions: 30,
				Retention: spec.Duration(48 * time.Hour),
			},
			Index: spec.Index{
				Prefix: "stage", RetentionDays: 30, Shards: 2, Replicas: &copies, Version: "OpenSearch_2.17", InstanceType: "r7g.large.search",
				Nodes: 6, VolumeGiB: 200, DedicatedMasters: true, MasterType: "m7g.large.search",
			},
			Indexer: spec.Indexer{
				InstanceType: "c7g.large", Refresh: spec.RefreshRolling, Group: group(45),
				Instance:  spec.Instance{AMI: spec.AMI{ID: "ami-0123456789abcdef0"}, Monitoring: spec.MonitoringBasic, VolumeGiB: 30},
				Bootstrap: spec.Bootstrap{SetupKey: "setup/mine.sh", SetupSHA256: strings.Repeat("ab", 32)},
			},
			Alarms: spec.LoggingAlarms{Lag: spec.Duration(3 * time.Hour), BrokerDiskPercent: 80, FreeStoragePercent: 20},
		},
		Monitoring: spec.Monitoring{
			Page: []spec.Subscription{
				{Protocol: "https", Endpoint: "https://events.example.com/alarms?key=1"},
				{Protocol: "sms", Endpoint: "+6598765432"},
			},
			Notify: []spec.Subscription{
				{Protocol: "email", Endpoint: "team@example.com"},
				{Protocol: "email", Endpoint: "lead@example.com"},
				{Protocol: "email-json", Endpoint: "team@example.com"},
				{Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-central-2:123456789012:alarms"},
				{Protocol: "lambda", Endpoint: "arn:aws:lambda:eu-central-2:123456789012:function:chat"},
			},
			Alarms: spec.Alarms{
				NoHealthyHost: spec.NoHealthyHost{For: spec.Duration(5 * time.Minute)},
				Errors:        spec.ErrorRatio{Percent: 0.5, Window: spec.Duration(10 * time.Minute), MinimumRequests: 1000},
				RescueFailed:  spec.SeverityNotify, OnDemandAtMax: spec.SeverityNone,
				OutOfStep: spec.OutOfStep{For: spec.Duration(time.Hour), OnDemand: spec.SeverityNotify, Spot: spec.SeverityNone},
			},
			Dashboards: &no,
		},
		Review: spec.Review{Disable: []spec.DisabledRule{{Rule: "access-logs-off", Address: "*", Reason: "kept elsewhere"}}, Load: "seed-day"},
	}
}

// preamble is shell with all that Terraform could take for its own.
const preamble = `export proxy="${PROXY:-http://proxy:3128}" # %{ a comment } \ $${x}
printf '%s\n' "$proxy"`
