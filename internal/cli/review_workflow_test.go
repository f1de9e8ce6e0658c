package cli

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/tandem-iac/tandem/internal/needs"
)

// synthesizer is an app as review.sh knows it: go run . -out DIR. Its stacks
// need no provider but Terraform's own, so that the plan is a real one.
const synthesizer = `package main

import (
	"os"
	"path/filepath"
)

func main() {
	for name, text := range map[string]string{
		"web":    %q,
		"broken": %q,
	} {
		dir := filepath.Join(os.Args[2], "stacks", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cdk.tf.json"), []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
}
`

// pullRequest is a repository with an app and the pipeline's scripts, in which
// the steps of the workflow run.
type pullRequest struct {
	t   *testing.T
	dir string
	// server is GitHub's.
	server string
	// head is the repository that the change comes from.
	head string
}

const baseRepository = "tandem-iac/web"

func newPullRequest(t *testing.T, server string) *pullRequest {
	t.Helper()
	p := &pullRequest{t: t, dir: t.TempDir(), server: server, head: baseRepository}
	for _, script := range []string{"review.sh", "comment.sh"} {
		data, err := os.ReadFile(reviewScripts + script)
		if err != nil {
			t.Fatal(err)
		}
		p.write("pipelines/review/"+script, string(data), 0o700)
	}
	p.write("go.mod", "module app\n\ngo 1.26\n", 0o600)
	p.write("cmd/tandem/main.go", "package main\n\nfunc main() {}\n", 0o600) // the tests' own is the one on PATH
	p.run("git init -q -b main")
	p.push("before")
	return p
}

func (p *pullRequest) write(name, text string, mode os.FileMode) {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
}

// push commits an input of both stacks, of which one cannot be planned.
func (p *pullRequest) push(input string) {
	p.t.Helper()
	web := fmt.Sprintf(`{"resource":{"terraform_data":{"x":{"input":%q}}}}`, input)
	broken := fmt.Sprintf(`{"resource":{"terraform_data":{"y":{"input":"${data.nothing.x.y}","triggers_replace":%q}}}}`, input)
	p.write("main.go", fmt.Sprintf(synthesizer, web, broken), 0o600)
	p.run("git add -A && git -c user.name=a -c user.email=a@example.com commit -qm " + input)
}

// run runs a script as a step of a workflow does.
func (p *pullRequest) run(script string, env ...string) string {
	p.t.Helper()
	cmd := exec.Command("bash", "-e", "-c", script)
	cmd.Dir = p.dir
	cmd.Env = append(append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "CHECKPOINT_DISABLE=1", "GOFLAGS=-buildvcs=false",
		"GOBIN="+p.t.TempDir(), "no_proxy=*", "GITHUB_API_URL="+p.server, "GITHUB_REPOSITORY="+baseRepository, "GITHUB_STEP_SUMMARY="+p.summaryFile()), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func (p *pullRequest) summaryFile() string { return filepath.Join(p.dir, ".git", "summary") }

// workflow runs the workflow's steps, but those that are others' actions.
func (p *pullRequest) workflow() {
	p.t.Helper()
	data, err := os.ReadFile("../../pipelines/github/review.yml")
	if err != nil {
		p.t.Fatal(err)
	}
	var workflow struct {
		Jobs struct {
			Review struct {
				Steps []struct {
					Run, If string
					Env     map[string]string
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &workflow); err != nil {
		p.t.Fatal(err)
	}
	ran := 0
	for _, step := range workflow.Jobs.Review.Steps {
		if step.Run == "" || step.If != "" && p.evaluate(step.If) != "true" {
			continue
		}
		var env []string
		for name, value := range step.Env {
			env = append(env, name+"="+p.evaluate(strings.TrimSuffix(strings.TrimPrefix(value, "${{ "), " }}")))
		}
		p.run(step.Run, env...)
		ran++
	}
	if ran < 3 {
		p.t.Errorf("%d steps ran", ran)
	}
}

// evaluate is as much of GitHub's expressions as the workflow needs; anything
// else fails the test.
func (p *pullRequest) evaluate(expression string) string {
	p.t.Helper()
	const sameRepository = "github.event.pull_request.head.repo.full_name == github.repository"
	same := p.head == baseRepository
	value, known := map[string]string{
		"github.event.pull_request.base.sha": strings.TrimSpace(p.run("git rev-list --max-parents=0 HEAD")),
		"github.event.number":                "7",
		"github.token":                       "t0ken",
		sameRepository:                       fmt.Sprint(same),
		sameRepository + " && 'yes' || 'no'": map[bool]string{true: "yes", false: "no"}[same],
	}[expression]
	if !known {
		p.t.Fatalf("the test does not know the expression %q", expression)
	}
	return value
}

// TestReviewWorkflow runs the workflow on two pushes of a pull request and on
// one from a fork: real git, real plans, and a server that is GitHub's.
func TestReviewWorkflow(t *testing.T) {
	for _, tool := range []string{"git", "terraform", "go", "bash", "curl", "jq"} {
		needs.Tool(t, tool)
	}
	s := &comments{t: t}
	server := httptest.NewServer(s)
	defer server.Close()
	p := newPullRequest(t, server.URL)

	p.push("first")
	p.workflow()
	if len(s.list) != 1 {
		t.Fatalf("the first push leaves %d comments", len(s.list))
	}
	for _, want := range []string{"<!-- tandem review -->\n", "- **created** `terraform_data.x`", "`triggers_replace`: `before` → `first`", "it was not planned"} {
		if !strings.Contains(s.list[0].Body, want) {
			t.Errorf("the comment has no %q:\n%s", want, s.list[0].Body)
		}
	}
	p.push("second")
	p.workflow()
	if len(s.list) != 1 || !strings.Contains(s.list[0].Body, "`before` → `second`") {
		t.Errorf("the second push leaves %d comments: %s", len(s.list), s.list[0].Body)
	}
	if worktrees := p.run("git worktree list"); strings.Count(worktrees, "\n") != 1 {
		t.Errorf("it leaves a working tree behind:\n%s", worktrees)
	}

	p.head, s.calls = "somebody/web", nil
	p.workflow()
	summary, err := os.ReadFile(p.summaryFile())
	if err != nil {
		t.Fatal(err)
	}
	fork := string(summary[max(0, strings.LastIndex(string(summary), "<!-- tandem review -->")):]) // after those of the pushes
	if len(s.calls) > 0 || !strings.Contains(fork, "`input`: `before` → `second`") || strings.Contains(fork, "**created**") {
		t.Errorf("a fork: calls %q, summary\n%s", s.calls, fork)
	}
}
