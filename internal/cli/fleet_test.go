package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/rollout"
)

// newCloud returns a cluster of two spot instances and one on-demand, and the
// environment of a program that is to see it.
func newCloud(t testing.TB) (*fleettest.Cloud, []string) {
	t.Helper()
	cloud := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), fleettest.Size{Spot: 2, OnDemand: 1})
	var env []string
	for name, value := range moto.Environment(cloud.URL) {
		env = append(env, name+"="+value)
	}
	publishMenhir(t, cloud)
	return cloud, env
}

// builds is the bucket of a cloud.
type builds struct {
	testing.TB
	client              *s3.Client
	bucket, environment string
}

func newBuilds(t testing.TB, cloud *fleettest.Cloud) builds {
	t.Helper()
	cfg := moto.Config(cloud.URL)
	account, err := awsclient.AccountID(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return builds{t, awsclient.NewS3(cfg), fmt.Sprintf("%s-%s-builds-%s", cloud.Environment, moto.Region, account), cloud.Environment}
}

// publishMenhir makes versions 41 and 42 of the cluster's service complete, and
// 7 and 8 of its playbook, of which it promotes the first.
func publishMenhir(t testing.TB, cloud *fleettest.Cloud) {
	t.Helper()
	b := newBuilds(t, cloud)
	if _, err := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &b.bucket,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: moto.Region},
	}); err != nil {
		t.Fatal(err)
	}
	b.publish("menhir", 41, 42)
	b.publish("menhir-playbook", fleettest.Playbook, fleettest.Playbook+1)
	b.promote("menhir-playbook", fleettest.Playbook)
}

func (b builds) publish(artifact string, versions ...int) {
	b.Helper()
	for _, version := range versions {
		manifest, err := json.Marshal(release.Manifest{
			Artifact: artifact, Environment: b.environment, Version: version, SHA256: strings.Repeat("0", 64), Size: 1,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.put(artifact, fmt.Sprintf("%s-%d.json", artifact, version), string(manifest))
		b.put(artifact, "latest.txt", fmt.Sprintf("VERSION=%d\n", version))
	}
}

func (b builds) promote(artifact string, version int) {
	b.Helper()
	b.put(artifact, "latest-stable.txt", fmt.Sprintf("VERSION=%d\n", version))
}

func (b builds) put(artifact, name, content string) {
	b.Helper()
	key := artifact + "/" + b.environment + "/" + name
	if _, err := b.client.PutObject(b.Context(), &s3.PutObjectInput{Bucket: &b.bucket, Key: &key, Body: strings.NewReader(content)}); err != nil {
		b.Fatal(err)
	}
}

// TestFleetScripts drives the commands that speak to AWS. In a script $ENV is
// the environment, $SPOT and $ANCHOR are instances of its cluster obelix.
//
//	machine ID break|sick      makes setups of version 42 go wrong
//	machine ID break-by        makes setups by playbook 8 fail
//	machine ID silent          takes the tags away
//	machine ID setting-up      has it say that it is not done yet
//	empty                      takes all instances away
//	promote ARTIFACT VERSION   moves latest-stable
//	deploying dead|alive       leaves the journal of a deploy
func TestFleetScripts(t *testing.T) {
	if _, err := exec.LookPath("ansible-inventory"); err != nil {
		t.Fatal("ansible-inventory is missing: install ansible-core")
	}
	clouds := map[string]*fleettest.Cloud{}
	cloudOf := func(ts *testscript.TestScript) *fleettest.Cloud { return clouds[ts.Getenv("WORK")] }
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/fleet",
		Deadline:            time.Now().Add(2 * time.Minute),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			cloud, vars := newCloud(env.T().(testing.TB))
			clouds[env.WorkDir] = cloud
			env.Vars = append(env.Vars, vars...)
			env.Setenv("ENV", cloud.Environment)
			env.Setenv("SPOT", cloud.IDs(cloud.Spot)[0])
			env.Setenv("ANCHOR", cloud.IDs(cloud.OnDemand)[0])
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": expectCode,
			"machine": func(ts *testscript.TestScript, _ bool, args []string) {
				m := cloudOf(ts).Machine(args[0])
				switch args[1] {
				case "break":
					m.Break(42)
				case "sick":
					m.Sick(42)
				case "break-by":
					m.BreakBy(fleettest.Playbook + 1)
				case "setting-up":
					cloudOf(ts).Tag(args[0], map[string]string{fleet.ReleaseTag: fleet.SettingUp})
				case "silent":
					cloudOf(ts).Tag(args[0], map[string]string{fleet.ReleaseTag: "", fleet.PlaybookTag: ""})
				}
			},
			"empty": func(ts *testscript.TestScript, _ bool, _ []string) {
				cloud := cloudOf(ts)
				for _, group := range []string{cloud.Spot, cloud.OnDemand} {
					cloud.Resize(group, 0)
				}
			},
			"promote": func(ts *testscript.TestScript, _ bool, args []string) {
				version, err := strconv.Atoi(args[1])
				ts.Check(err)
				newBuilds(t, cloudOf(ts)).promote(args[0], version)
			},
			"deploying": func(ts *testscript.TestScript, _ bool, args []string) {
				until := time.Now().Add(time.Minute)
				if args[0] == "dead" {
					until = time.Time{}
				}
				leaveJournal(t, cloudOf(ts), rollout.Journal{
					ID: "x", By: "getafix", Until: until, Release: fleet.Release{Service: 43, Playbook: fleettest.Playbook},
				})
			},
		},
	})
}

// deployment is a running `tandem deploy obelix --version 42`.
type deployment struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	errors bytes.Buffer
}

func startDeploy(t *testing.T, env []string) *deployment {
	t.Helper()
	d := &deployment{cmd: exec.Command("tandem", "deploy", "obelix", "--version", "42", "--linger", "1ms", "--poll", "50ms")}
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.errors
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

func (d *deployment) code(t *testing.T) int {
	t.Helper()
	err := d.cmd.Wait()
	t.Logf("%s%s", &d.out, &d.errors)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return d.cmd.ProcessState.ExitCode()
}

// during sends a signal once a setup runs.
func during(t *testing.T, cloud *fleettest.Cloud, d *deployment, signal syscall.Signal) {
	t.Helper()
	started := make(chan struct{}, 100)
	cloud.Faults(func(c fleettest.Call) *fleettest.Fault {
		if c.Action == "GetCommandInvocation" {
			started <- struct{}{}
		}
		return nil
	})
	select {
	case <-started:
	case <-time.After(30 * time.Second):
		t.Fatal("no setup has been started")
	}
	cloud.Faults(nil)
	if err := d.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func TestInterruptedDeployLeavesAllInService(t *testing.T) {
	t.Parallel()
	cloud, env := newCloud(t)
	for _, id := range cloud.IDs() {
		cloud.Machine(id).Slow(42, 0.5)
	}
	d := startDeploy(t, env)
	during(t, cloud, d, syscall.SIGINT)
	if got := d.code(t); got != exitFailure {
		t.Errorf("exit code is %d, want %d", got, exitFailure)
	}
	if !strings.Contains(d.errors.String(), "tandem: interrupted\n") {
		t.Error("it does not say that it was interrupted")
	}
	cloud.CheckWhole(fleettest.Size{Spot: 2, OnDemand: 1})
	running := map[int]int{}
	for _, id := range cloud.IDs() {
		running[cloud.Machine(id).Release().Service]++
	}
	if running[42] != 1 || running[fleettest.Stable] != 2 {
		t.Errorf("releases are %v, want the one setup that ran come to its end", running)
	}
}

func TestKilledDeployIsRepairedByTheNext(t *testing.T) {
	t.Parallel()
	cloud, env := newCloud(t)
	for _, id := range cloud.IDs() {
		cloud.Machine(id).Slow(42, 0.3)
	}
	d := startDeploy(t, env)
	during(t, cloud, d, syscall.SIGKILL)
	d.code(t)

	second := startDeploy(t, env)
	if got := second.code(t); got != exitFailure || !strings.Contains(second.errors.String(), "is deploying to obelix: wait for it; if it has died, try again after") {
		t.Errorf("exit code is %d, want %d and the time at which to try again", got, exitFailure)
	}
	expireJournal(t, cloud)
	third := startDeploy(t, env)
	if got := third.code(t); got != exitOK || !strings.Contains(third.errors.String(), "repair a deploy that died left on standby") {
		t.Errorf("exit code is %d, want %d and the repair", got, exitOK)
	}
	cloud.CheckWhole(fleettest.Size{Spot: 2, OnDemand: 1})
}

// expireJournal lets the time pass for which a dead deploy keeps others out.
func expireJournal(t *testing.T, cloud *fleettest.Cloud) {
	t.Helper()
	store := rollout.NewServices(moto.Config(cloud.URL)).Store
	journal, err := rollout.ReadJournal(t.Context(), store, fleet.Cluster{Environment: cloud.Environment, Name: "obelix"})
	if err != nil || journal == nil {
		t.Fatalf("the journal is %v, %v", journal, err)
	}
	journal.Until = time.Time{}
	leaveJournal(t, cloud, *journal)
}

func leaveJournal(t *testing.T, cloud *fleettest.Cloud, j rollout.Journal) {
	t.Helper()
	document, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	store := rollout.NewServices(moto.Config(cloud.URL)).Store
	name := rollout.JournalName(fleet.Cluster{Environment: cloud.Environment, Name: "obelix"})
	if _, err := store.Replace(t.Context(), name, string(document)); err != nil {
		t.Fatal(err)
	}
}

func TestAWSErrorNamesItsRequest(t *testing.T) {
	cloud, env := newCloud(t)
	cloud.Faults(func(c fleettest.Call) *fleettest.Fault {
		return &fleettest.Fault{Code: "ExpiredToken", Message: "The security token included in the request is expired"}
	})
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	var stderr bytes.Buffer
	got := run(t.Context(), []string{"status", "obelix"}, app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr, now: time.Now})
	want := "tandem: Auto Scaling DescribeAutoScalingGroups: ExpiredToken: The security token included in the request is expired; your credentials have expired: renew them, for example with 'aws sso login' (request id 4442587f-b7d0-a2f9-0000-000000000000)\n"
	if got != exitFailure || stderr.String() != want {
		t.Errorf("exit code is %d with %q, want %d with %q", got, stderr.String(), exitFailure, want)
	}
}
