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
