package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/needs"
)

// hosts is what two inventories that are to agree say: the hosts of each group,
// and of each host the variables of tandem, as text.
type hosts struct {
	groups map[string][]string
	vars   map[string]map[string]string
}

// readInventory reads what a dynamic inventory prints with --list.
func readInventory(t *testing.T, program *exec.Cmd) hosts {
	t.Helper()
	var stderr bytes.Buffer
	program.Stderr = &stderr
	out, err := program.Output()
	if strings.Contains(stderr.String(), "import the required Python library") {
		needs.Skip(t, "Ansible's Python lacks boto3")
	}
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", program, err, &stderr)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(out, &parts); err != nil {
		t.Fatal(err)
	}
	h := hosts{groups: map[string][]string{}, vars: map[string]map[string]string{}}
	for name, part := range parts {
		var group struct{ Hosts []string }
		var meta struct{ Hostvars map[string]map[string]any }
		if name == "_meta" {
			err = json.Unmarshal(part, &meta)
		} else if err = json.Unmarshal(part, &group); len(group.Hosts) > 0 && name != "aws_ec2" && name != "all" {
			h.groups[name] = slices.Sorted(slices.Values(group.Hosts))
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for host, vars := range meta.Hostvars {
			h.vars[host] = map[string]string{}
			for key, value := range vars {
				if key == "ansible_host" || strings.HasPrefix(key, "tandem_") {
					h.vars[host][key] = fmt.Sprint(value)
				}
			}
		}
	}
	return h
}

// TestInventoryPlugin has Ansible read pipelines/inventory with its own plugin
// for AWS, which is to say what tandem inventory says.
func TestInventoryPlugin(t *testing.T) {
	needs.Tool(t, "ansible-community") // comes with the collections
	t.Parallel()
	cloud, env := newCloud(t)
	ids := cloud.IDs()
	cloud.Tag(ids[0], map[string]string{fleet.ReleaseTag: "42", fleet.PlaybookTag: "8"})
	cloud.Tag(ids[1], map[string]string{fleet.ReleaseTag: fleet.Broken})

	dir := t.TempDir()
	plugin, err := os.ReadFile("../../pipelines/inventory/tandem.aws_ec2.yml")
	if err != nil {
		t.Fatal(err)
	}
	// Older versions of boto3 know no AWS_ENDPOINT_URL, but read their own data
	// from where they are told.
	rules := filepath.Join("ec2", "2016-11-15", "endpoint-rule-set-1.json")
	for name, content := range map[string]string{
		"tandem.aws_ec2.yml": strings.Replace(string(plugin), "ap-southeast-1", moto.Region, 1),
		rules:                fmt.Sprintf(endpointRules, cloud.URL),
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := func(name string, args ...string) hosts {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), env...), "HOME="+dir, "AWS_DATA_PATH="+dir)
		return readInventory(t, cmd)
	}
	want := list("tandem", "inventory", "--list")
	if len(want.vars) != 3 || want.vars[ids[0]]["tandem_release"] != "42" || want.vars[ids[1]]["tandem_release"] != "" {
		t.Fatalf("tandem says %v", want)
	}
	for _, vars := range want.vars { // no tag tells these
		delete(vars, "tandem_state")
		delete(vars, "tandem_health")
	}
	got := list("ansible-inventory", "-i", "tandem.aws_ec2.yml", "--list")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(hosts{})); diff != "" {
		t.Errorf("the plugin (+) and tandem (-): %s", diff)
	}
}

// endpointRules are those of botocore for a service that is elsewhere.
const endpointRules = `{"version": "1.0", "parameters": {
	"Region": {"type": "String", "builtIn": "AWS::Region", "required": true},
	"Endpoint": {"type": "String", "builtIn": "SDK::Endpoint", "required": false},
	"UseFIPS": {"type": "Boolean", "builtIn": "AWS::UseFIPS", "required": true, "default": false},
	"UseDualStack": {"type": "Boolean", "builtIn": "AWS::UseDualStack", "required": true, "default": false}},
	"rules": [{"conditions": [], "endpoint": {"url": %q}, "type": "endpoint"}]}`
