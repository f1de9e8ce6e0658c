package spec

import (
	"time"

	"github.com/tandem-iac/tandem/instance"
)

// Logging ships the logs of every machine to Kafka and from there, by machines
// of their own, to OpenSearch, so that nobody has to log in to read them. What
// is not said to exist is made: an MSK cluster, an OpenSearch domain and the
// group of indexers between them.
type Logging struct {
	// Topic is the Kafka topic of all lines. Default: logs.
	Topic string `yaml:"topic,omitempty" format:"topic"`
	// QueueMiB is how much of a machine's disk may hold lines while Kafka
	// cannot be reached, in MiB; at most half of the volume. Default: 1024.
	QueueMiB int `yaml:"queue_mib,omitempty" range:"64..1048576"`
	// Kafka is what lines are shipped to.
	Kafka Kafka `yaml:"kafka,omitempty"`
	// Index is where they are searched.
	Index Index `yaml:"index,omitempty"`
	// Indexer is the group of machines that bring them from one to the other.
	Indexer Indexer `yaml:"indexer,omitempty"`
	// Alarms are the limits at which somebody is told.
	Alarms LoggingAlarms `yaml:"alarms,omitempty"`
}

// Indexer is the group of on-demand machines that index what Kafka holds. They
// set themselves up as a cluster's do.
type Indexer struct {
	// InstanceType is the only type of the group. Default: c5.large.
	InstanceType string `yaml:"instance_type,omitempty" format:"instance_type"`
	// Instance is what the group launches.
	Instance Instance `yaml:"instance,omitempty"`
	// Bootstrap is how an indexer sets itself up.
	Bootstrap Bootstrap `yaml:"bootstrap,omitempty"`
	// Refresh is manual, where a changed launch template reaches indexers as
	// they are replaced, or rolling, where an apply starts an instance refresh.
	// Default: manual.
	Refresh string `yaml:"refresh,omitempty" enum:"manual,rolling"`
	Group   `yaml:",inline"`
}

// LoggingAlarms are limits of what tandem makes. What exists already is watched
// by whoever made it: beside kafka.existing, lag and broker_disk_percent have no
// meaning and stay unset, beside index.existing free_storage_percent.
type LoggingAlarms struct {
	// Lag is the time that indexers would need to catch up, as MSK estimates it
	// (https://docs.aws.amazon.com/msk/latest/developerguide/consumer-lag.html).
	// They tell Kafka how far they are once an hour, so the alarm waits until
	// that has not helped. Default: 2h.
	Lag Duration `yaml:"lag,omitempty" range:"1h..720h"`
	// BrokerDiskPercent is how full the fullest broker's disk may be. Default: 85.
	BrokerDiskPercent int `yaml:"broker_disk_percent,omitempty" range:"50..99"`
	// FreeStoragePercent is how much of a data node's disk has to be free. Default: 25.
	FreeStoragePercent int `yaml:"free_storage_percent,omitempty" range:"5..50"`
}

const (
	// IndexerService is the artifact that indexers run; `tandem bootstrap
	// publish` publishes it.
	IndexerService = instance.LogIndexerArtifact
	// IndexerPlaybook is the artifact that configures them, published likewise.
	IndexerPlaybook = instance.LogIndexerPlaybookArtifact

	// maxServiceZones is how many zones brokers and data nodes are spread over
	// at most: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-multiaz.html
	maxServiceZones = 3
)

// WithDefaults returns the logging with every unset field that has a default
// filled in, in a network of so many zones. The receiver and what it points to
// stay as they are.
func (l Logging) WithDefaults(zones int) Logging {
	setDefault(&l.Topic, "logs")
	setDefault(&l.QueueMiB, 1024)
	l.Kafka = l.Kafka.withDefaults()
	l.Index = l.Index.withDefaults(zones)
	l.Indexer = l.Indexer.withDefaults()
	if l.Kafka.Existing == nil {
		setDefault(&l.Alarms.Lag, Duration(2*time.Hour))
		setDefault(&l.Alarms.BrokerDiskPercent, 85)
	}
	if l.Index.Existing == nil {
		setDefault(&l.Alarms.FreeStoragePercent, 25)
	}
	return l
}

func (i Indexer) withDefaults() Indexer {
	setDefault(&i.InstanceType, "c5.large")
	setDefault(&i.Refresh, RefreshManual)
	setDefault(&i.Min, 2)
	setDefault(&i.Max, max(4, i.Min))
	i.Group = i.WithSpotDefaults(i.Instance.Monitoring)
	i.Instance = i.Instance.withDefaults(i.InstanceType)
	return i
}

// Architecture is the processor architecture of the indexers, as EC2 names it:
// x86_64 or arm64. Call WithDefaults before it.
func (i Indexer) Architecture() string { return architecture(i.InstanceType) }

// Drain is the time budget of an indexer that has to go: that of a cluster's
// machine where nothing is described.
func (i Indexer) Drain() Drain { return Drain{}.withDefaults() }

// serviceZones is how many of a network's zones brokers are spread over.
func serviceZones(zones int) int { return min(zones, maxServiceZones) }
