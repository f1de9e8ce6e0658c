package iam

import "testing"

func TestJSON(t *testing.T) {
	policy := Policy{{
		Sid:       "Read",
		Effect:    Allow,
		Principal: Account("aws-cn", "123456789012"),
		Action:    []string{"s3:GetObject"},
		Resource:  []string{"${aws_s3_bucket.x.arn}/<a&b>"},
		Condition: map[string]map[string]any{"Bool": {"aws:SecureTransport": "true"}},
	}}
	const want = `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::123456789012:root"},` +
		`"Action":["s3:GetObject"],"Resource":["${aws_s3_bucket.x.arn}/<a&b>"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}`
	if got := policy.JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTrust(t *testing.T) {
	const want = `{"Version":"2012-10-17","Statement":[{"Sid":"Assume","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole"]}]}`
	if got := Trust("ec2.amazonaws.com").JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
