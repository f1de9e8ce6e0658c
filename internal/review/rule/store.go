package rule

import (
	"strings"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

func storeRules() []Rule {
	return []Rule{
		{
			ID: "store-public", Severity: Dangerous,
			Title:  "Something that holds data has a public address",
			Why:    "Only its passwords and its firewall stand between it and the internet.",
			Fix:    "Set publicly_accessible = false; for Kafka, leave public_access out or set its type to DISABLED.",
			Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_db_instance", "aws_rds_cluster_instance", "aws_redshift_cluster", "aws_mq_broker") {
					if r.Is("publicly_accessible", "true") {
						found(r, "publicly_accessible is true")
					}
				}
				for _, r := range s.Of("aws_msk_cluster") {
					const path = "broker_node_group_info.connectivity_info.public_access.type"
					if kind, ok := r.Text(path, "DISABLED"); ok && kind != "DISABLED" {
						found(r, "public_access is %s", kind)
					}
				}
			},
		},
		{
			ID: "store-unencrypted", Severity: Look,
			Title:  "Something that holds data is not encrypted at rest",
			Why:    "Copies and snapshots of it can be read by whoever gets hold of them. To encrypt it later mostly means to replace it.",
			Fix:    "Switch encryption at rest on before there is data in it.",
			Source: "https://docs.aws.amazon.com/prescriptive-guidance/latest/encryption-best-practices/general-encryption-best-practices.html",
			state: func(s *Set, found Found) {
				for _, e := range atRest {
					for _, r := range s.Of(e.kind) {
						if off(r, e.path) && !inherits(r) {
							found(r, "%s is off", e.path)
						}
					}
				}
			},
		},
		{
			ID: "store-traffic-in-clear", Severity: Look,
			Title:  "Something that holds data speaks without TLS",
			Why:    "Whoever is on the way reads and changes what is written to it, passwords among it.",
			Fix:    `Require TLS: client_broker = "TLS" for Kafka, enforce_https and node_to_node_encryption for a search domain.`,
			Source: "https://docs.aws.amazon.com/msk/latest/developerguide/msk-encryption.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_msk_cluster") {
					const path = "encryption_info.encryption_in_transit.client_broker"
					if mode, ok := r.Text(path, "TLS"); ok && mode != "TLS" {
						found(r, "client_broker is %s", mode)
					}
				}
				for _, e := range inTransit {
					for _, r := range s.Of(e.kind) {
						if off(r, e.path) {
							found(r, "%s is off", e.path)
						}
					}
				}
			},
		},
		{
			ID: "kafka-without-authentication", Severity: Look,
			Title:  "A Kafka cluster asks nobody who they are",
			Why:    "Whoever reaches its brokers reads, writes and deletes every topic.",
			Fix:    "Set client_authentication { sasl { iam = true } } and leave unauthenticated out.",
			Source: "https://docs.aws.amazon.com/msk/latest/developerguide/kafka_apis_iam.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_msk_cluster") {
					switch {
					case r.Is("client_authentication.unauthenticated", "true"):
						found(r, "client_authentication.unauthenticated is true")
					case r.Get("client_authentication.sasl") == nil && r.Get("client_authentication.tls") == nil:
						found(r, "it has no client_authentication")
					}
				}
			},
		},
	}
}

// protection is a switch of a type that is off by default.
type protection struct{ kind, path string }

var atRest = []protection{
	{"aws_db_instance", "storage_encrypted"}, {"aws_rds_cluster", "storage_encrypted"}, {"aws_docdb_cluster", "storage_encrypted"},
	{"aws_neptune_cluster", "storage_encrypted"}, {"aws_redshift_cluster", "encrypted"}, {"aws_efs_file_system", "encrypted"},
	{"aws_elasticache_replication_group", "at_rest_encryption_enabled"},
	{"aws_opensearch_domain", "encrypt_at_rest.enabled"}, {"aws_elasticsearch_domain", "encrypt_at_rest.enabled"},
}

var inTransit = []protection{
	{"aws_opensearch_domain", "domain_endpoint_options.enforce_https"}, {"aws_elasticsearch_domain", "domain_endpoint_options.enforce_https"},
	{"aws_opensearch_domain", "node_to_node_encryption.enabled"}, {"aws_elasticsearch_domain", "node_to_node_encryption.enabled"},
	{"aws_elasticache_replication_group", "transit_encryption_enabled"},
}

// off says that a switch is off, also where its whole block is left out and
// the provider will read back what AWS makes of that.
func off(r *Resource, path string) bool {
	top, _, _ := strings.Cut(path, ".")
	if _, later := r.Get(top).(plan.Unknown); later {
		return !r.Named(top)
	}
	return r.Off(path)
}

// inherits says that encryption is that of where the data comes from, or is
// always on.
func inherits(r *Resource) bool {
	return r.Get("replicate_source_db") != nil || r.Get("replication_source_identifier") != nil ||
		r.Get("snapshot_identifier") != nil || r.Is("engine_mode", "serverless")
}
