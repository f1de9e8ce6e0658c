package delivery

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/iam"
)

// request is one that S3 decides about. What is empty is not there.
type request struct {
	action, resource, principal, endpoint string
	insecure                              bool
}

// TestPackageAccess decides requests as S3 does, with nothing but the bucket's
// policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func TestPackageAccess(t *testing.T) {
	const (
		bucket   = "arn:aws:s3:::packages"
		object   = bucket + "/amzn-2023/x86_64/repodata/repomd.xml"
		endpoint = "vpce-0123456789abcdef0"
		writer   = "arn:aws:iam::123456789012:role/ci/packages"
		admin    = "arn:aws:iam::123456789012:role/admin"
	)
	policy := bucketConfig{grants: packageAccess(endpoint, []string{"arn:aws:iam::123456789012:role/other", writer})}.policy(bucket)
	for _, test := range []struct {
		name string
		request
		want string
	}{
		{"dnf within the VPC", request{"s3:GetObject", object, "", endpoint, false}, "allowed"},
		{"dnf within the VPC, by plain HTTP", request{"s3:GetObject", object, "", endpoint, true}, "denied"},
		{"the internet", request{"s3:GetObject", object, "", "", false}, "denied"},
		{"another VPC", request{"s3:GetObject", object, "", "vpce-00000000000000000", false}, "denied"},
		{"a machine's role within the VPC", request{"s3:GetObject", object, admin, endpoint, false}, "allowed"},
		{"an administrator elsewhere, reading", request{"s3:GetObject", object, admin, "", false}, "denied"},
		{"an administrator elsewhere, reading a version", request{"s3:GetObjectVersion", object, admin, "", false}, "denied"},
		{"a machine, writing", request{"s3:PutObject", object, admin, endpoint, false}, "denied"},
		{"nobody, writing within the VPC", request{"s3:PutObject", object, "", endpoint, false}, "denied"},
		{"a machine, deleting", request{"s3:DeleteObject", object, admin, endpoint, false}, "denied"},
		{"a machine, deleting a version", request{"s3:DeleteObjectVersion", object, admin, endpoint, false}, "denied"},
		{"a writer, reading", request{"s3:GetObject", object, writer, "", false}, "allowed"},
		{"a writer, writing", request{"s3:PutObject", object, writer, "", false}, "allowed"},
		{"a writer within the VPC, writing", request{"s3:PutObject", object, writer, endpoint, false}, "allowed"},
		{"a writer, deleting", request{"s3:DeleteObject", object, writer, "", false}, "allowed"},
		{"a writer, resuming", request{"s3:ListMultipartUploadParts", object, writer, "", false}, "allowed"},
		{"a writer, listing", request{"s3:ListBucket", bucket, writer, "", false}, "allowed"},
		{"anybody, listing", request{"s3:ListBucket", bucket, "", "", false}, "not allowed"},
		// By their own policies then.
		{"Terraform, changing the policy", request{"s3:PutBucketPolicy", bucket, admin, "", false}, "not allowed"},
		{"Terraform, deleting the bucket", request{"s3:DeleteBucket", bucket, admin, "", false}, "not allowed"},
		{"Terraform, looking at the bucket", request{"s3:ListBucket", bucket, admin, "", false}, "not allowed"},
	} {
		if got := decide(t, policy, test.request); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func decide(t *testing.T, policy iam.Policy, r request) string {
	t.Helper()
	decision := "not allowed"
	for _, s := range policy {
		if !matches(s.Action, r.action) || !matches(s.Resource, r.resource) || !principalMatches(s.Principal, r.principal) || !conditionsHold(t, s.Condition, r) {
			continue
		}
		if s.Effect == iam.Deny {
			return "denied"
		}
		decision = "allowed"
	}
	return decision
}

// matches knows the one wildcard that the policy has, at the end.
func matches(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return pattern == value || wild && strings.HasPrefix(value, prefix)
	})
}

func principalMatches(principal any, arn string) bool {
	named, isMap := principal.(map[string][]string)
	return !isMap || slices.Contains(named["AWS"], arn)
}

func conditionsHold(t *testing.T, conditions map[string]map[string]any, r request) bool {
	t.Helper()
	values := map[string]string{"aws:SourceVpce": r.endpoint, "aws:PrincipalArn": r.principal, "aws:SecureTransport": map[bool]string{true: "false", false: "true"}[r.insecure]}
	for operator, keys := range conditions {
		for key, want := range keys {
			list, isList := want.([]string)
			if !isList {
				list = []string{want.(string)}
			}
			value, known := values[key]
			if !known {
				t.Fatalf("the test knows no %s", key)
			}
			among := value != "" && slices.Contains(list, value)
			switch operator {
			case "StringEquals", "Bool":
			case "StringNotEquals", "ArnNotEquals":
				among = !among // true where there is no such key
			default:
				t.Fatalf("the test knows no %s", operator)
			}
			if !among {
				return false
			}
		}
	}
	return true
}
