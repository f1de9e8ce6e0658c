package cli

import (
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// job is a pipeline: what it is asked for, and its shell.
type job struct {
	// variables are those it sets for its scripts.
	variables []string
	scripts   []string
	shell     string
}

// TestPipelines runs every script of the pipelines with a tandem that only notes
// its arguments, and has the real command line accept them.
func TestPipelines(t *testing.T) {
	jobs := map[string]job{}
	for pattern, parse := range map[string]func(*testing.T, []byte) job{
		"jenkins/*.Jenkinsfile": jenkinsJob, "github/*.yml": githubJob,
	} {
		files, err := filepath.Glob("../../pipelines/" + pattern)
		if err != nil || len(files) != 4 {
			t.Fatalf("%s: %v, %v, want four files", pattern, files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			jobs[filepath.Base(file)] = parse(t, data)
		}
	}
	for name, job := range jobs {
		t.Run(name, func(t *testing.T) {
			for _, script := range job.scripts {
				shellcheckScript(t, job.shell, script)
			}
			if strings.HasPrefix(name, "review.") {
				job.callsReview(t)
				return
			}
			versions := []string{"42", "latest"}
			if slices.Contains(job.variables, "TARGET") {
				versions = []string{"42", ""} // a person may leave it empty
			}
			for _, version := range versions {
				// What looks like a flag or more than one word is a name, too.
				for _, target := range []string{"web", "i-0123456789abcdef0", "--help", "$(false) x"} {
					job.check(t, version, target)
				}
			}
		})
	}
}

func (j job) check(t *testing.T, version, target string) {
	t.Helper()
	values := map[string]string{"VERSION": version, "TARGET": target, "BRANCH": target, "ARTIFACT": target, "SOURCES": target}
	calls := 0
	for _, script := range j.scripts {
		for _, args := range j.run(t, script, values) {
			calls++
			acceptable(t, args)
			joined := strings.Join(args, "\n")
			if !strings.Contains(joined, target) && slices.Contains(j.variables, "TARGET") {
				t.Errorf("tandem %q knows nothing of %q", args, target)
			}
			if version != "" && !slices.Contains(args, version) && slices.Contains(j.variables, "VERSION") {
				t.Errorf("tandem %q knows nothing of version %q", args, version)
			}
		}
	}
	if calls == 0 {
		t.Error("it never calls tandem")
	}
}

// run returns the arguments of each call of tandem in the script.
func (j job) run(t *testing.T, script string, values map[string]string) [][]string {
	t.Helper()
	dir := t.TempDir()
	for program, body := range map[string]string{
		"tandem": "printf '%s\\0' \"$@\" >> " + dir + "/calls; echo >> " + dir + "/calls",
		"go":     "", // go install
	} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(j.shell, "-euc", script)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	for _, name := range j.variables {
		cmd.Env = append(cmd.Env, name+"="+values[name])
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
	noted, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var calls [][]string
	for call := range strings.Lines(string(noted)) {
		calls = append(calls, strings.Split(strings.TrimSuffix(call, "\x00\n"), "\x00"))
	}
	return calls
}

// acceptable has the real command line parse arguments, and not run them.
func acceptable(t *testing.T, args []string) {
	t.Helper()
	root := newRootCommand(&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now})
	cmd, rest, err := root.Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || !cmd.Runnable() || cmd.HasSubCommands() {
		t.Errorf("tandem %q: %v", args, err)
	}
	if help, err := cmd.Flags().GetBool("help"); err == nil && help {
		t.Errorf("tandem %q takes a value for a flag", args)
	}
}

var (
	jenkinsScript    = regexp.MustCompile(`(?s)\bsh (?:'''(.*?)'''|'([^'\n]*)')`)
	jenkinsParameter = regexp.MustCompile(`string\(name: '([A-Z]+)'`)
	jenkinsVariable  = regexp.MustCompile(`(?m)^ +([A-Z]+) = '`)
)

func jenkinsJob(t *testing.T, data []byte) job {
	t.Helper()
	j := job{shell: "sh"}
	for _, pattern := range []*regexp.Regexp{jenkinsParameter, jenkinsVariable} {
		for _, m := range pattern.FindAllSubmatch(data, -1) {
			j.variables = append(j.variables, string(m[1]))
		}
	}
	for _, m := range jenkinsScript.FindAllSubmatch(data, -1) {
		j.scripts = append(j.scripts, string(m[1])+string(m[2]))
	}
	if steps := bytes.Count(data, []byte(" sh ")); steps != len(j.scripts) {
		t.Errorf("found %d of %d scripts: a script in double quotes has its parameters expanded by Groovy", len(j.scripts), steps)
	}
	return j
}

func githubJob(t *testing.T, data []byte) job {
	t.Helper()
	type variables map[string]string
	var workflow struct {
		Env  variables
		Jobs map[string]struct {
			Steps []struct {
				Env variables
				Run string
			}
		}
	}
	if err := yaml.Unmarshal(data, &workflow); err != nil {
		t.Fatal(err)
	}
	j := job{shell: "bash", variables: slices.Collect(maps.Keys(workflow.Env))}
	for _, definition := range workflow.Jobs {
		for _, step := range definition.Steps {
			j.variables = append(j.variables, slices.Collect(maps.Keys(step.Env))...)
			if step.Run != "" {
				j.scripts = append(j.scripts, step.Run)
			}
			if strings.Contains(step.Run, "${{") {
				t.Errorf("%s: what somebody types becomes part of a script: pass it in env", step.Run)
			}
		}
	}
	return j
}

func shellcheckScript(t *testing.T, shell, script string) {
	t.Helper()
	cmd := exec.Command("shellcheck", "--shell", shell, "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}

// The guide's commands are accepted as they stand.
func TestReleaseGuide(t *testing.T) {
	data, err := os.ReadFile("../../docs/releases.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := job{shell: "bash"}
	for _, m := range regexp.MustCompile(`(?m)^\$ (tandem .*)$`).FindAllStringSubmatch(string(data), -1) {
		guide.scripts = append(guide.scripts, m[1])
	}
	guide.check(t, "", "")
}
