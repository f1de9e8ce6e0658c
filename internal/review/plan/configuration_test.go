package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/review/plan"
)

// synthesized writes stacks as CDKTF does.
func synthesized(t *testing.T, stacks map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range stacks {
		if err := os.MkdirAll(filepath.Join(dir, "stacks", name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stacks", name, "cdk.tf.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestConfiguration(t *testing.T) {
	base := synthesized(t, map[string]string{"gone": `{"resource":{"aws_lb":{"a":{"name":"a"}}}}`, "web": `{
		"provider":{"aws":[{"region":"eu-west-1"}]}, "output":{"same":{"value":1},"other":{"value":1},"removed":{"value":1}},
		"locals":{"script":"#!/bin/sh\necho a\n"},
		"resource":{
			"aws_lb":{"same":{"name":"a","//":{"metadata":1}},"renamed":{"name":"a"},"changed":{"name":"a","idle_timeout":1},"removed":{"name":"a"}},
			"aws_lb_target_group":{"renamed":{"name":"a","lifecycle":{"create_before_destroy":true}}},
			"aws_sns_topic_subscription":{"s":{"topic_arn":"${aws_sns_topic.t.arn}","protocol":"email","endpoint":"a@example.com"}},
			"aws_launch_template":{"t":{"user_data":"${base64encode(local.script)}"}},
			"aws_secretsmanager_secret_version":{"v":{"secret_id":"s","secret_string":"hunter1"}}}}`})
	head := synthesized(t, map[string]string{"new": `{"resource":{"aws_lb":{"a":{"name":"a"}}}}`, "web": `{
		"provider":{"aws":[{"region":"eu-west-1"}]}, "output":{"same":{"value":1},"other":{"value":2},"added":{"value":1}},
		"locals":{"script":"#!/bin/sh\necho b\n"},
		"resource":{
			"aws_lb":{"same":{"name":"a","//":{"metadata":2}},"renamed":{"name":"b"},"changed":{"name":"a","idle_timeout":2},"added":{"name":"a"}},
			"aws_lb_target_group":{"renamed":{"name":"b","lifecycle":{"create_before_destroy":true}}},
			"aws_sns_topic_subscription":{"s":{"topic_arn":"${aws_sns_topic.t.arn}","protocol":"email","endpoint":"b@example.com"}},
			"aws_launch_template":{"t":{"user_data":"${base64encode(local.script)}"}},
			"aws_secretsmanager_secret_version":{"v":{"secret_id":"s","secret_string":"hunter2"}}}}`})
	plans, err := plan.Configuration(base, head)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range plans {
		got = append(got, fmt.Sprintf("%s in %q: outputs %q, notes %d", p.Name, p.Region, p.Outputs, len(p.Notes)))
		for _, c := range p.Changes {
			got = append(got, fmt.Sprint(c.Address, " ", c.Actions, " ", c.Replace))
			if text := fmt.Sprint(c.Before, c.After); strings.Contains(text, "hunter") {
				t.Errorf("%s shows %s", c.Address, text)
			}
		}
	}
	want := []string{
		`gone in "": outputs [], notes 1`, "aws_lb.a [delete] []",
		`new in "": outputs [], notes 1`, "aws_lb.a [create] []",
		`web in "eu-west-1": outputs ["added" "other" "removed"], notes 0`,
		"aws_launch_template.t [update] []",
		"aws_lb.added [create] []", "aws_lb.changed [update] []", "aws_lb.removed [delete] []", "aws_lb.renamed [delete create] [name]", "aws_lb.same [no-op] []",
		"aws_lb_target_group.renamed [create delete] [name]",
		"aws_secretsmanager_secret_version.v [delete create] [secret_string]",
		"aws_sns_topic_subscription.s [delete create] [endpoint]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigurationRefuses(t *testing.T) {
	good := synthesized(t, map[string]string{"web": `{}`})
	for text, want := range map[string]string{
		`[`:                          "is not Terraform in JSON; synthesize it again",
		`[]`:                         "is not Terraform in JSON; synthesize it again",
		`{"resource":{"a":{"b":1}}}`: "resource a.b is not an object; synthesize it again",
	} {
		if _, err := plan.Configuration(good, synthesized(t, map[string]string{"web": text})); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
