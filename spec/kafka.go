package spec

import "time"

// Kafka is an MSK cluster, one broker or more in each of the network's zones,
// three of them at most. Machines speak TLS to it and authenticate by SCRAM;
// disks are encrypted.
type Kafka struct {
	// Version is Kafka's, as MSK writes it
	// (https://docs.aws.amazon.com/msk/latest/developerguide/supported-kafka-versions.html).
	// Default: 3.8.x.
	Version string `yaml:"version,omitempty" format:"kafka_version"`
	// InstanceType is that of the brokers
	// (https://docs.aws.amazon.com/msk/latest/developerguide/broker-instance-types.html);
	// kafka.t3.small will do for a trial. Default: kafka.m5.large.
	InstanceType string `yaml:"instance_type,omitempty" format:"kafka_type"`
	// BrokersPerZone is how many brokers each zone has. Default: 1.
	BrokersPerZone int `yaml:"brokers_per_zone,omitempty" range:"1..3"`
	// VolumeGiB is the size of each broker's disk. AWS can make it larger, not
	// smaller. Default: 100.
	VolumeGiB int `yaml:"volume_gib,omitempty" range:"1..16384"`
	// Partitions is how many the topic has, and so how many indexers can share
	// the work. A topic that is there keeps those it has. Default: 12.
	Partitions int `yaml:"partitions,omitempty" range:"1..300"`
	// Retention is how long lines are kept, indexed or not: an indexer that was
	// killed reads an hour's again. Default: 72h.
	Retention Duration `yaml:"retention,omitempty" range:"24h..8760h"`
	// Existing names brokers to use instead of making them; no other field may
	// be set beside it.
	Existing *ExistingKafka `yaml:"existing,omitempty"`
}

// ExistingKafka are brokers that tandem uses and does not manage. The topic has
// to be there, or to be created when it is first written to.
type ExistingKafka struct {
	// Brokers are some of them or all, host:port, all on one port; with commas at
	// most 1000 characters. Required.
	Brokers []string `yaml:"brokers" required:"true" items:"1..30" each:"broker"`
	// Security is plaintext, tls, or scram, which is SCRAM-SHA-512 over TLS.
	// Default: tls.
	Security string `yaml:"security,omitempty" enum:"plaintext,tls,scram"`
	// CAFile is a file on each machine with the certificates that brokers' are
	// checked against; the image or the preamble has to put it there. Default:
	// the system's.
	CAFile string `yaml:"ca_file,omitempty" format:"file"`
	// SecretARN is the Secrets Manager secret with the user's name and password,
	// {"username": "…", "password": "…"}. Required with scram, else unset.
	SecretARN string `yaml:"secret_arn,omitempty" format:"secret"`
	// SecretKeyARN is the KMS key that the secret is encrypted with. Default:
	// AWS's own key for secrets.
	SecretKeyARN string `yaml:"secret_key_arn,omitempty" format:"kms_key"`
	// SecurityGroup is the brokers' security group, to which a rule is added for
	// each cluster and for the indexers. Default: none, they can be reached
	// already.
	SecurityGroup string `yaml:"security_group_id,omitempty" format:"security_group"`
}

const (
	// LogPlaintext ships lines in the clear.
	LogPlaintext = "plaintext"
	// LogTLS ships them over TLS.
	LogTLS = "tls"
	// LogSCRAM ships them over TLS, as a user with a password.
	LogSCRAM = "scram"
)

func (k Kafka) withDefaults() Kafka {
	if k.Existing != nil {
		existing := *k.Existing
		setDefault(&existing.Security, LogTLS)
		k.Existing = &existing
		return k
	}
	setDefault(&k.Version, "3.8.x")
	setDefault(&k.InstanceType, "kafka.m5.large")
	setDefault(&k.BrokersPerZone, 1)
	setDefault(&k.VolumeGiB, 100)
	setDefault(&k.Partitions, 12)
	setDefault(&k.Retention, Duration(72*time.Hour))
	return k
}

// Zones is how many zones the brokers are spread over, in a network of so many:
// MSK takes two or three.
func (k Kafka) Zones(zones int) int { return serviceZones(zones) }

// Brokers is how many brokers there are, in a network of so many zones.
func (k Kafka) Brokers(zones int) int { return k.BrokersPerZone * k.Zones(zones) }
