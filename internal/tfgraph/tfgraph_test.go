package tfgraph

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, text string) Stack {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cdk.tf.json")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	stack, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, stack, want string }{
		{"fine", `{"resource": {"a": {"x-1": {"v": "${b.y.id}", "lifecycle": {"ignore_changes": ["v"]}}, "z": {"depends_on": ["a.x-1"]}}, "b": {"y": {"s": "$${shell}"}}},
			"output": {"o": {"value": "${a.x-1.id}"}}, "data": {"d": {"e": {"w": "${terraform.workspace}"}}}}`, ""},
		{"undeclared", `{"resource": {"a": {"x": {"v": "${b.y.id}"}}}}`, "a.x refers to b.y, which is not declared"},
		{"undeclared data", `{"output": {"o": {"value": "${data.d.e.id}"}}}`, "output.o refers to data.d.e, which is not declared"},
		{"undeclared dependency", `{"resource": {"a": {"x": {"depends_on": ["b.y"]}}}}`, "a.x refers to b.y, which is not declared"},
		{"shell that was not escaped", `{"resource": {"a": {"x": {"user_data": "echo ${HOME}"}}}}`, "a.x refers to HOME, which is not declared"},
		{"does not parse", `{"resource": {"a": {"x": {"v": {"deep": ["${b.y"]}}}}}`, "a.x: v.deep: "},
		{"cycle", `{"resource": {"a": {"x": {"v": "${a.y.id}"}, "y": {"v": "${a.z.id}"}, "z": {"depends_on": ["a.x"]}}}}`, "cycle: a.x -> a.y -> a.z -> a.x"},
		{"another stack's missing output", `{"data": {"terraform_remote_state": {"cross-stack-reference-input-net": {}}},
			"output": {"o": {"value": "${data.terraform_remote_state.cross-stack-reference-input-net.outputs.nope}"}}}`, "output.o: reads output nope of net, which has none of that name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			errs := load(t, test.stack).Check(map[string]Stack{"net": {}})
			if test.want == "" {
				if len(errs) > 0 {
					t.Errorf("got %v, want none", errs)
				}
				return
			}
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), test.want) {
				t.Errorf("got %v, want one: %s", errs, test.want)
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	got, err := Template(`${base64encode("echo \"$${HOME} %%{x}\" \\ ${a.b.arn}\n")}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "echo \"${HOME} %{x}\" \\ <a.b.arn>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
