package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/tfgraph"
	"github.com/tandem-iac/tandem/spec"
	"github.com/tandem-iac/tandem/stacks"
)

// synthesizedDir is made and removed around all tests.
var synthesizedDir string

// exampleOut is where the example environment has been synthesized.
var exampleOut = synthesized("tandem.yaml")

// synthesized returns a function that synthesizes a description below
// synthesizedDir, once for all tests, which only read it.
func synthesized(description string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		env, err := spec.Load(description)
		if err != nil {
			return "", err
		}
		dir := filepath.Join(synthesizedDir, env.Name)
		_, err = stacks.Synth(context.Background(), env, dir)
		return dir, err
	})
}

// example returns the stacks of tandem.yaml by name.
func example(t *testing.T) map[string]tfgraph.Stack { return stacksOf(t, exampleOut) }

func stacksOf(t *testing.T, synthesized func() (string, error)) map[string]tfgraph.Stack {
	t.Helper()
	dir, err := synthesized()
	if err != nil {
		t.Fatal(err)
	}
	return loadStacks(t, dir)
}

func loadStacks(t *testing.T, dir string) map[string]tfgraph.Stack {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "stacks", "*", "cdk.tf.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stacks in %s: %v", dir, err)
	}
	byName := map[string]tfgraph.Stack{}
	for _, file := range files {
		stack, err := tfgraph.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		byName[filepath.Base(filepath.Dir(file))] = stack
	}
	return byName
}

func TestSnapshots(t *testing.T) {
	names := slices.Sorted(maps.Keys(example(t)))
	if want := []string{"prod-delivery", "prod-dogmatix", "prod-monitoring", "prod-network", "prod-obelix"}; !slices.Equal(names, want) {
		t.Errorf("got stacks %v, want %v", names, want)
	}
	compareSnapshots(t, exampleOut, names...)
}

func compareSnapshots(t *testing.T, synthesized func() (string, error), names ...string) {
	t.Helper()
	dir, err := synthesized()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, "stacks", name, "cdk.tf.json"))
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", "stacks", name+".json"), data)
	}
}

func TestGraph(t *testing.T) { checkGraph(t, example(t)) }

func checkGraph(t *testing.T, all map[string]tfgraph.Stack) {
	t.Helper()
	for name, stack := range all {
		for _, err := range stack.Check(all) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUserData reads user data as Terraform will hand it to a machine.
func TestUserData(t *testing.T) {
	const preamble = `export proxy="${PROXY:-http://proxy:3128}" # %{ a comment } \ $${x} }
trap 'echo "${BASH_SOURCE[0]} failed"' ERR; f() { echo "${1}"; }`
	env, err := spec.Load("tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := env.Clusters["dogmatix"]
	c.Bootstrap.Preamble = preamble
	env.Clusters["dogmatix"] = c
	dir := t.TempDir()
	if _, err := stacks.Synth(t.Context(), env, dir); err != nil {
		t.Fatal(err)
	}
	all := loadStacks(t, dir)
	for _, err := range all["prod-dogmatix"].Check(all) {
		t.Error(err)
	}
	for address, template := range all["prod-dogmatix"].Resources["aws_launch_template"] {
		script := userData(t, all["prod-dogmatix"], template)
		if !strings.Contains(script, "\n"+preamble+"\n") {
			t.Errorf("%s: the preamble does not arrive as it was written:\n%s", address, script)
		}
		if want := "s3://<data.terraform_remote_state.cross-stack-reference-input-prod-delivery.outputs."; !strings.Contains(script, want) {
			t.Errorf("%s: no %s… in\n%s", address, want, script)
		}
		if len(script) > 16<<10 {
			t.Errorf("%s: user data has %d bytes", address, len(script))
		}
		checkShell(t, script)
	}
}

// userData is a template's script, each reference in it as <address.path>.
func userData(t *testing.T, stack tfgraph.Stack, template tfgraph.Block) string {
	t.Helper()
	local, ok := strings.CutPrefix(template["user_data"].(string), "${base64encode(local.")
	if !ok {
		t.Fatalf("user_data is %s", template["user_data"])
	}
	script, err := tfgraph.Template(stack.Locals[strings.TrimSuffix(local, ")}")].(string))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// checkShell has bash and shellcheck read a script.
func checkShell(t *testing.T, script string) {
	t.Helper()
	needs.Tool(t, "shellcheck")
	for _, tool := range [][]string{{"bash", "-n", "-s"}, {"shellcheck", "--severity=warning", "-"}} {
		cmd := exec.Command(tool[0], tool[1:]...)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", tool[0], err, out)
		}
	}
}

// TestOneMoreCluster is the everyday change: a third cluster touches nothing but
// what watches it.
func TestOneMoreCluster(t *testing.T) {
	data, err := os.ReadFile("tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	third := `
  getafix:
    certificate_arn: arn:aws:acm:ap-southeast-1:123456789012:certificate/third
    on_demand: {instance_type: t3.small}
`
	env, err := spec.Parse("tandem.yaml", append(bytes.Clone(data), third...))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	example, err := exampleOut()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	changes := func(summaries []stacks.Summary) string {
		var list []string
		for _, s := range summaries {
			list = append(list, s.Stack+" "+s.Change)
		}
		return strings.Join(list, ", ")
	}
	killed := filepath.Join(dir, ".synth-killed")
	old := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.Mkdir(killed, 0o700), os.Chtimes(killed, old, old)); err != nil {
		t.Fatal(err)
	}
	summaries, err := stacks.Synth(t.Context(), env, dir)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".synth-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if got, want := changes(summaries), "prod-delivery unchanged, prod-network unchanged, prod-dogmatix unchanged, prod-getafix new, prod-obelix unchanged, prod-monitoring changed"; got != want {
		t.Errorf("with a third cluster got %s, want %s", got, want)
	}

	// Terraform's own files stay where they are when the cluster goes again.
	lock := filepath.Join(dir, "stacks", "prod-getafix", ".terraform.lock.hcl")
	if err := os.WriteFile(lock, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	env, err = spec.Parse("tandem.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	summaries, err = stacks.Synth(t.Context(), env, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := changes(summaries), "prod-delivery unchanged, prod-network unchanged, prod-dogmatix unchanged, prod-obelix unchanged, prod-monitoring changed, prod-getafix removed"; got != want {
		t.Errorf("without it got %s, want %s", got, want)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Error(err)
	}
}

// TestExistingNetwork puts a cluster of a named image into a VPC that exists:
// there is no network stack, and nothing else refers to one.
func TestExistingNetwork(t *testing.T) {
	env, err := spec.Parse("existing.yaml", []byte(`
environment: prod
region: ap-southeast-1
on_demand_prices: {m4.large: 0.125}
network:
  existing:
    vpc_id: vpc-0123456789abcdef0
    public_subnet_ids: [subnet-00000000000000001, subnet-00000000000000002]
    private_subnet_ids: [subnet-00000000000000003, subnet-00000000000000004]
clusters:
  web:
    certificate_arn: arn:aws:acm:ap-southeast-1:123456789012:certificate/web
    instance: {ami: {id: ami-0123456789abcdef0}}
`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := stacks.Synth(t.Context(), env, dir); err != nil {
		t.Fatal(err)
	}
	all := loadStacks(t, dir)
	if names := slices.Sorted(maps.Keys(all)); !slices.Equal(names, []string{"prod-delivery", "prod-monitoring", "prod-web"}) {
		t.Errorf("got stacks %v", names)
	}
	web := all["prod-web"]
	for _, err := range web.Check(all) {
		t.Error(err)
	}
	for address, group := range web.Resources["aws_autoscaling_group"] {
		if got, want := fmt.Sprint(group["vpc_zone_identifier"]), "[subnet-00000000000000003 subnet-00000000000000004]"; got != want {
			t.Errorf("%s is in %s, want %s", address, got, want)
		}
	}
	for address, template := range web.Resources["aws_launch_template"] {
		if template["image_id"] != "ami-0123456789abcdef0" {
			t.Errorf("%s starts from %v", address, template["image_id"])
		}
	}
}

// TestPackages describes a bucket of packages: the delivery stack refers to the
// network's endpoint, machines to the bucket, and all else stays as it is.
func TestPackages(t *testing.T) {
	env, err := spec.Load("tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env.Delivery.Packages = &spec.Packages{Writers: []string{"arn:aws:iam::123456789012:role/packages"}}
	dir := t.TempDir()
	if _, err := stacks.Synth(t.Context(), env, dir); err != nil {
		t.Fatal(err)
	}
	all, before := loadStacks(t, dir), example(t)
	for name, stack := range all {
		for _, err := range stack.Check(all) {
			t.Errorf("%s: %v", name, err)
		}
		for kind, resources := range before[name].Resources {
			for address := range resources {
				if stack.Resources[kind][address] == nil {
					t.Errorf("%s: %s.%s has another address", name, kind, address)
				}
			}
		}
	}
	policy := ""
	for address, block := range all["prod-delivery"].Resources["aws_s3_bucket_policy"] {
		if strings.HasPrefix(address, "delivery_packages_policy_") {
			policy = fmt.Sprint(block["policy"])
		}
	}
	if want := `"aws:SourceVpce":"${data.terraform_remote_state.cross-stack-reference-input-prod-network.outputs.`; !strings.Contains(policy, want) {
		t.Errorf("no %s in %s", want, policy)
	}
	for name := range env.Clusters {
		locals := fmt.Sprint(all["prod-"+name].Locals)
		if want := `TANDEM_PACKAGES_URL=https://${data.terraform_remote_state.cross-stack-reference-input-prod-delivery.outputs.`; strings.Count(locals, want) != 2 {
			t.Errorf("%s: no %q for both groups in %s", name, want, locals)
		}
	}
	if strings.Contains(fmt.Sprint(before), "TANDEM_PACKAGES_URL") {
		t.Error("machines look for packages where no bucket is described")
	}
}

// TestS3State keeps the state in a bucket, with a lock file beside it.
func TestS3State(t *testing.T) {
	env, err := spec.Load("tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env.State = spec.State{S3: &spec.S3State{Bucket: "example-state"}}
	env.Account = "123456789012"
	dir := t.TempDir()
	if _, err := stacks.Synth(t.Context(), env, dir); err != nil {
		t.Fatal(err)
	}
	all := loadStacks(t, dir)
	for name, stack := range all {
		for _, err := range stack.Check(all) {
			t.Errorf("%s: %v", name, err)
		}
		got, _ := json.Marshal(stack.Terraform["backend"])
		want := `{"s3":{"bucket":"example-state","encrypt":true,"key":"tandem/ap-southeast-1/` + name + `.tfstate","region":"ap-southeast-1","use_lockfile":true}}`
		if string(got) != want {
			t.Errorf("%s: backend is %s, want %s", name, got, want)
		}
	}
}

// TestTerraformReads has Terraform read every stack as far as it goes without
// the provider: it loads the configuration and tells what it requires. State is
// left out, as reading it takes an `init`; Terraform formats no JSON.
func TestTerraformReads(t *testing.T) {
	needs.Tool(t, "terraform")
	dir, err := exampleOut()
	if err != nil {
		t.Fatal(err)
	}
	for name := range example(t) {
		data, err := os.ReadFile(filepath.Join(dir, "stacks", name, "cdk.tf.json"))
		if err != nil {
			t.Fatal(err)
		}
		work := t.TempDir()
		if err := os.WriteFile(filepath.Join(work, "cdk.tf.json"), withoutState(t, data), 0o666); err != nil {
			t.Fatal(err)
		}
		terraform(t, work, "get")
		if out, want := terraform(t, work, "providers"), "provider[registry.terraform.io/hashicorp/aws] 5.99.1"; !strings.Contains(out, want) {
			t.Errorf("%s: terraform providers prints\n%swant %s in it", name, out, want)
		}
	}
}

// withoutState takes away what makes Terraform ask for an `init` first.
func withoutState(t *testing.T, stack []byte) []byte {
	t.Helper()
	var config map[string]map[string]any
	if err := json.Unmarshal(stack, &config); err != nil {
		t.Fatal(err)
	}
	delete(config["terraform"], "backend")
	delete(config["data"], "terraform_remote_state")
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func terraform(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("terraform", args...)
	cmd.Dir = dir
	// A configuration file of the user's is none of the test's business.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "TF_") }), "CHECKPOINT_DISABLE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
