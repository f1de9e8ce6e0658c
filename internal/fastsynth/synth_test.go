//go:build linux || darwin

package fastsynth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/albtargetgroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/autoscalinggroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"
	awsprovider "github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketversioning"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3tablestablebucket"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpc"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/internal/needs"
)

// asApp makes this program an app that synthesizes to CDKTF_OUTDIR, instead of
// the tests.
const asApp = "FASTSYNTH_TEST_APP"

func TestMain(m *testing.M) {
	if os.Getenv(asApp) == "" {
		code := m.Run()
		Close() // or the runtime that linked bindings unpack stays behind
		os.Exit(code)
	}
	Prepare(os.Stderr)
	app := cdktf.NewApp(nil)
	for _, name := range []string{"one", "two"} {
		newStack(cdktf.NewTerraformStack(app, &name))
	}
	app.Synth()
	Close()
}

// newStack adds nested blocks, tokens, maps, a data source and a module whose
// directory has another name.
func newStack(scope cdktf.TerraformStack) {
	cdktf.NewLocalBackend(scope, &cdktf.LocalBackendConfig{Path: jsii.String("state")}) // by default below the working directory
	awsprovider.NewAwsProvider(scope, jsii.String("aws"), &awsprovider.AwsProviderConfig{Region: jsii.String("eu-west-1")})
	caller := dataawscalleridentity.NewDataAwsCallerIdentity(scope, jsii.String("caller"), &dataawscalleridentity.DataAwsCallerIdentityConfig{})
	v := vpc.NewVpc(scope, jsii.String("vpc"), &vpc.VpcConfig{
		CidrBlock: jsii.String("10.0.0.0/16"),
		Tags:      &map[string]*string{"Owner": caller.AccountId()},
	})
	target := albtargetgroup.NewAlbTargetGroup(scope, jsii.String("target"), &albtargetgroup.AlbTargetGroupConfig{
		VpcId: v.Id(), Port: jsii.Number(80), Protocol: jsii.String("HTTP"),
		HealthCheck: &albtargetgroup.AlbTargetGroupHealthCheck{Path: jsii.String("/<&>")},
	})
	autoscalinggroup.NewAutoscalingGroup(scope, jsii.String("group"), &autoscalinggroup.AutoscalingGroupConfig{
		MinSize: jsii.Number(1), MaxSize: jsii.Number(2), TargetGroupArns: &[]*string{target.Arn()},
		Tag: []*autoscalinggroup.AutoscalingGroupTag{{Key: jsii.String("a"), Value: jsii.String("ü"), PropagateAtLaunch: jsii.Bool(true)}},
	})
	s3bucketversioning.NewS3BucketVersioningA(scope, jsii.String("versioning"), &s3bucketversioning.S3BucketVersioningAConfig{
		Bucket:                  jsii.String("releases"),
		VersioningConfiguration: &s3bucketversioning.S3BucketVersioningVersioningConfiguration{Status: jsii.String("Enabled")},
	})
	s3tablestablebucket.NewS3TablesTableBucket(scope, jsii.String("tables"), &s3tablestablebucket.S3TablesTableBucketConfig{Name: jsii.String("tables")})
}

// TestSynth runs the app as users do, and compares what it writes with what the
// stock path writes.
func TestSynth(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Node")
	}
	stock := newApp(t)
	stock.env = append(stock.env, "TANDEM_STOCK_JSII=1",
		// As if a program that had called Prepare had started this one.
		"JSII_RUNTIME="+launch, "JSII_RUNTIME_PACKAGE_CACHE_ROOT=/nonexistent")
	want, said := stock.run(t)
	if len(said) > 0 || len(stock.entries(t)) > 0 {
		t.Fatalf("switched off, it said %q and cached %v", said, stock.entries(t))
	}
	if len(want) < 3 {
		t.Fatalf("synthesized %d files only", len(want))
	}
	check := func(t *testing.T, a app, lines int) {
		t.Helper()
		got, said := a.run(t)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the output differs from that of the stock path:\n%s", d)
		}
		if len(said) != lines {
			t.Errorf("said %q, want %d lines", said, lines)
		}
	}

	t.Run("two at once, then one", func(t *testing.T) {
		a := newApp(t)
		var both sync.WaitGroup
		for range 2 {
			b := a
			b.out = t.TempDir()
			both.Go(func() { check(t, b, 0) })
		}
		both.Wait()
		entries := a.entries(t)
		check(t, a, 0)
		if !maps.Equal(a.entries(t), entries) {
			t.Errorf("entries %v, then %v: not used again", entries, a.entries(t))
		}
		if code, _ := filepath.Glob(filepath.Join(a.cache, "jsii", "*", "code-*")); len(code) == 0 {
			t.Error("no bytecode was kept")
		}

		t.Run("damaged bytecode", func(t *testing.T) {
			code, err := filepath.Glob(filepath.Join(a.cache, "jsii", "*", "code-*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range code {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				copy(data[len(data)/2:], bytes.Repeat([]byte{0xff}, 1000))
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			check(t, a, 0)
		})
		t.Run("damaged module", func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(a.cache, "jsii", "*", "@cdktf/provider-aws/*/*/lib/vpc/index.js"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, file := range files {
				if err := os.Truncate(file, 1000); err != nil {
					t.Fatal(err)
				}
			}
			check(t, a, 0)
		})
	})

	t.Run("killed while it builds", func(t *testing.T) {
		a := newApp(t)
		cmd := a.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		root := filepath.Join(a.cache, "jsii")
		for deadline := time.Now().Add(20 * time.Second); ; {
			if building, _ := filepath.Glob(filepath.Join(root, buildPrefix+"*", "cdktf", "*", "*", "lib")); len(building) > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it never began to build")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it had ended already")
		}
		if left := names(t, root); len(left) != 1 {
			t.Fatalf("the killed run left %v, want one unfinished build", left)
		}
		check(t, a, 0)
		for name := range names(t, root) {
			if strings.HasPrefix(name, buildPrefix) {
				t.Errorf("%s is still there", name)
			}
		}
	})

	t.Run("full disk", func(t *testing.T) {
		a := newApp(t)
		if err := mountSmall(a.cache); err != nil {
			needs.Skip(t, "cannot mount a small file system: "+err.Error())
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(a.cache, 0); err != nil {
				t.Error(err)
			}
		})
		check(t, a, 1)
		if left := a.entries(t); len(left) > 0 {
			t.Errorf("left on the full disk: %v", left)
		}
		if spare := names(t, filepath.Join(a.temp, spareName(os.Geteuid()))); len(spare) != 1 {
			t.Errorf("the spare cache holds %v, want one entry", spare)
		}
	})

	t.Run("read-only home", func(t *testing.T) {
		a := newApp(t)
		a.env = append(a.env, "TANDEM_CACHE=", "XDG_CACHE_HOME=", "HOME="+a.cache)
		a.asNobody(t)
		if err := os.Chmod(a.cache, 0o555); err != nil {
			t.Fatal(err)
		}
		check(t, a, 1)
	})

	t.Run("no cache at all", func(t *testing.T) {
		a := newApp(t)
		for _, file := range []string{filepath.Join(a.cache, "jsii"), filepath.Join(a.temp, spareName(os.Geteuid()))} {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check(t, a, 1)
	})
}

// The Go side of jsii prints what the kernel's process prints, if it arrives as
// JSON lines on its standard error.
func TestLauncherForwardsTheConsole(t *testing.T) {
	needs.Tool(t, "node")
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const program = `
		console.log("to stdout"); console.error("to stderr"); process.stdout.write("x".repeat(200000));
		const fs = require("fs"); const buffer = Buffer.alloc(100);
		fs.writeSync(3, "answer to " + buffer.toString("utf8", 0, fs.readSync(3, buffer)));`
	for name, data := range map[string][]byte{"launcher.js": launcher, "program.js": []byte(program)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", launch)
	cmd.Env = append(os.Environ(), "JSII_NODE="+node, "JSII_RUNTIME_PACKAGE_CACHE_ROOT="+dir)
	cmd.Stdin = strings.NewReader("request")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if got, want := stdout.String(), "answer to request"; got != want {
		t.Errorf("answered %q, want %q", got, want)
	}
	var said struct{ stdout, stderr string }
	for line := range strings.Lines(stderr.String()) {
		var message struct{ Stdout, Stderr []byte }
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		said.stdout += string(message.Stdout)
		said.stderr += string(message.Stderr)
	}
	if want := "to stdout\n" + strings.Repeat("x", 200000); said.stdout != want || said.stderr != "to stderr\n" {
		t.Errorf("printed %d bytes and %q, want %d and %q", len(said.stdout), said.stderr, len(want), "to stderr\n")
	}
}

// app is a way to run this program as an app.
type app struct {
	program          string
	cache, temp, out string
	env              []string
	user             *syscall.Credential
}

// newApp returns an app with directories of its own.
func newApp(t *testing.T) app {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return app{program: program, cache: t.TempDir(), temp: t.TempDir(), out: t.TempDir()}
}

func (a app) command() *exec.Cmd {
	cmd := exec.Command(a.program)
	cmd.Env = append(os.Environ(), asApp+"=1", "TANDEM_STOCK_JSII=", "JSII_RUNTIME=",
		"CDKTF_OUTDIR="+a.out, "TANDEM_CACHE="+a.cache, "TMPDIR="+a.temp)
	cmd.Env = append(cmd.Env, a.env...)
	cmd.Dir = a.out
	if a.user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.user}
	}
	return cmd
}

// run runs the app and returns the files it wrote, and the lines it said that
// are Prepare's.
func (a app) run(t *testing.T) (files map[string]string, said []string) {
	t.Helper()
	cmd := a.command()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.HasPrefix(line, "tandem: ") {
			said = append(said, line)
		}
	}
	files = map[string]string{}
	out := os.DirFS(a.out)
	err := fs.WalkDir(out, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(out, name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files, said
}

// asNobody makes the app run as a user without rights, if this one has all.
func (a *app) asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	a.user = &syscall.Credential{Uid: nobody, Gid: nobody}
	dir := t.TempDir()
	a.program = filepath.Join(dir, "app")
	data, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(a.program, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{a.temp, a.out} {
		if err := os.Chown(d, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// entries returns the names below the app's cache.
func (a app) entries(t *testing.T) map[string]bool {
	t.Helper()
	root := filepath.Join(a.cache, "jsii")
	if _, err := os.Stat(root); err != nil {
		return nil
	}
	return names(t, root)
}

func spareName(uid int) string { return "tandem-" + strconv.Itoa(uid) }

// mountSmall mounts a file system that is too small for an entry.
func mountSmall(dir string) error {
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
