package stacks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/spec"
)

// Summary says what Synth wrote for one stack.
type Summary struct {
	// Stack is the stack's name.
	Stack string
	// Resources counts the resources Terraform will manage.
	Resources int
	// Change is new, changed, unchanged or, for a stack that is gone, removed.
	Change string
	// File holds the stack's Terraform.
	File string
}

// Synth writes the Terraform of an environment into outDir, as cdktf does:
// stacks/<stack>/cdk.tf.json and manifest.json. Nothing there changes before
// all of it is synthesized; then files are renamed into place one by one, the
// manifest last, and those of stacks that are gone removed. What Terraform
// keeps beside them stays. If the environment is invalid it returns a
// check.Errors.
//
// When ctx ends first, nothing changes either; the call in progress is waited for.
func Synth(ctx context.Context, env spec.Environment, outDir string) ([]Summary, error) {
	if os.Getenv("SYNTH_HCL_OUTPUT") == "true" { // set by cdktf synth --hcl
		return nil, errors.New("cdktf writes HCL that Terraform cannot read where a string holds quotes, as policies do: synthesize JSON, without --hcl")
	}
	env = env.WithDefaults()
	if err := env.Validate(); err != nil {
		return nil, err
	}
	work, outDir, err := stage(outDir)
	if err != nil {
		return nil, err
	}
	defer os.Remove(outDir) // if it is empty: nothing came of it
	defer os.RemoveAll(work)

	done := make(chan error, 1)
	go func() { done <- synthInto(env, work) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = <-done // or the kernel would go on writing into what is being removed
		if err == nil {
			err = errors.New("interrupted: the output is as it was")
		}
	}
	if err != nil {
		return nil, err
	}
	return publish(work, outDir)
}

// stage makes the output directory and a directory in it to synthesize into,
// from where files can be renamed to their places.
func stage(outDir string) (work, absolute string, err error) {
	if absolute, err = filepath.Abs(outDir); err != nil {
		return "", "", err
	}
	if err = os.MkdirAll(absolute, 0o777); err != nil {
		return "", "", err
	}
	removeAbandoned(absolute)
	work, err = os.MkdirTemp(absolute, stagePrefix)
	return work, absolute, err
}

const (
	stagePrefix = ".synth-"
	// abandoned is the age at which no synthesis still uses its directory.
	abandoned = time.Hour
)

// removeAbandoned removes what killed runs left behind. What it cannot remove
// is in nobody's way.
func removeAbandoned(outDir string) {
	left, _ := filepath.Glob(filepath.Join(outDir, stagePrefix+"*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > abandoned {
			os.RemoveAll(dir)
		}
	}
}

// synthInto turns the panics by which jsii reports errors into errors. A
// mistake in Go stays a panic.
func synthInto(env spec.Environment, dir string) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			panic(r)
		default:
			err = fmt.Errorf("synthesis: %s", firstLines(fmt.Sprint(r)))
		}
	}()
	app := cdktf.NewApp(&cdktf.AppConfig{Outdir: &dir})
	if err := Build(app, env); err != nil {
		return err
	}
	app.Synth()
	return nil
}

// firstLines drops what follows the message: the kernel's JavaScript stack.
func firstLines(message string) string {
	message, _, _ = strings.Cut(message, "\n    at ")
	return strings.TrimSpace(message)
}

// manifest is cdktf's index of an output directory.
type manifest struct {
	Stacks map[string]struct {
		Path         string   `json:"synthesizedStackPath"`
		Dependencies []string `json:"dependencies"`
	} `json:"stacks"`
}

// order lists the stacks as they can be deployed: what others need comes first.
func (m manifest) order() []string {
	depth := map[string]int{}
	var measure func(name string) int
	measure = func(name string) int {
		if _, known := depth[name]; !known {
			depth[name] = 0 // a stack that needs itself would never end
			for _, needed := range m.Stacks[name].Dependencies {
				depth[name] = max(depth[name], measure(needed)+1)
			}
		}
		return depth[name]
	}
	names := slices.Sorted(maps.Keys(m.Stacks))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(measure(a), measure(b)) })
	return names
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	for _, stack := range m.Stacks {
		if !filepath.IsLocal(stack.Path) {
			return m, fmt.Errorf("manifest.json leads to %s", stack.Path)
		}
	}
	return m, nil
}

// publish moves a finished synthesis from work to outDir, the manifest last,
// and takes away the Terraform of stacks that are gone.
func publish(work, outDir string) ([]Summary, error) {
	made, err := readManifest(work)
	if err != nil {
		return nil, err
	}
	before, err := readManifest(outDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no output of an earlier run: %w", outDir, err)
	}
	var summaries []Summary
	for _, name := range made.order() {
		path := made.Stacks[name].Path
		s, err := summarize(name, filepath.Join(work, path), filepath.Join(outDir, path))
		if err != nil {
			return nil, err
		}
		summaries = append(summaries, s)
	}
	for _, s := range summaries {
		if err := moveAll(filepath.Join(work, filepath.Dir(made.Stacks[s.Stack].Path)), filepath.Dir(s.File)); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(filepath.Join(work, "manifest.json"), filepath.Join(outDir, "manifest.json")); err != nil {
		return nil, err
	}
	for _, name := range before.order() {
		if _, kept := made.Stacks[name]; kept {
			continue
		}
		file := filepath.Join(outDir, before.Stacks[name].Path)
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		os.Remove(filepath.Dir(file)) // unless Terraform keeps something there
		summaries = append(summaries, Summary{Stack: name, Change: "removed", File: file})
	}
	return summaries, nil
}

// summarize compares a stack's new Terraform with what is there.
func summarize(name, from, to string) (Summary, error) {
	made, err := os.ReadFile(from)
	if err != nil {
		return Summary{}, err
	}
	change := "unchanged"
	switch before, err := os.ReadFile(to); {
	case errors.Is(err, os.ErrNotExist):
		change = "new"
	case err != nil:
		return Summary{}, err
	case string(before) != string(made):
		change = "changed"
	}
	resources, err := countResources(made)
	if err != nil {
		return Summary{}, fmt.Errorf("stack %s: %w", name, err)
	}
	return Summary{Stack: name, Resources: resources, Change: change, File: to}, nil
}

// moveAll renames every file of one directory into another on the same file system.
func moveAll(from, to string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Rename(filepath.Join(from, file.Name()), filepath.Join(to, file.Name())); err != nil {
			return err
		}
	}
	return nil
}

func countResources(tfJSON []byte) (int, error) {
	var config struct {
		Resource map[string]map[string]json.RawMessage `json:"resource"`
	}
	err := json.Unmarshal(tfJSON, &config)
	n := 0
	for _, byName := range config.Resource {
		n += len(byName)
	}
	return n, err
}
