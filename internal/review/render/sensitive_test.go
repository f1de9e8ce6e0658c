package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

type (
	object = map[string]any
	list   = []any
)

// secret is a value that no rendering may hold; each is another one.
func secret(n int) string { return fmt.Sprintf("tops3cret-%d", n) }

// concealed are resources with what is sensitive in them, in the ways in which
// Terraform marks it.
var concealed = []struct {
	address       string
	before, after object
	// was and is are the marks.
	was, is any
	actions []string
}{
	{"aws_db_instance.attribute", object{"password": secret(1), "name": "a"}, object{"password": secret(2), "name": "b"}, object{"password": true}, object{"password": true}, nil},
	{"aws_db_instance.forcing", object{"password": secret(3)}, object{"password": secret(4)}, object{"password": true}, object{"password": true}, []string{"delete", "create"}},
	{"aws_db_instance.gone", object{"password": secret(5)}, nil, object{"password": true}, false, nil},
	{"aws_x.map", object{"m": object{"a": secret(6), "b": "1"}}, object{"m": object{"a": secret(7), "b": "2"}}, object{"m": object{"a": true}}, object{"m": object{"a": true}}, nil},
	{"aws_x.block", object{"b": list{object{"user": "u", "key": secret(8)}}}, object{"b": list{object{"user": "u", "key": secret(9)}}}, object{"b": true}, object{"b": true}, nil},
	{"aws_x.block_after", object{"b": list{object{"key": secret(10)}}}, object{"b": list{object{"key": secret(11)}}}, object{}, object{"b": true}, nil},
	{"aws_x.block_before", object{"b": list{object{"key": secret(12)}}}, object{"b": list{object{"key": secret(13)}}}, object{"b": true}, object{}, nil},
	{"aws_x.set", object{"env": list{object{"n": "A", "v": secret(14)}, object{"n": "B", "v": "x"}}},
		object{"env": list{object{"n": "B", "v": "y"}, object{"n": "A", "v": secret(15)}, object{"n": "C", "v": secret(16)}}},
		object{"env": list{object{"v": true}, object{}}}, object{"env": list{object{}, object{"v": true}, object{"v": true}}}, nil},
	{"aws_x.deep", object{"x": list{object{"y": list{object{"z": list{secret(17)}}}}}}, object{"x": list{object{"y": list{object{"z": list{secret(18), "k"}}}}}},
		object{"x": list{object{"y": list{object{"z": list{true}}}}}}, object{"x": list{object{"y": list{object{"z": list{true, false}}}}}}, nil},
	{"aws_x.whole", object{"a": secret(19)}, object{"a": secret(20)}, true, true, nil},
	{"aws_sns_topic_subscription.created", nil, object{"protocol": "https", "endpoint": secret(21)}, false, object{"endpoint": true}, nil},
	{"aws_launch_template.script", object{"user_data": secret(22), "instance_type": secret(23)}, object{"user_data": secret(24), "instance_type": secret(25)},
		object{"user_data": true, "instance_type": true}, object{"user_data": true, "instance_type": true}, nil},
	{"aws_iam_role_policy.document", object{"policy": `{"Statement":[{"Effect":"Allow","Action":"s3:Get","Resource":"` + secret(26) + `"}]}`},
		object{"policy": `{"Statement":[{"Effect":"Allow","Action":"` + secret(27) + `:*","Resource":"*"}]}`}, object{"policy": true}, object{"policy": true}, nil},
	{"aws_x.tags", object{"tags": object{"a": secret(28)}}, object{"tags": object{"a": secret(29)}}, object{"tags": true}, object{"tags": true}, nil},
	{"aws_opensearch_domain.known_later", object{"o": list{object{"u": "a", "p": secret(30)}}}, object{"o": list{object{"u": "b", "p": secret(31)}}},
		object{"o": list{object{"p": true}}}, object{"o": list{object{"p": true}}}, nil},
}

// TestNothingSensitive looks for secrets in every rendering of a plan and of a
// state that are full of them.
func TestNothingSensitive(t *testing.T) {
	var changes, resources list
	for _, c := range concealed {
		actions := c.actions
		switch {
		case actions != nil:
		case c.before == nil:
			actions = []string{"create"}
		case c.after == nil:
			actions = []string{"delete"}
		default:
			actions = []string{"update"}
		}
		kind, name, _ := strings.Cut(c.address, ".")
		changes = append(changes, object{"address": c.address, "type": kind, "name": name, "mode": "managed", "change": object{
			"actions": actions, "before": c.before, "after": c.after, "before_sensitive": c.was, "after_sensitive": c.is, "replace_paths": list{list{"password"}}}})
		if c.before != nil && !strings.HasSuffix(c.address, "_after") { // of that one only what comes is marked
			resources = append(resources, object{"address": c.address, "type": kind, "name": name, "mode": "managed", "values": c.before, "sensitive_values": c.was})
		}
	}
	for name, document := range map[string]object{
		"plan": {"format_version": "1.2", "resource_changes": changes, "variables": object{"v": object{"value": secret(90)}},
			"output_changes": object{"o": object{"actions": list{"update"}, "before": secret(91), "after": secret(92)}},
			"configuration":  object{"root_module": object{"variables": object{"v": object{"default": secret(93), "sensitive": true}}}}},
		"state": {"format_version": "1.0", "values": object{"outputs": object{"o": object{"value": secret(94)}}, "root_module": object{"resources": resources}}},
	} {
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Read(name+".json", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		on := config(t)
		on.Region = "us-east-1"
		r, err := review.New(t.Context(), []*plan.Plan{p}, on)
		if err != nil {
			t.Fatal(err)
		}
		for format := range formats {
			text := rendered(t, format, r)
			if i := strings.Index(text, "tops3cret"); i >= 0 {
				t.Errorf("%s of the %s shows a secret: %q", format, name, text[max(0, i-200):i+20])
			}
			if name == "plan" && format == "md" && strings.Count(text, "sensitive") < 10 {
				t.Errorf("the comment does not say what it hides:\n%s", text)
			}
		}
	}
}
