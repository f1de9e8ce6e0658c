package rule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/review/inventory"
)

func accessRules() []Rule {
	return []Rule{
		{
			ID: "role-wildcard", Severity: Dangerous,
			Title:  "A policy allows everything of a service, or on every resource",
			Why:    "Whoever gets onto an instance gets what its role may do.",
			Fix:    "Name the actions, and the ARNs that they are meant for, or add a condition.",
			Source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy") {
					reportWide(r, r.Get("policy"), found)
				}
				for _, r := range s.Of("aws_iam_role") {
					for _, inline := range r.Blocks("inline_policy") {
						reportWide(r, inline["policy"], found)
					}
				}
			},
		},
		{
			ID: "role-for-anyone", Severity: Dangerous,
			Title:  "A role can be assumed by everybody",
			Why:    "Any AWS account takes on the role and everything that it may do.",
			Fix:    "Name the service or account in the trust policy's Principal.",
			Source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_iam_role") {
					for _, statement := range statements(r.Get("assume_role_policy")) {
						if statement.allows && statement.anyone && !statement.conditional {
							found(r, "the trust policy names everybody")
						}
					}
				}
			},
		},
		{
			ID: "administrator-attached", Severity: Dangerous,
			Title: "A role, user or group becomes administrator",
			Why:   "It may do everything in the account, deleting the account's traces included.",
			Fix:   "Attach a policy with what is needed.",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment", "aws_iam_policy_attachment") {
					if arn, ok := r.Text("policy_arn", ""); ok && administrator(arn) {
						found(r, "policy_arn is %s", arn)
					}
				}
			},
		},
		{
			ID: "policy-for-anyone", Severity: Dangerous,
			Title:  "A topic, queue, secret, key or search domain can be used by everybody",
			Why:    "Any AWS account, and for a search domain anybody at all, does what the policy allows.",
			Fix:    "Name the accounts or roles in the policy's Principal, or add a condition such as aws:SourceArn.",
			Source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
			state: func(s *Set, found Found) {
				for _, p := range resourcePolicies {
					for _, r := range s.Of(p.kind) {
						if !s.inNetwork(r) {
							reportOpen(r, r.Get(p.attribute), found)
						}
					}
				}
			},
		},
	}
}

// resourcePolicies are the attributes that say who may use a resource.
var resourcePolicies = []struct{ kind, attribute string }{
	{"aws_sns_topic", "policy"}, {"aws_sns_topic_policy", "policy"}, {"aws_sqs_queue", "policy"}, {"aws_sqs_queue_policy", "policy"},
	{"aws_secretsmanager_secret", "policy"}, {"aws_secretsmanager_secret_policy", "policy"}, {"aws_kms_key", "policy"}, {"aws_kms_key_policy", "policy"},
	{"aws_ecr_repository_policy", "policy"}, {"aws_msk_cluster_policy", "policy"}, {"aws_backup_vault_policy", "policy"},
	{"aws_opensearch_domain", "access_policies"}, {"aws_opensearch_domain_policy", "access_policies"},
	{"aws_elasticsearch_domain", "access_policies"}, {"aws_elasticsearch_domain_policy", "access_policies"},
}

// inNetwork says that a search domain, or that of a domain's policy, is inside
// a VPC, where its security groups decide who reaches it.
func (s *Set) inNetwork(r *Resource) bool {
	for _, domain := range append(s.Linked(r, "domain_name", "aws_opensearch_domain", "aws_elasticsearch_domain"), r) {
		if domain.Get("vpc_options") != nil {
			return true
		}
	}
	return false
}

func reportOpen(r *Resource, policy any, found Found) {
	for _, statement := range statements(policy) {
		if statement.allows && statement.anyone && !statement.conditional {
			found(r, "the policy allows %s to everybody", strings.Join(statement.actions, ", "))
		}
	}
}

func administrator(arn string) bool {
	return slices.ContainsFunc([]string{":policy/AdministratorAccess", ":policy/IAMFullAccess", ":policy/PowerUserAccess"},
		func(end string) bool { return strings.HasSuffix(arn, end) })
}

func reportWide(r *Resource, policy any, found Found) {
	for _, statement := range statements(policy) {
		if !statement.allows {
			continue
		}
		for _, action := range statement.actions {
			switch {
			case action == "*" || strings.HasSuffix(action, ":*"):
				found(r, "allows %s", action)
			case statement.everything && !statement.conditional && !harmless(action):
				found(r, "allows %s on every resource", action)
			}
		}
	}
}

// harmless are actions that only look, many of which know no resource to name.
func harmless(action string) bool {
	_, operation, _ := strings.Cut(action, ":")
	return slices.ContainsFunc([]string{"Describe", "List", "GetMetric", "GetAuthorizationToken", "PutMetricData", "ec2messages", "LookupEvents"},
		func(prefix string) bool { return strings.HasPrefix(operation, prefix) })
}

// statement is what matters of a policy's statement.
type statement struct {
	allows, anyone, everything, conditional bool
	actions                                 []string
}

// statements parses a policy document. What is no document has none.
func statements(policy any) (list []statement) {
	text, _ := policy.(string)
	var document struct{ Statement any }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil // an expression, or secret
	}
	for _, s := range inventory.Blocks(document.Statement) {
		actions := inventory.Texts(s["Action"], nil)
		if s["NotAction"] != nil {
			actions = append(actions, "*")
		}
		list = append(list, statement{
			allows:      fmt.Sprint(s["Effect"]) == "Allow",
			anyone:      slices.Contains(inventory.Texts(s["Principal"], nil), "*"),
			everything:  slices.Contains(inventory.Texts(s["Resource"], nil), "*") || s["NotResource"] != nil,
			conditional: s["Condition"] != nil,
			actions:     actions,
		})
	}
	return list
}
