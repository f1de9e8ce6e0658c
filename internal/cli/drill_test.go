package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tandem-iac/tandem/internal/drill"
	"github.com/tandem-iac/tandem/internal/drilltest"
)

// drillCommand is `tandem drill --local` with what it starts on PATH, and a
// place of its own for temporary files.
func drillCommand(t *testing.T, args ...string) (cmd *exec.Cmd, temporary string) {
	t.Helper()
	temporary = t.TempDir()
	cmd = exec.Command("tandem", append([]string{"drill", "--local"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary, "PATH="+drilltest.Build(t)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return cmd, temporary
}

// Whether it is green depends on how busy the machine is; that its exit code
// says the same does not.
func TestLocalDrill(t *testing.T) {
	t.Parallel()
	logs := filepath.Join(t.TempDir(), "logs")
	cmd, temporary := drillCommand(t, "obelix", "--file", "../../tandem.yaml", "--interruptions", "2", "--rate", "40", "--json", "--directory", logs)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	var report drill.Report
	if bad := json.Unmarshal(out, &report); bad != nil {
		t.Fatalf("%v, %v: %s\n%s", err, bad, out, said.String())
	}
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if want := map[bool]int{true: 0, false: 1}[report.Green]; code != want {
		t.Errorf("exit code is %d, want %d:\n%s", code, want, said.String())
	}
	if !report.Green && !report.Undecided {
		t.Errorf("red on a machine that was %.2f s late at most: %s", report.Lag, out)
	}
	if report.Environment != "prod" || report.Cluster != "obelix" || report.Scale != 10 || len(report.Instances) != 2 || report.Desired.After-report.Desired.Before != 2 && !report.Undecided {
		t.Errorf("got %s", out)
	}
	if !strings.Contains(said.String(), " starting moto_server\n") || !strings.Contains(said.String(), " 2 agents watch\n") {
		t.Errorf("progress is %s", said.String())
	}
	for _, i := range report.Instances {
		if text, err := os.ReadFile(filepath.Join(logs, i.ID, "agent.log")); err != nil || !strings.Contains(string(text), `"rescue accepted"`) {
			t.Errorf("the log of %s (%v) is %s", i.ID, err, text)
		}
	}
	empty(t, temporary)
}

func TestLocalDrillInterrupted(t *testing.T) {
	t.Parallel()
	cmd, temporary := drillCommand(t, "--interruptions", "1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	last := ""
	for lines.Scan() {
		last = lines.Text()
		if strings.HasSuffix(last, "1 agents watch") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailure {
		t.Errorf("it ended with %v, want exit code %d", err, exitFailure)
	}
	if last != "tandem: interrupted" {
		t.Errorf("its last words are %q", last)
	}
	empty(t, temporary)
}

// empty requires that nothing is left in a directory.
func empty(t *testing.T, directory string) {
	t.Helper()
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}
