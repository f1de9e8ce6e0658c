package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/mototest"
)

// besideMoto runs the tests beside one moto server for all of them.
type besideMoto struct{ *testing.M }

func (m besideMoto) Run() int { return mototest.Main(m.M) }

func TestMain(m *testing.M) {
	testscript.Main(besideMoto{m}, map[string]func(){
		"tandem": func() { os.Exit(Main()) },
	})
}

// TestScripts drives the program as a user would. The command `code N tandem …`
// of a script requires the exit code N; $LOCKED is a directory that takes no
// files, $PROJECT the project's own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Deadline:            time.Now().Add(time.Minute), // a command that hangs is killed
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") == "1",
		Setup:               prepare,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": expectCode,
		},
	})
}

// prepare sets $PROJECT, $PLANS, the directory of real plans, and $LOCKED.
func prepare(env *testscript.Env) error {
	project, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("PROJECT", project)
	env.Setenv("PLANS", filepath.Join(project, "internal", "review", "testdata"))
	return makeLocked(env)
}

// makeLocked prepares $LOCKED. The superuser may write anywhere but into the
// kernel's own tree.
func makeLocked(env *testscript.Env) error {
	if os.Geteuid() == 0 {
		env.Setenv("LOCKED", "/sys")
		return nil
	}
	dir := filepath.Join(env.WorkDir, "locked")
	env.Setenv("LOCKED", dir)
	return os.Mkdir(dir, 0o555)
}

func expectCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [args...]")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code is %s, want %s", got, args[0])
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFailedOutputFailsTheCommand(t *testing.T) {
	for _, args := range []string{
		"", "help", "validate --help", "completion zsh", "init -", "schema",
		"validate ../../tandem.yaml", "validate --json ../../tandem.yaml", "version", "version --json",
	} {
		t.Run(args, func(t *testing.T) {
			var stderr bytes.Buffer
			got := run(t.Context(), strings.Fields(args), app{stdin: strings.NewReader(""), stdout: brokenWriter{}, stderr: &stderr})
			if got != exitFailure || !strings.Contains(stderr.String(), "disk full") {
				t.Errorf("exit code is %d with %q, want %d with the reason", got, stderr.String(), exitFailure)
			}
		})
	}
}

func TestInterruptEndsReading(t *testing.T) {
	stdin, typing := io.Pipe() // nothing is ever typed
	defer typing.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	done := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		done <- run(ctx, []string{"validate", "-"}, app{stdin: stdin, stdout: io.Discard, stderr: &stderr, now: time.Now})
	}()
	select {
	case got := <-done:
		if want := "tandem: stdin: interrupted\n"; got != exitFailure || stderr.String() != want {
			t.Errorf("exit code is %d with %q, want %d with %q", got, stderr.String(), exitFailure, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still reading after the interrupt")
	}
}
