package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// loggingContext is what the rules of logging need to know from around it.
type loggingContext struct {
	region, account string
	zones           int
}

// Validate reports every broken rule of logging on its own as a check.Errors
// with paths below logging, in a region, an account (empty: any) and a network
// of so many zones. It looks at the fields as they are: call WithDefaults
// before it.
func (l Logging) Validate(region, account string, zones int) error {
	var tags check.Errors
	var rules relations
	checkTags(&tags, "logging", l)
	l.validate(&rules, loggingContext{region, account, zones})
	return joined(tags, rules, nothingBroken).Err()
}

func (l Logging) validate(faults *relations, ctx loggingContext) {
	l.Kafka.validate(faults, ctx)
	l.Index.validate(faults, ctx)
	l.Indexer.validate(faults)
	validateQueue(faults, l.QueueMiB, "logging.indexer.instance.volume_gib", l.Indexer.Instance.VolumeGiB)
	if l.Index.Existing != nil {
		requireUnset(faults, "logging.index.existing", map[string]any{"logging.alarms.free_storage_percent": l.Alarms.FreeStoragePercent})
	}
	if l.Kafka.Existing != nil {
		requireUnset(faults, "logging.kafka.existing", map[string]any{
			"logging.alarms.lag":                 l.Alarms.Lag,
			"logging.alarms.broker_disk_percent": l.Alarms.BrokerDiskPercent,
		})
		return
	}
	faults.Require(l.Indexer.Max <= l.Kafka.Partitions, "logging.indexer.max", fmt.Sprint(l.Indexer.Max),
		fmt.Sprintf("at most kafka.partitions, which is %d: one more would have nothing to read", l.Kafka.Partitions), "logging.kafka.partitions")
	faults.Require(l.Alarms.Lag < l.Kafka.Retention, "logging.alarms.lag", l.Alarms.Lag.String(),
		fmt.Sprintf("below kafka.retention, which is %s: after it lines are lost", l.Kafka.Retention), "logging.kafka.retention")
}

// validateQueue leaves half of a machine's volume to all else.
func validateQueue(faults *relations, queueMiB int, volumePath string, volumeGiB int) {
	half := volumeGiB * 1024 / 2
	faults.Require(queueMiB <= half, "logging.queue_mib", fmt.Sprint(queueMiB), fmt.Sprintf("at most %d, half of %s", half, volumePath), volumePath)
}

// validateClusters keeps logging and clusters out of each other's way.
func (l Logging) validateClusters(faults *relations, clusters map[string]Cluster) {
	reserved := []string{IndexerService, IndexerPlaybook}
	for _, name := range sortedKeys(clusters) {
		path, c := check.Join("clusters", name), clusters[name]
		validateQueue(faults, l.QueueMiB, path+".instance.volume_gib", c.Instance.VolumeGiB)
		for _, artifact := range []struct{ path, name string }{{path + ".service", c.Service}, {path + ".playbook", c.Playbook}} {
			faults.Require(!slices.Contains(reserved, artifact.name), artifact.path, quote(artifact.name),
				"another artifact than those of the indexers, "+strings.Join(reserved, " and "), "logging")
		}
	}
}

func (i Indexer) validate(faults *relations) {
	const path = "logging.indexer"
	i.Group.validate(faults, path, i.Instance.Monitoring)
	i.Instance.AMI.validate(faults, path+".instance.ami")
	i.Bootstrap.validate(faults, path+".bootstrap")
	heartbeat := i.Drain().Heartbeat
	faults.Require(i.ScaleIn.Cooldown > heartbeat, path+".scale_in.cooldown", i.ScaleIn.Cooldown.String(),
		fmt.Sprintf("above %s, as long as an indexer may drain: a waiting hook blocks scale-in", heartbeat))
}

// requireUnset reports fields that have no meaning beside another one.
func requireUnset(faults *relations, because string, fields map[string]any) {
	for _, path := range sortedKeys(fields) {
		value := fields[path]
		unset := value == "" || value == 0 || value == false || value == Duration(0)
		printed := fmt.Sprint(value)
		if text, isText := value.(string); isText {
			printed = quote(text)
		}
		faults.Require(unset, path, printed, "unset, because "+because+" is set", because)
	}
}

func (k Kafka) validate(faults *relations, ctx loggingContext) {
	if k.Existing == nil {
		return
	}
	const path = "logging.kafka"
	requireUnset(faults, path+".existing", map[string]any{
		path + ".version":          k.Version,
		path + ".instance_type":    k.InstanceType,
		path + ".brokers_per_zone": k.BrokersPerZone,
		path + ".volume_gib":       k.VolumeGiB,
		path + ".partitions":       k.Partitions,
		path + ".retention":        k.Retention,
	})
	k.Existing.validate(faults, path+".existing", ctx)
}

func (k ExistingKafka) validate(faults *relations, path string, ctx loggingContext) {
	checkDistinct(faults, path+".brokers", k.Brokers)
	length := len(strings.Join(k.Brokers, ","))
	faults.Require(length <= maxBrokers, path+".brokers", fmt.Sprintf("%d characters long with commas", length),
		fmt.Sprintf("at most %d, so that user data stays within 16 KiB; some of the brokers will do", maxBrokers))
	for i, broker := range k.Brokers {
		first, at := portOf(k.Brokers[0]), check.Index(path+".brokers", i)
		faults.Require(portOf(broker) == first, at, quote(broker), "the port of the first, "+first+": all have one",
			check.Index(path+".brokers", 0))
	}
	scram, plain := k.Security == LogSCRAM, k.Security == LogPlaintext
	faults.Require(!scram || k.SecretARN != "", path+".secret_arn", "", "the secret of the user, because security is scram", path+".security")
	faults.Require(scram || k.SecretARN == "", path+".secret_arn", quote(k.SecretARN), "unset, or security scram", path+".security")
	faults.Require(!plain || k.CAFile == "", path+".ca_file", quote(k.CAFile), "unset, because security is plaintext", path+".security")
	validateSecret(faults, path, k.SecretARN, k.SecretKeyARN, ctx)
}

// maxBrokers is what the brokers' names may take of the room that maxPreamble
// leaves in user data.
const maxBrokers = 1000

// portOf is the port of host:port.
func portOf(broker string) string { return broker[strings.LastIndexByte(broker, ':')+1:] }

func (x Index) validate(faults *relations, ctx loggingContext) {
	const path = "logging.index"
	if x.Existing != nil {
		requireUnset(faults, path+".existing", map[string]any{
			path + ".version":           x.Version,
			path + ".instance_type":     x.InstanceType,
			path + ".nodes":             x.Nodes,
			path + ".volume_gib":        x.VolumeGiB,
			path + ".dedicated_masters": x.DedicatedMasters,
			path + ".master_type":       x.MasterType,
		})
		x.Existing.validate(faults, path+".existing", ctx)
		return
	}
	faults.Require(x.DedicatedMasters || x.MasterType == "", path+".master_type", quote(x.MasterType), "unset, or dedicated_masters true",
		path+".dedicated_masters")
	want := "1, or a multiple of 2"
	if ctx.zones >= maxServiceZones {
		want += " or 3"
	}
	faults.Require(x.Zones(ctx.zones) > 0, path+".nodes", fmt.Sprint(x.Nodes), want+", so that zones have as many each", "network", "network.availability_zones")
	replicas := 0
	if x.Replicas != nil {
		replicas = *x.Replicas
	}
	faults.Require(replicas < x.Nodes, path+".replicas", fmt.Sprint(replicas),
		fmt.Sprintf("below nodes, which is %d: each copy is on a node of its own", x.Nodes), path+".nodes")
	// Today's index and the days that are kept, each shard with its copies.
	shards, most := x.Shards*(1+replicas)*(x.RetentionDays+1), maxShardsPerNode*x.Nodes
	faults.Require(shards <= most, path+".retention_days", fmt.Sprint(x.RetentionDays),
		fmt.Sprintf("fewer, or fewer shards or more nodes: indices of so many days have %d shards, copies among them, and %d nodes hold %d", shards, x.Nodes, most),
		path+".shards", path+".replicas", path+".nodes")
}

// maxShardsPerNode is what OpenSearch refuses to exceed:
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/bp-sharding.html
const maxShardsPerNode = 1000

func (x ExistingIndex) validate(faults *relations, path string, ctx loggingContext) {
	faults.Require(x.SecretARN == "" || strings.HasPrefix(x.URL, "https://"), path+".url", quote(x.URL),
		"https, because a password is sent to it: secret_arn is set", path+".secret_arn")
	validateSecret(faults, path, x.SecretARN, x.SecretKeyARN, ctx)
}

// validateSecret keeps a secret and its key where machines of the environment
// can read them.
func validateSecret(faults *relations, path, secret, key string, ctx loggingContext) {
	at := path + ".secret_key_arn"
	faults.Require(key == "" || secret != "", at, quote(key), "unset, or secret_arn beside it", path+".secret_arn")
	validateARN(faults, arnRule{path + ".secret_arn", "secret", "secret", "the environment's"}, secret, ctx.region, ctx.account)
	validateARN(faults, arnRule{at, "kms_key", "key", "the environment's"}, key, ctx.region, ctx.account)
}
