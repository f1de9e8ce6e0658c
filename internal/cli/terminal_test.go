package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
)

// interruptKey is what Ctrl-C sends.
const interruptKey = "\x03"

// terminal is a program on a terminal, and what is to be seen there.
type terminal struct {
	t      *testing.T
	screen vt10x.Terminal
	keys   *os.File
	cmd    *exec.Cmd
	// shown is closed when the program has shown all it will.
	shown chan struct{}
}

// onTerminal starts tandem in dir on a terminal of so many columns.
func onTerminal(t *testing.T, columns int, cmd *exec.Cmd) *terminal {
	t.Helper()
	const rows = 24
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: uint16(columns)})
	if err != nil {
		t.Fatal(err)
	}
	s := &terminal{t: t, screen: vt10x.New(vt10x.WithSize(columns, rows)), keys: keys, cmd: cmd, shown: make(chan struct{})}
	go func() {
		defer close(s.shown)
		_, _ = io.Copy(s.screen, keys) // the end of the program is an error on Linux
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.shown
		_ = keys.Close()
	})
	return s
}

// lines are those on the screen, without what is blank at their ends and below.
func (s *terminal) lines() []string {
	lines := strings.Split(s.screen.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Split(strings.TrimRight(strings.Join(lines, "\n"), "\n"), "\n")
}

// text is all that is on the screen, as if it were one long line.
func (s *terminal) text() string {
	return strings.TrimRight(strings.ReplaceAll(s.screen.String(), "\n", ""), " ")
}

// await waits until the screen says something.
func (s *terminal) await(text string) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(s.text(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("nothing says %q:\n%s", text, strings.Join(s.lines(), "\n"))
		}
	}
}

func (s *terminal) press(key string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, key); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the program and returns its exit code and what it has left on
// the screen.
func (s *terminal) end() (code int, text string) {
	s.t.Helper()
	err := s.cmd.Wait()
	<-s.shown
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode(), s.text()
}

// heldUpload is a tandem release publish of three parts, the last of which is held
// back until release is called.
type heldUpload struct {
	dir, bucket string
	env         []string
	release     func()
}

func newHeldUpload(t *testing.T) heldUpload {
	t.Helper()
	held := make(chan struct{})
	proxy := mototest.NewProxy(t, os.Getenv("AWS_ENDPOINT_URL"), func(_ int, r *http.Request) mototest.Fault {
		if r.URL.Query().Get("partNumber") == "3" {
			return mototest.Fault{Before: func() { <-held }}
		}
		return mototest.Fault{}
	})
	cfg := moto.Config(proxy.URL)
	u := heldUpload{
		dir: t.TempDir(), bucket: mototest.Bucket(t, awsclient.NewS3(cfg)),
		env: os.Environ(), release: sync.OnceFunc(func() { close(held) }),
	}
	t.Cleanup(u.release)
	for name, value := range moto.Environment(proxy.URL) {
		u.env = append(u.env, name+"="+value)
	}
	noise := make([]byte, 20<<20) // does not compress
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(u.dir, "noise"), noise, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("tandem", "release", "build", "noise")
	build.Dir = u.dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return u
}

func (u heldUpload) command() *exec.Cmd {
	cmd := exec.Command("tandem", "release", "publish", "--artifact", "web", "--environment", "try", "--region", moto.Region, "--bucket", u.bucket)
	cmd.Dir, cmd.Env = u.dir, u.env
	return cmd
}

// A bar takes one line, however narrow the terminal is, and leaves nothing.
func TestBarTakesOneLine(t *testing.T) {
	for _, columns := range []int{80, 40, 20} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			u := newHeldUpload(t)
			s := onTerminal(t, columns, u.command())
			s.await("16.0 MiB")
			if lines := s.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], "uploading ") {
				t.Errorf("want one line, that of the bar:\n%s", strings.Join(lines, "\n"))
			}
			u.release()
			if code, text := s.end(); code != exitOK || !strings.HasPrefix(text, "web 1 is published for try: ") {
				t.Errorf("exit code is %d with %q, want %d and the version alone", code, text, exitOK)
			}
		})
	}
}

// Ctrl-C takes the bar away, and then the command says what it leaves.
func TestInterruptTakesTheBarAway(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{80, 40} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			s := onTerminal(t, columns, newHeldUpload(t).command())
			s.await("16.0 MiB")
			s.press(interruptKey)
			code, text := s.end()
			if code != exitFailure || !strings.HasPrefix(text, "tandem: version 1 is not complete, and no pointer names it: interrupted; finish it with: tandem release publish ") {
				t.Errorf("exit code is %d with %q, want %d and how to finish", code, text, exitFailure)
			}
		})
	}
}

// The bar stands where messages do; a file gets the result alone.
func TestBarBesideAFile(t *testing.T) {
	t.Parallel()
	u := newHeldUpload(t)
	file, err := os.Create(filepath.Join(u.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := u.command()
	cmd.Stdout = file
	s := onTerminal(t, 80, cmd)
	s.await("16.0 MiB")
	u.release()
	code, text := s.end()
	out, err := os.ReadFile(file.Name())
	if code != exitOK || text != "" || err != nil || !strings.HasPrefix(string(out), "web 1 is published for try: ") {
		t.Errorf("exit code is %d with %q on the terminal and %q in the file (%v)", code, text, out, err)
	}
}

// A deploy's lines scroll above its bar, and what is left after Ctrl-C is what
// became of the instances.
func TestDeployOnATerminal(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{80, 40} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			cloud, env := newCloud(t)
			for _, id := range cloud.IDs() {
				cloud.Machine(id).Slow(42, 0.5)
			}
			cmd := exec.Command("tandem", "deploy", "obelix", "--version", "42", "--linger", "1ms", "--poll", "50ms")
			cmd.Env = append(os.Environ(), env...)
			s := onTerminal(t, columns, cmd)
			s.await("setup 42 by 7")
			lines := s.lines()
			if bars := strings.Count(strings.Join(lines, "\n"), "instances: "); bars != 1 || !strings.HasPrefix(lines[len(lines)-1], "instances: 0 of 3") {
				t.Errorf("want one bar, below all lines:\n%s", strings.Join(lines, "\n"))
			}
			s.press(interruptKey)
			code, text := s.end()
			if code != exitFailure || strings.Contains(text, "instances: ") || !strings.HasSuffix(text, "tandem: interrupted") {
				t.Errorf("exit code is %d, want %d, no bar, and at the end that it was interrupted:\n%s", code, exitFailure, strings.Join(s.lines(), "\n"))
			}
		})
	}
}

// TestPricesOnATerminal fits the table into a narrow one.
func TestPricesOnATerminal(t *testing.T) {
	for columns, want := range map[int]string{
		80: "m4.large  2     8    0.125",
		40: "m4.large\n  vcpu: 2\n  gib: 8\n  USD per hour: 0.125\n",
	} {
		cmd := exec.Command("tandem", "price", "m4.large", "--region", "ap-southeast-1")
		s := onTerminal(t, columns, cmd)
		if code, _ := s.end(); code != exitOK || !strings.Contains(strings.Join(s.lines(), "\n"), want) {
			t.Errorf("%d columns: exit code %d, and the screen shows\n%s", columns, code, strings.Join(s.lines(), "\n"))
		}
	}
}
