package terraform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// stackFile is what CDKTF calls a stack's Terraform.
const stackFile = "cdk.tf.json"

// Read finds the clusters in a file, in a stack's directory, or in all stacks
// below a directory. Errors are check.InputError: nothing to read, a format or
// version that is not known, not one group.
func Read(path string, cfg Config) ([]Cluster, error) {
	files, err := filesOf(path)
	if err != nil {
		return nil, check.InputError{Err: err}
	}
	stacks := map[string]*stack{}
	var documents []*document
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, check.InputError{Err: err}
		}
		d, s, err := parse(file, data, cfg)
		if err != nil {
			return nil, err
		}
		if s != nil {
			s.others = stacks
			stacks[filepath.Base(filepath.Dir(file))] = s
		}
		documents = append(documents, d)
	}
	return find(path, documents, cfg)
}

// Parse is Read of a file that has been read; name is printed with faults.
func Parse(name string, data []byte, cfg Config) ([]Cluster, error) {
	d, _, err := parse(name, data, cfg)
	if err != nil {
		return nil, err
	}
	return find(name, []*document{d}, cfg)
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".terraform" {
			return filepath.SkipDir
		}
		if err == nil && entry.Name() == stackFile {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no %s in it: want a stack that was synthesized, or a file of terraform show -json", path, stackFile)
	}
	return files, err
}

// parse tells the formats apart. The stack is set for cdk.tf.json only.
func parse(name string, data []byte, cfg Config) (d *document, s *stack, err error) {
	// Neither the JSON nor the expressions in it are ours: whatever a library
	// makes of them, to the user it is a file that cannot be read.
	defer func() {
		if r := recover(); r != nil {
			err = check.InputErrorf("%s: cannot be read: %v", name, r)
		}
	}()
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return nil, nil, check.InputErrorf("%s is a plan in Terraform's own format, want JSON: terraform show -json %s > plan.json", name, name)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &top); err != nil {
		return nil, nil, check.InputErrorf("%s: %w, want %s, or the JSON of terraform show -json", name, notJSON(err), stackFile)
	}
	has := func(key string) bool { return len(top[key]) > 0 }
	switch {
	case has("planned_values") || has("resource_changes"):
		d, err = parsePlan(name, data)
	case has("format_version") && (has("values") || len(top) <= 2):
		d, err = parseState(name, data)
	case has("lineage") || has("terraform_version") && has("serial"):
		return nil, nil, check.InputErrorf("%s is a state file as Terraform keeps it, want JSON: terraform show -json %s > state.json", name, name)
	case has("resource") || has("terraform") || has("data") || has("output") || has("locals") || has("provider"):
		d, s, err = parseStack(name, data, cfg)
	default:
		return nil, nil, check.InputErrorf("%s is JSON that is not Terraform's, want %s, or that of terraform show -json", name, stackFile)
	}
	if err != nil {
		return nil, nil, check.InputErrorf("%s: %w", name, err)
	}
	return d, s, nil
}

func notJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON (%w at byte %d)", err, syntax.Offset)
	}
	return fmt.Errorf("not a JSON object (%w)", err)
}

// find returns the clusters of all documents.
func find(path string, documents []*document, cfg Config) (found []Cluster, err error) {
	defer func() { // expressions are evaluated here
		if r := recover(); r != nil {
			err = check.InputErrorf("%s: cannot be read: %v", path, r)
		}
	}()
	ignored := map[string]bool{}
	for _, address := range cfg.Ignore {
		ignored[address] = false
	}
	var addresses []string
	for _, d := range documents {
		for _, r := range d.resources {
			addresses = append(addresses, r.address)
		}
		d.ignore(ignored)
	}
	for _, address := range cfg.Ignore {
		if !ignored[address] {
			if len(addresses) == 0 {
				addresses = []string{"none"}
			}
			return nil, check.InputErrorf("%s: nothing to ignore at %s; %s", path, address, check.Suggest(address, addresses))
		}
	}
	for _, d := range documents {
		found = append(found, d.clusters(cfg)...)
	}
	if len(found) == 0 {
		for _, d := range documents {
			if refused := (Cluster{Findings: order(d.findings)}).refusals(); refused != "" {
				return nil, check.InputErrorf("%s has no aws_autoscaling_group in it that can be simulated:\n%s", path, refused)
			}
		}
		return nil, check.InputErrorf("%s has no aws_autoscaling_group in it, want one at least", path)
	}
	slices.SortStableFunc(found, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	unique(found)
	return found, nil
}

// unique adds a group's address to names that several clusters have.
func unique(clusters []Cluster) {
	seen := map[string]int{}
	for _, c := range clusters {
		seen[c.Name]++
	}
	for i := range clusters {
		if c := &clusters[i]; seen[c.Name] > 1 {
			c.Name += " (" + c.Groups[0].Address + ")"
		}
	}
}
