package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-iac/tandem/internal/needs"
)

const reviewScripts = "../../pipelines/review/"

// callsReview requires that a pipeline runs both scripts, which have tests of
// their own, and that nothing from a fork gets credentials or comments.
func (j job) callsReview(t *testing.T) {
	t.Helper()
	all := strings.Join(j.scripts, "\n")
	for _, script := range []string{"review.sh", "comment.sh"} {
		if _, err := os.Stat(reviewScripts + script); err != nil || !strings.Contains(all, "./pipelines/review/"+script+" ") {
			t.Errorf("it does not run %s: %v", script, err)
		}
	}
}

func TestReviewScriptsKeepToShell(t *testing.T) {
	for _, name := range []string{"review.sh", "comment.sh"} {
		data, err := os.ReadFile(reviewScripts + name)
		if err != nil {
			t.Fatal(err)
		}
		shellcheckScript(t, "sh", string(data))
	}
}

// comments is GitHub as far as comment.sh knows it, and refuses everything else.
type comments struct {
	t     *testing.T
	mu    sync.Mutex
	list  []comment
	calls []string
	// down is how many requests fail first, with status.
	down, status int
}

type comment struct {
	ID   int    `json:"id"`
	Body string `json:"body"`
	URL  string `json:"html_url"`
}

func (s *comments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
	if s.down > 0 {
		s.down--
		http.Error(w, `{"message":"no"}`, s.status)
		return
	}
	if r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("X-GitHub-Api-Version") == "" {
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		return
	}
	const issue = "/repos/tandem-iac/web/issues/"
	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && path == issue+"7/comments":
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		if err != nil || r.URL.Query().Get("per_page") != "100" {
			http.Error(w, `{"message":"page"}`, http.StatusUnprocessableEntity)
			return
		}
		from := min((page-1)*100, len(s.list))
		s.answer(w, http.StatusOK, append([]comment{}, s.list[from:min(from+100, len(s.list))]...))
	case r.Method == http.MethodPost && path == issue+"7/comments":
		c := comment{ID: len(s.list) + 1, Body: s.body(r), URL: "https://github.com/c"}
		s.list = append(s.list, c)
		s.answer(w, http.StatusCreated, c)
	case r.Method == http.MethodPatch && strings.HasPrefix(path, issue+"comments/"):
		id, err := strconv.Atoi(strings.TrimPrefix(path, issue+"comments/"))
		if err != nil || id < 1 || id > len(s.list) {
			http.NotFound(w, r)
			return
		}
		s.list[id-1].Body = s.body(r)
		s.answer(w, http.StatusOK, s.list[id-1])
	default:
		http.NotFound(w, r)
	}
}

// body takes a comment as strictly as GitHub does.
func (s *comments) body(r *http.Request) string {
	data, err := io.ReadAll(r.Body)
	var in map[string]any
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	text, ok := in["body"].(string)
	if err != nil || !ok || len(in) != 1 || len([]rune(text)) > 65536 || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("not a comment: %v %q", err, data)
	}
	return text
}

func (s *comments) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

// post runs comment.sh against the server.
func (s *comments) post(t *testing.T, token, text string) (output string, err error) {
	t.Helper()
	for _, tool := range []string{"curl", "jq"} {
		needs.Tool(t, tool)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "comment.md")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", reviewScripts+"comment.sh", file)
	cmd.Env = append(os.Environ(), "GITHUB_API_URL="+server.URL, "GITHUB_REPOSITORY=tandem-iac/web", "PULL_REQUEST=7", "GITHUB_TOKEN="+token, "no_proxy=*")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The first push makes a comment, the next one changes it, wherever it is among
// those of people.
func TestCommentIsUpdatedInPlace(t *testing.T) {
	s := &comments{t: t}
	for i := range 150 {
		s.list = append(s.list, comment{ID: i + 1, Body: fmt.Sprintf("I quote <!-- tandem review --> for the %dth time", i)})
	}
	for push, text := range []string{"<!-- tandem review -->\n## one \"quoted\" & `code`\n", "<!-- tandem review -->\n## two\n"} {
		if out, err := s.post(t, "t0ken", text); err != nil {
			t.Fatalf("push %d: %v\n%s", push, err, out)
		}
		if len(s.list) != 151 || s.list[150].Body != text {
			t.Errorf("push %d: %d comments, the last is %q", push, len(s.list), s.list[len(s.list)-1].Body)
		}
	}
	const list = "/repos/tandem-iac/web/issues/7/comments"
	want := []string{"GET " + list + "?per_page=100&page=1", "GET " + list + "?per_page=100&page=2", "POST " + list,
		"GET " + list + "?per_page=100&page=1", "GET " + list + "?per_page=100&page=2", "PATCH /repos/tandem-iac/web/issues/comments/151"}
	if got := strings.Join(s.calls, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("calls:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestCommentFails(t *testing.T) {
	s := &comments{t: t}
	out, err := s.post(t, "another", "<!-- tandem review -->\n")
	if err == nil || !strings.Contains(out, "401") || !strings.Contains(out, "Bad credentials") {
		t.Errorf("a wrong token: %v\n%s", err, out)
	}
	if out, err = s.post(t, "t0ken", "no marker\n"); err == nil || !strings.Contains(out, "does not begin with a marker") {
		t.Errorf("no marker: %v\n%s", err, out)
	}
	s.down, s.status = 1, http.StatusBadGateway
	if out, err = s.post(t, "t0ken", "<!-- tandem review -->\n"); err != nil || len(s.list) != 1 {
		t.Errorf("a server that stumbles: %v, %d comments\n%s", err, len(s.list), out)
	}
}
