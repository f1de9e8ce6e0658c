package spec

// Index is an OpenSearch domain in the private subnets, with daily indices. It
// takes HTTPS alone, checks users itself and is encrypted on disk and between
// nodes.
type Index struct {
	// Prefix is what the names of indices begin with, <prefix>-YYYY.MM.DD.
	// Default: logs.
	Prefix string `yaml:"prefix,omitempty" format:"index_prefix"`
	// RetentionDays is how long an index is kept, in days. Default: 14.
	RetentionDays int `yaml:"retention_days,omitempty" range:"1..3650"`
	// Shards is how many primary shards an index has. Default: one a data node;
	// 1 for an index that exists.
	Shards int `yaml:"shards,omitempty" range:"1..100"`
	// Replicas is how many copies each shard has on other nodes. Default: 1; 0
	// where there is one node.
	Replicas *int `yaml:"replicas,omitempty" range:"0..10"`
	// Version is the engine's, as AWS writes it
	// (https://docs.aws.amazon.com/opensearch-service/latest/developerguide/what-is.html).
	// Default: OpenSearch_2.19.
	Version string `yaml:"version,omitempty" format:"engine_version"`
	// InstanceType is that of the data nodes
	// (https://docs.aws.amazon.com/opensearch-service/latest/developerguide/supported-instance-types.html);
	// t3.small.search will do for a trial. Default: m6g.large.search.
	InstanceType string `yaml:"instance_type,omitempty" format:"search_type"`
	// Nodes is how many data nodes there are: one, or the same number in two or
	// three zones. Default: one in each of the network's zones, three at most.
	Nodes int `yaml:"nodes,omitempty" range:"1..80"`
	// VolumeGiB is the size of each data node's gp3 disk; the type of the
	// nodes limits it
	// (https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html).
	// Default: 100.
	VolumeGiB int `yaml:"volume_gib,omitempty" range:"10..24576"`
	// DedicatedMasters adds three nodes that hold no data and keep the domain
	// together; AWS advises them for production. Default: false.
	DedicatedMasters bool `yaml:"dedicated_masters,omitempty"`
	// MasterType is the type of the dedicated masters. Default: m6g.large.search.
	MasterType string `yaml:"master_type,omitempty" format:"search_type"`
	// Existing names an endpoint to use instead of making a domain; beside it,
	// only prefix, retention_days, shards and replicas may be set.
	Existing *ExistingIndex `yaml:"existing,omitempty"`
}

// ExistingIndex is an OpenSearch or Elasticsearch that tandem uses and does not
// manage.
type ExistingIndex struct {
	// URL is the endpoint, scheme://host[:port]. Required.
	URL string `yaml:"url" required:"true" format:"index_url"`
	// SecretARN is the Secrets Manager secret with the user's name and password,
	// {"username": "…", "password": "…"}. Default: the endpoint asks for none.
	SecretARN string `yaml:"secret_arn,omitempty" format:"secret"`
	// SecretKeyARN is the KMS key that the secret is encrypted with. Default:
	// AWS's own key for secrets.
	SecretKeyARN string `yaml:"secret_key_arn,omitempty" format:"kms_key"`
	// SecurityGroup is the endpoint's security group, to which a rule is added
	// for the indexers. Default: none, it can be reached already.
	SecurityGroup string `yaml:"security_group_id,omitempty" format:"security_group"`
}

const defaultSearchType = "m6g.large.search"

func (x Index) withDefaults(zones int) Index {
	setDefault(&x.Prefix, "logs")
	setDefault(&x.RetentionDays, 14)
	if x.Existing != nil {
		setDefault(&x.Shards, 1)
		setDefaultPtr(&x.Replicas, 1)
		return x
	}
	setDefault(&x.Version, "OpenSearch_2.19")
	setDefault(&x.InstanceType, defaultSearchType)
	setDefault(&x.Nodes, max(1, serviceZones(zones)))
	setDefault(&x.VolumeGiB, 100)
	if x.DedicatedMasters {
		setDefault(&x.MasterType, defaultSearchType)
	}
	setDefault(&x.Shards, max(1, min(x.Nodes, 100)))
	setDefaultPtr(&x.Replicas, min(1, max(0, x.Nodes-1)))
	return x
}

// Zones is how many zones the data nodes are spread over, in a network of so
// many: the most that they fill evenly. 0: there is no such number.
func (x Index) Zones(zones int) int {
	for n := serviceZones(zones); n > 1; n-- {
		if x.Nodes%n == 0 {
			return n
		}
	}
	if x.Nodes == 1 {
		return 1
	}
	return 0
}
