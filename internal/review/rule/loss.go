package rule

import "strings"

func lossRules() []Rule {
	return []Rule{
		{
			ID: "everything-destroyed", Severity: Dangerous,
			Title: "Everything is destroyed",
			Why:   "Nothing of the stack is left: what it serves is gone, with its addresses and data.",
			Fix:   "Apply it only where the whole stack is meant to go.",
			change: func(w *World, found Found) {
				if destroyed := w.destroyed(); len(destroyed) > 1 && w.allGone() {
					found(destroyed[0], "all %d resources", len(destroyed))
				}
			},
		},
		{
			ID: "data-destroyed", Severity: Dangerous,
			Title: "Something that holds data is destroyed or replaced",
			Why:   "What it holds goes with it, and a replacement begins empty.",
			Fix:   "Take a copy first, or keep it with lifecycle { prevent_destroy = true } or a removed block.",
			change: func(w *World, found Found) {
				for _, r := range w.destroyed() {
					if what := bears[r.Type]; what != "" {
						found(r, "%s is %s", what, w.fate(r))
					}
				}
			},
		},
		{
			ID: "traffic-interrupted", Severity: Dangerous,
			Title: "Something that traffic goes through is destroyed or replaced",
			Why:   "Requests fail from its end until all that depends on it has been made again and is healthy.",
			Fix:   "Make the new one beside it, move traffic over, and remove the old one in a later plan; or plan a time for it.",
			change: func(w *World, found Found) {
				if w.allGone() { // which says it all
					return
				}
				for _, r := range w.destroyed() {
					if what := carries[r.Type]; what != "" {
						found(r, "%s is %s", what, w.fate(r))
					}
				}
			},
		},
	}
}

// bears says what types hold that cannot be made again.
var bears = map[string]string{
	"aws_s3_bucket": "the bucket", "aws_db_instance": "the database", "aws_rds_cluster": "the database cluster",
	"aws_rds_cluster_instance": "the database instance", "aws_dynamodb_table": "the table", "aws_ebs_volume": "the volume",
	"aws_efs_file_system": "the file system", "aws_fsx_lustre_file_system": "the file system", "aws_elasticache_cluster": "the cache",
	"aws_elasticache_replication_group": "the cache", "aws_elasticsearch_domain": "the search domain", "aws_opensearch_domain": "the search domain",
	"aws_redshift_cluster": "the warehouse", "aws_msk_cluster": "the Kafka cluster", "aws_kms_key": "the key and all that it encrypts",
	"aws_ecr_repository": "the image repository", "aws_cloudwatch_log_group": "the log group", "aws_secretsmanager_secret": "the secret",
	"aws_backup_vault": "the backup vault", "aws_docdb_cluster": "the database cluster", "aws_neptune_cluster": "the database cluster",
	"aws_kinesis_stream": "the stream", "aws_opensearchserverless_collection": "the search collection", "aws_sqs_queue": "the queue", "aws_cognito_user_pool": "the user pool",
}

// carries says what types traffic goes through.
var carries = map[string]string{
	"aws_lb": "the load balancer", "aws_alb": "the load balancer", "aws_elb": "the load balancer", "aws_lb_listener": "the listener",
	"aws_alb_listener": "the listener", "aws_lb_target_group": "the target group", "aws_alb_target_group": "the target group",
	"aws_autoscaling_group": "the group with all its instances", "aws_nat_gateway": "the NAT gateway", "aws_vpc": "the network",
	"aws_subnet": "the subnet", "aws_internet_gateway": "the internet gateway", "aws_route53_record": "the DNS record",
	"aws_instance": "the instance",
}

// destroyed are the resources whose present instance ends.
func (w *World) destroyed() (gone []*Resource) {
	for _, c := range w.Plan.Changes {
		if c.Deposed == "" && (c.Actions.Delete() || c.Actions.Replace()) {
			gone = append(gone, &Resource{Change: c, Values: c.Before})
		}
	}
	return gone
}

// allGone says that there was something and nothing is left.
func (w *World) allGone() bool {
	gone := 0
	for _, c := range w.Plan.Changes {
		if c.After != nil {
			return false
		}
		if c.Actions.Delete() {
			gone++
		}
	}
	return gone > 1
}

func (w *World) fate(r *Resource) string {
	if !r.Actions.Replace() {
		return "destroyed"
	}
	fate := "replaced"
	if r.Actions.CreateBeforeDestroy() {
		fate += ", the new one first"
	}
	if len(r.Replace) > 0 {
		fate += ": " + strings.Join(r.Replace, ", ") + " changes"
	}
	return fate
}
