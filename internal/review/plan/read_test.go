package plan_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ input, want string }{
		"empty":           {"", "p.json is empty; want the output of terraform show -json PLANFILE"},
		"spaces":          {" \n", `p.json is cut off before anything of it; print it again with: terraform show -json PLANFILE`},
		"binary":          {"PK\x03\x04\x14\x00", "p.json is a binary plan; convert it with: terraform show -json p.json > plan.json"},
		"PowerShell":      {"\xff\xfe{\x00}\x00", "p.json is UTF-16, as PowerShell's > writes it; want UTF-8: terraform show -json PLANFILE | Out-File -Encoding utf8 plan.json"},
		"text":            {"Terraform will perform", "p.json is no plan: byte 0 is not JSON; want the output of terraform show -json PLANFILE"},
		"a list":          {"[]", "p.json is no plan: it is JSON, but not an object; want the output of terraform show -json PLANFILE"},
		"another object":  {`{"a":1}`, "p.json is no plan: it has no format_version; want the output of terraform show -json PLANFILE"},
		"no state":        {`{"format_version":"1.0"}`, "p.json has neither changes nor values, as terraform show -json prints where there is no state; want a plan"},
		"a state file":    {`{"version":4,"serial":1,"lineage":"x","resources":[]}`, "p.json is a state file, which does not say what is sensitive; convert it with: terraform show -json p.json > state.json"},
		"configuration":   {`{"terraform":{},"resource":{}}`, "p.json is Terraform configuration, not a plan; tandem review --synth BASE_DIR HEAD_DIR compares configuration"},
		"newer":           {`{"format_version":"2.0","resource_changes":[]}`, `p.json has format_version "2.0", want >= 0.1, < 2.0: Terraform changed the format of a plan, and this tandem does not know it`},
		"newer state":     {`{"format_version":"9","values":{}}`, `p.json has format_version "9", want >= 0.1, < 2.0: Terraform changed the format of a state, and this tandem does not know it`},
		"no version":      {`{"resource_changes":[]}`, `p.json has format_version "", want >= 0.1, < 2.0: Terraform changed the format of a plan, and this tandem does not know it`},
		"errored":         {`{"format_version":"1.2","errored":true,"resource_changes":[]}`, "p.json is a plan that ended with errors and cannot be applied; mend what terraform plan reported and plan again"},
		"cut off":         {`{"format_version":"1.2","resource_changes":[{"address":"aws_lb.a`, `p.json is cut off in the middle of "resource_changes"; print it again with: terraform show -json PLANFILE`},
		"two":             {`{"format_version":"1.2","resource_changes":[]}{}`, "p.json holds more than one JSON document; want one plan a file"},
		"no list":         {`{"format_version":"1.2","resource_changes":{}}`, "p.json is no plan: resource_changes is not a list"},
		"no object":       {`{"format_version":"1.2","resource_changes":[1]}`, "p.json is no plan: resource_changes is not an object"},
		"no address":      {`{"format_version":"1.2","resource_changes":[{}]}`, "p.json is no plan: a resource change has no address or no type"},
		"no actions":      {`{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"a"}]}`, "p.json is no plan: a.b has no actions"},
		"attributes":      {`{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"a","change":{"actions":["update"],"before":1,"after":2}}]}`, "p.json is no plan: a.b: its attributes are not an object"},
		"state resources": {`{"format_version":"1.0","values":{"root_module":{"resources":[{}]}}}`, "p.json is no plan: a resource has no address or no type"},
	} {
		_, err := plan.Read("p.json", strings.NewReader(c.input))
		var input check.InputError
		if err == nil || err.Error() != c.want || !errors.As(err, &input) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got  %v\nwant %s", name, err, c.want)
		}
	}
	if _, err := plan.Read("a b'.json", strings.NewReader("PK\x03\x04")); err == nil || !strings.Contains(err.Error(), `terraform show -json 'a b'\''.json' >`) {
		t.Errorf("the command is not quoted: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestReadFails(t *testing.T) {
	var input check.InputError
	if _, err := plan.Read("p.json", brokenReader{}); err == nil || errors.As(err, &input) || !strings.Contains(err.Error(), "p.json: disk on fire") {
		t.Errorf("got %v, want the file and the reason, and not the user's fault", err)
	}
}

func read(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Read("p.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestByteOrderMark(t *testing.T) {
	if p := read(t, "\xef\xbb\xbf"+`{"format_version":"1.2","resource_changes":[]}`); p.Kind != plan.KindPlan {
		t.Errorf("it is a %s", p.Kind)
	}
}

// A truncated real plan is refused wherever it is cut.
func TestTruncatedAnywhere(t *testing.T) {
	data, err := os.ReadFile("../testdata/risky.json")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimSpace(data)
	for n := 1; n < len(data); n += len(data)/97 + 1 {
		_, err := plan.Read("p.json", bytes.NewReader(data[:n]))
		if err == nil || !strings.Contains(err.Error(), "is cut off") {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestState(t *testing.T) {
	p := read(t, `{"format_version":"1.0","terraform_version":"1.11.4","values":{"root_module":{
		"resources":[{"address":"aws_lb.a","mode":"managed","type":"aws_lb","name":"a","values":{"name":"x"}},{"address":"data.aws_ami.a","mode":"data","type":"aws_ami","name":"a","values":{}}],
		"child_modules":[{"address":"module.m[\"k\"]","resources":[{"address":"module.m[\"k\"].aws_db_instance.d","mode":"managed","type":"aws_db_instance","name":"d","values":{"password":"hunter2"},"sensitive_values":{"password":true}}]}]}}}`)
	if p.Kind != plan.KindState || len(p.Changes) != 2 || len(p.Notes) != 1 {
		t.Fatalf("%+v", p)
	}
	db := p.Changes[1]
	if db.Static() != "module.m.aws_db_instance.d" || db.Module != `module.m["k"]` {
		t.Errorf("%+v", db)
	}
	if _, hidden := db.After["password"].(plan.Sensitive); !hidden {
		t.Errorf("the password is %v", db.After["password"])
	}
}

// References lead through variables and outputs of modules.
func TestReferences(t *testing.T) {
	p := read(t, `{"format_version":"1.2","resource_changes":[
		{"address":"module.web[\"a.b]\"].aws_autoscaling_policy.p","module_address":"module.web[\"a.b]\"]","mode":"managed","type":"aws_autoscaling_policy","name":"p","change":{"actions":["create"],"after":{}}}],
	"configuration":{"root_module":{
		"resources":[{"address":"aws_subnet.s","mode":"managed","type":"aws_subnet","name":"s"}],
		"module_calls":{
			"groups":{"module":{"outputs":{"name":{"expression":{"references":["aws_autoscaling_group.g.name","aws_autoscaling_group.g"]}}}}},
			"web":{"expressions":{"group":{"references":["module.groups.name","module.groups"]},"loop":{"references":["var.loop"]}},
				"module":{"resources":[{"address":"aws_autoscaling_policy.p","mode":"managed","type":"aws_autoscaling_policy","name":"p","expressions":{
					"autoscaling_group_name":{"references":["var.group"]},"name":{"constant_value":"p"},"loop":{"references":["var.loop","local.x","each.value","data.aws_ami.a.id"]}}}]}}}}}}`)
	c := p.Changes[0]
	for attribute, want := range map[string]string{
		"autoscaling_group_name": "module.groups.aws_autoscaling_group.g",
		"loop":                   "module.web.data.aws_ami.a", "name": "", "cooldown": "",
	} {
		if got := strings.Join(p.References(c, attribute), " "); got != want {
			t.Errorf("%s refers to %q, want %q", attribute, got, want)
		}
	}
	for attribute, want := range map[string]bool{"name": true, "cooldown": false} {
		if set, known := p.Configured(c, attribute); set != want || !known {
			t.Errorf("%s: set %t, known %t", attribute, set, known)
		}
	}
}

func TestNotes(t *testing.T) {
	p := read(t, `{"format_version":"1.2","complete":false,"resource_changes":[],"output_changes":{"a":{"actions":["update"],"after":"s3cret"},"b":{"actions":["no-op"]}},
		"checks":[{"address":{"to_display":"check.dns"},"status":"fail"},{"address":{"to_display":"check.ok"},"status":"pass"}]}`)
	if len(p.Notes) != 2 || !strings.Contains(p.Notes[0], "partial") || !strings.Contains(p.Notes[1], "check.dns") || strings.Join(p.Outputs, " ") != "a" {
		t.Errorf("notes %q, outputs %q", p.Notes, p.Outputs)
	}
}
