// Package iam writes IAM and bucket policies
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
package iam

import (
	"bytes"
	"encoding/json"
)

// Policy is a policy document.
type Policy []Statement

// Statement allows or denies actions on resources.
type Statement struct {
	// Sid names the statement, in letters and digits.
	Sid string
	// Effect is Allow or Deny.
	Effect string
	// Principal is who, in a bucket or trust policy. Nil: whoever has the policy.
	Principal any `json:",omitempty"`
	// Action lists what, as service:Operation.
	Action []string
	// Resource lists on what, as ARNs. Nil in a trust policy.
	Resource []string `json:",omitempty"`
	// Condition is operator, key and value or list of values.
	Condition map[string]map[string]any `json:",omitempty"`
}

const (
	// Allow grants.
	Allow = "Allow"
	// Deny overrides every grant.
	Deny = "Deny"
)

// Service is a principal of an AWS service, such as ec2.amazonaws.com.
func Service(name string) map[string]string { return map[string]string{"Service": name} }

// Account is the principal of everybody an account entrusts.
func Account(partition, id string) map[string]string {
	return map[string]string{"AWS": "arn:" + partition + ":iam::" + id + ":root"}
}

// Trust lets one AWS service assume a role.
func Trust(service string) Policy {
	return Policy{{Sid: "Assume", Effect: Allow, Principal: Service(service), Action: []string{"sts:AssumeRole"}}}
}

// JSON renders the document; strings that are Terraform expressions stay as they are.
func (p Policy) JSON() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(struct {
		Version   string
		Statement []Statement
	}{"2012-10-17", p}); err != nil {
		panic(err) // strings, lists and maps of them always encode
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
