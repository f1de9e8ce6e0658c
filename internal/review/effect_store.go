package review

import (
	"github.com/tandem-iac/tandem/internal/review/inventory"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// kafka: https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-cluster-cfg.html
func (c *change) kafka() {
	if c.changes("kafka_version") {
		c.says(rule.Look, "Brokers are updated one after the other, which takes hours and cannot be taken back.")
	}
	if c.changes("configuration_info") || c.changes("broker_node_group_info.instance_type") || c.changes("client_authentication") || c.changes("encryption_info") {
		c.says(rule.Look, "Brokers restart one after the other: topics with a single replica are not there meanwhile.")
	}
	if before, after, ok := c.numbers("number_of_broker_nodes"); ok {
		if after > before {
			c.says(rule.Safe, "New brokers carry nothing until somebody moves partitions to them.")
		} else {
			c.says(rule.Look, "Brokers that still carry partitions cannot go: the apply fails.")
		}
	}
	if c.changes("broker_node_group_info.storage_info") {
		c.says(rule.Look, "Storage grows in place, can be changed again six hours later at the soonest, and never shrinks.")
	}
}

func (c *change) kafkaSettings() {
	c.says(rule.Safe, "A new revision; brokers have it once a cluster names it.")
}

// search: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-configuration-changes.html
func (c *change) search() {
	if c.changes("engine_version") {
		c.says(rule.Look, "The engine is updated, which takes hours and cannot be taken back.")
	}
	if c.changes("cluster_config") || c.changes("ebs_options") || c.changes("encrypt_at_rest") || c.changes("node_to_node_encryption") || c.changes("vpc_options") {
		c.says(rule.Look, "The domain mostly moves to new nodes, beside the old ones: for hours it is under more load.")
	}
	if c.changes("access_policies") || c.changes("advanced_security_options") {
		c.says(rule.Look, "Who may use the domain changes at once.")
	}
}

func (c *change) logGroup() {
	const forever = 0
	before, _ := inventory.ToNumber(c.Before["retention_in_days"])
	after, ok := inventory.ToNumber(c.After["retention_in_days"])
	if ok && after != forever && (before == forever || after < before) {
		c.says(rule.Look, "Logs older than %g days are deleted soon after.", after)
	}
}

func (c *change) lifecycle() {
	c.says(rule.Look, "What the new rules call expired is deleted within days, what is there already included.")
}

func (c *change) key() {
	if c.changes("policy") || c.changes("is_enabled") {
		c.says(rule.Look, "Who may decrypt with the key changes at once, for data that is there already too.")
	}
}

func (c *change) secret() {
	c.says(rule.Look, "Another value of the secret: what reads it at its start has it from the next start on.")
}

func (c *change) parameter() {
	if c.changes("value") || c.changes("insecure_value") {
		c.says(rule.Safe, "What reads the parameter has the new value from its next read on.")
	}
}

func (c *change) composite() {
	if c.changes("alarm_rule") || c.changes("alarm_actions") || c.changes("actions_suppressor") {
		c.says(rule.Look, "When people are told, or who is, changes at once.")
	}
}
