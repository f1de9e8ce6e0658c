package instance_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/release"
)

const (
	service     = "obelix"
	playbook    = "obelix-playbook"
	environment = "prod"
	healthFile  = "var/lib/tandem/health"
	recordFile  = "etc/tandem/release"
)

// page is a release of the service that serves one page.
func page(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "public", "index.html"), text)
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// brokenPlaybook is ours with a task before its last one that fails.
func brokenPlaybook(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("playbook")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "site.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const last = "        - name: Take traffic\n"
	before, after, found := strings.Cut(string(data), last)
	if !found {
		t.Fatalf("no %q in the playbook", last)
	}
	write(t, filepath.Join(dir, "site.yml"), before+"        - name: Break\n          ansible.builtin.command: \"false\"\n\n"+last+after)
	return dir
}

// slowPlaybook notes when it begins and ends, and takes its time in between.
func slowPlaybook(t *testing.T, seconds int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "site.yml"), fmt.Sprintf(`- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.shell: echo begin >> /var/log/slow && sleep %d && echo end >> /var/log/slow && touch {{ tandem_health_file }}
`, seconds))
	return dir
}

// TestMachine is the life of one machine, from first boot on: a step begins
// where the one before it has ended.
func TestMachine(t *testing.T) {
	requireMachines(t)
	t.Parallel() // what has a web server too has ended
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	one := c.publish(service, page(t, "one"))
	c.publish(service, page(t, "two"))
	c.publish(playbook, "playbook")
	c.publish(playbook, brokenPlaybook(t))
	c.publish(playbook, slowPlaybook(t, 1))
	c.publish(playbook, slowPlaybook(t, 60))
	c.promoteFirst(service)
	c.promoteFirst(playbook)
	m := newMachine(t, c.url)
	m.env = append(m.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+c.metadata())

	steps := []struct {
		name string
		run  func(*testing.T, *cloud, *machine)
	}{
		{"another setup script is not run", wrongSetupScript},
		{"no service without an agent", noAgent},
		{"first boot", func(t *testing.T, c *cloud, m *machine) { firstBoot(t, c, m, one) }},
		{"the agent watches", agentWatches},
		{"again, and nothing changes", again},
		{"what is wrong is refused", refusals},
		{"a playbook that fails halfway", failsHalfway},
		{"back in service, S3 refusing at first", recovers},
		{"two runs at once", twoAtOnce},
		{"a run that is ended", ended},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, c, m) }) {
			t.Fatal("the steps after it depend on this one")
		}
	}
}

func wrongSetupScript(t *testing.T, c *cloud, m *machine) {
	out, err := m.boot(t, c.userData(strings.Repeat("0", 64)))
	if err == nil {
		t.Errorf("user data succeeded:\n%s", out)
	}
	if m.exists("usr/local/sbin/tandem-setup") || m.exists("var/log/tandem/setup.log") {
		t.Error("a script with another SHA-256 was installed or run")
	}
	if !strings.Contains(out, "FAILED") {
		t.Errorf("no word of the SHA-256:\n%s", out)
	}
}

// agentArtifact is the agent for this architecture.
var agentArtifact = instance.AgentArtifact(runtime.GOARCH)

// noAgent boots a machine whose environment has no agent, and whose setup log
// has grown large.
func noAgent(t *testing.T, c *cloud, m *machine) {
	const log, limit = "var/log/tandem/setup.log", 64 << 20
	write(t, m.path(log), "")
	if err := os.Truncate(m.path(log), limit+1); err != nil {
		t.Fatal(err)
	}
	key := agentArtifact + "/" + environment + "/latest-stable.txt"
	pointer := c.get(key)
	defer c.put(key, pointer)
	if _, err := c.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &c.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	out, err := m.boot(t, c.userData(instance.SetupSHA256()), impatient...)
	if err == nil || !strings.Contains(out, "there is no s3://"+c.bucket+"/"+key+": was it published") {
		t.Errorf("%v, want a failure that names the pointer:\n%s", err, out)
	}
	if m.exists(healthFile) || m.exists("usr/local/bin/spotwatch") || m.releases(t) != "" {
		t.Error("something was configured")
	}
	if old := m.stat(t, log+".1"); old.Size() != limit+1 || !strings.Contains(m.read(t, log), "was it published") {
		t.Errorf("a log of %d bytes was not put aside", old.Size())
	}
}

// agentWatches looks at what the setup script has made of the agent.
func agentWatches(t *testing.T, c *cloud, m *machine) {
	const log = "var/log/tandem/spotwatch.log"
	for end := time.Now().Add(time.Minute); !m.exists(log) || !strings.Contains(m.read(t, log), `"msg":"watching"`); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not watch:\n%s", m.read(t, "var/log/systemctl"))
		}
	}
	if text := m.read(t, log); !strings.Contains(text, c.instance) || !strings.Contains(text, `"group":"prod-obelix-spot"`) {
		t.Errorf("it does not know who it is:\n%s", text)
	}
	if got, want := m.read(t, "var/log/systemctl"), "daemon-reload\nenable --quiet spotwatch.service\nrestart spotwatch.service\n"; got != want {
		t.Errorf("systemctl was asked for\n%s", got)
	}
	// Before all that may fail for reasons of the service's.
	setup := m.read(t, "var/log/tandem/setup.log")
	if agent, rest := strings.LastIndex(setup, "started the agent"), strings.LastIndex(setup, "configuring obelix"); agent < 0 || agent > rest {
		t.Errorf("the agent comes after the service:\n%s", setup)
	}
	if got := m.read(t, "etc/systemd/system/spotwatch.service"); got != string(instance.AgentUnit()) {
		t.Errorf("the unit is\n%s", got)
	}
}

func firstBoot(t *testing.T, c *cloud, m *machine, want release.Manifest) {
	if status, _, _ := get(t, "/health"); status != 0 {
		t.Fatalf("somebody answers %d before the boot", status)
	}
	c.refuse(1)
	out, err := m.boot(t, c.userData(instance.SetupSHA256()), impatient...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	status, _, header := get(t, "/health?from=alb&deep=no")
	if status != http.StatusOK {
		t.Errorf("the health path answers %d, want 200\n%s", status, out)
	}
	// Longer than the load balancer's 60 s.
	if got := header.Get("Keep-Alive"); got != "timeout=75" {
		t.Errorf("Keep-Alive is %q, want timeout=75", got)
	}
	serves(t, "one")
	for _, file := range []string{"/RELEASE", "/../RELEASE"} {
		if status, _, _ := get(t, file); status == http.StatusOK {
			t.Errorf("%s of the release is open to the world", file)
		}
	}
	record := m.read(t, recordFile)
	for _, line := range []string{
		"SERVICE=obelix", "SERVICE_VERSION=1", "SERVICE_SHA256=" + want.SHA256, "SERVICE_GIT_COMMIT=" + want.Commit,
		"PLAYBOOK=obelix-playbook", "PLAYBOOK_VERSION=1",
	} {
		if !strings.Contains(record, line+"\n") {
			t.Errorf("no %s in the record:\n%s", line, record)
		}
	}
	for _, file := range []string{"dev/console", "var/log/tandem-user-data.log", "var/log/tandem/setup.log"} {
		if text := m.read(t, file); !strings.Contains(text, "configured obelix 1") {
			t.Errorf("/%s does not tell what happened:\n%s", file, text)
		}
	}
	if got, want := c.tags(), "tandem:playbook-release=1 tandem:release=1"; got != want {
		t.Errorf("the instance is tagged %q, want %q", got, want)
	}
	if !strings.Contains(m.read(t, "etc/tandem/instance.env"), "PREAMBLE=ran") {
		t.Error("the preamble has not run")
	}
}

// serves checks what the machine's web server shows.
func serves(t *testing.T, want string) {
	t.Helper()
	if status, body, _ := get(t, "/"); status != http.StatusOK || body != want {
		t.Errorf("/ answers %d %q, want %q", status, body, want)
	}
}

func again(t *testing.T, _ *cloud, m *machine) {
	before := m.stat(t, healthFile)
	record := m.read(t, recordFile)
	asked := m.read(t, "var/log/systemctl")
	out, err := m.setup()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`localhost +: ok=[0-9]+ +changed=0 .*failed=0`).MatchString(out) {
		t.Errorf("a second run changes something:\n%s", out)
	}
	if text := m.read(t, "var/log/systemctl"); text != asked {
		t.Errorf("services that run were touched:\n%s", text)
	}
	if !os.SameFile(before, m.stat(t, healthFile)) {
		t.Error("the health file was away for a while")
	}
	at := regexp.MustCompile(`CONFIGURED_AT=.*`)
	if got := m.read(t, recordFile); at.ReplaceAllString(got, "") != at.ReplaceAllString(record, "") {
		t.Errorf("the record is\n%s, was\n%s", got, record)
	}
}

func (m *machine) stat(t *testing.T, file string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(m.path(file))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func refusals(t *testing.T, c *cloud, m *machine) {
	good := archiveOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "public/index.html"})
	tampered := bytes.Clone(good)
	tampered[len(tampered)/2] ^= 1
	sumOfGood := func(manifest *release.Manifest) {
		sum := sha256.Sum256(good)
		manifest.SHA256, manifest.Size = hex.EncodeToString(sum[:]), int64(len(good))
	}
	for i, test := range []struct {
		name    string
		archive []byte
		change  func(*release.Manifest)
		want    string
	}{
		{"tampered with", tampered, sumOfGood, "damaged or another one"},
		{"truncated", good[:len(good)/2], sumOfGood, "damaged or another one"},
		{"another artifact's manifest", good, func(m *release.Manifest) { m.Artifact = "menhir" }, "its manifest is that of menhir"},
		{"no SHA-256", good, func(m *release.Manifest) { m.SHA256 = "" }, "names no SHA-256"},
		{"an entry that climbs out", archiveOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "../../../../evil"}), nil, "'../../../../evil' has an absolute name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			version := 100 + i
			c.forge(version, test.archive, test.change)
			staysAsItIs(t, m, test.want, "VERSION="+strconv.Itoa(version), "ANS_VERSION=1")
		})
	}
	t.Run("never published", func(t *testing.T) {
		staysAsItIs(t, m, "was it published", "VERSION=99", "ANS_VERSION=1")
	})
	t.Run("no number", func(t *testing.T) {
		staysAsItIs(t, m, "want a number from 1", "VERSION=../../menhir/prod/menhir-1", "ANS_VERSION=1")
	})
	t.Run("pointer and manifest disagree", func(t *testing.T) {
		key := service + "/" + environment + "/latest-stable.txt"
		pointer := c.get(key)
		defer c.put(key, pointer)
		c.put(key, []byte("VERSION=1\nSHA256="+strings.Repeat("0", 64)+"\n"))
		staysAsItIs(t, m, "by latest-stable", "ANS_VERSION=1")
	})
}

// staysAsItIs runs the setup script, which has to fail with a message and leave
// the machine with what it has.
func staysAsItIs(t *testing.T, m *machine, message string, env ...string) {
	t.Helper()
	before, record := m.releases(t), m.read(t, recordFile)
	out, err := m.setup(env...)
	if err == nil || !strings.Contains(out, message) || strings.Contains(out, "Traceback") {
		t.Errorf("%v, want a failure that says %q:\n%s", err, message, out)
	}
	if after := m.releases(t); after != before {
		t.Errorf("unpacked: %s, before: %s", after, before)
	}
	if m.exists("evil") || m.exists("opt/evil") || m.exists("opt/tandem/evil") {
		t.Error("the archive has reached out of its directory")
	}
	if got := m.read(t, recordFile); got != record {
		t.Errorf("the record is\n%s, was\n%s", got, record)
	}
	if status, _, _ := get(t, "/health"); status != http.StatusOK {
		t.Errorf("the health path answers %d, want 200 from the release in place", status)
	}
}

// releases are those on the machine.
func (m *machine) releases(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob(m.path("opt/tandem/obelix*/*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.Join(dirs, " "), m.root, "")
}

// leftovers are the files of runs that have ended.
func (m *machine) leftovers(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob(m.path("var/tmp/tandem-setup.*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(dirs, " ")
}

func failsHalfway(t *testing.T, c *cloud, m *machine) {
	out, err := m.setup("VERSION=2", "ANS_VERSION=2")
	if err == nil || !strings.HasSuffix(out, " error: the playbook has failed: Break: non-zero return code\n") {
		t.Errorf("%v, want a failure that names the task at its end:\n%s", err, out)
	}
	if left := m.leftovers(t); left != "" {
		t.Errorf("it has left %s", left)
	}
	serves(t, "two") // it failed behind the switch
	if status, _, _ := get(t, "/health"); status != http.StatusNotFound {
		t.Errorf("the health path answers %d, want 404", status)
	}
	if m.exists(healthFile) || m.exists(recordFile) {
		t.Error("a machine that is not configured has a health file or a record")
	}
	if got, want := c.tags(), "tandem:playbook-release=1 tandem:release=broken"; got != want {
		t.Errorf("the instance is tagged %q, want %q", got, want)
	}

	// The same without the setup script, as from a bastion.
	write(t, m.path(healthFile), "ok\n")
	dirs, err := filepath.Glob(m.path("opt/tandem", playbook, "2-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%v, the playbook is in %v", err, dirs)
	}
	cmd, text := m.command("/usr/bin/env", "LC_ALL=C.UTF-8")
	cmd.Args = append(cmd.Args, "ansible-playbook", "--connection", "local", "--inventory", "localhost,", "--start-at-task", "Break",
		"--extra-vars", "tandem_health_file=/"+healthFile, strings.TrimPrefix(dirs[0], m.root)+"/site.yml")
	if err := cmd.Run(); err == nil || m.exists(healthFile) {
		t.Errorf("%v, want a failure without a health file:\n%s", err, text)
	}
}

// recovers also looks at what becomes of old releases.
func recovers(t *testing.T, c *cloud, m *machine) {
	for day := range 5 {
		old := m.path("opt/tandem", service, fmt.Sprintf("%d-0123456789ab", 10+day))
		write(t, filepath.Join(old, "RELEASE"), "")
		used := time.Now().AddDate(0, 0, day-9)
		if err := os.Chtimes(old, used, used); err != nil {
			t.Fatal(err)
		}
	}
	c.refuse(2)
	out, err := m.setup(append([]string{"VERSION=2", "ANS_VERSION=1"}, impatient...)...)
	if err != nil || !strings.Contains(out, "attempt 2 to fetch") {
		t.Fatalf("%v, want success at a later attempt:\n%s", err, out)
	}
	serves(t, "two")
	if status, _, _ := get(t, "/health"); status != http.StatusOK {
		t.Errorf("the health path answers %d, want 200", status)
	}
	if record := m.read(t, recordFile); !strings.Contains(record, "\nSERVICE_VERSION=2\n") {
		t.Errorf("the record is\n%s", record)
	}
	const hash = `-\w{12} ?`
	want := regexp.MustCompile(`^/opt/tandem/obelix/1` + hash + `/opt/tandem/obelix/14` + hash + `/opt/tandem/obelix/2` + hash +
		`/opt/tandem/obelix-playbook/1` + hash + `/opt/tandem/obelix-playbook/2` + hash + `$`)
	if got := m.releases(t); !want.MatchString(got) {
		t.Errorf("releases on the machine are %s, want those used last", got)
	}
}

func twoAtOnce(t *testing.T, _ *cloud, m *machine) {
	first, firstOut := m.command("/usr/local/sbin/tandem-setup", "VERSION=1", "ANS_VERSION=3")
	second, secondOut := m.command("/usr/local/sbin/tandem-setup", "VERSION=2", "ANS_VERSION=3")
	for _, run := range []func() error{first.Start, second.Start, first.Wait, second.Wait} {
		if err := run(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, firstOut, secondOut)
		}
	}
	if got, want := m.read(t, "var/log/slow"), "begin\nend\nbegin\nend\n"; got != want {
		t.Errorf("the playbooks ran like this: %q, want %q", got, want)
	}
	if both := firstOut.String() + secondOut.String(); strings.Count(both, "another run is under way") != 1 {
		t.Errorf("want one run to wait for the other:\n%s", both)
	}
}

func ended(t *testing.T, c *cloud, m *machine) {
	if err := os.RemoveAll(m.path("var/log/slow")); err != nil {
		t.Fatal(err)
	}
	cmd, out := m.command("/usr/local/sbin/tandem-setup", "VERSION=2", "ANS_VERSION=4")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !m.exists("var/log/slow"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the playbook does not begin")
		}
	}
	if m.exists(healthFile) || m.exists(recordFile) {
		t.Error("there is a health file or a record while another release is brought")
	}
	if got, want := c.tags(), "tandem:playbook-release=3 tandem:release=setting-up"; got != want {
		t.Errorf("the instance is tagged %q meanwhile, want %q", got, want)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Errorf("it succeeded:\n%s", out)
	}
	if m.exists(healthFile) || m.exists(recordFile) {
		t.Errorf("it has left a health file or a record:\n%s", out)
	}
	// It tidies up behind its log, which has ended at once.
	const tagged = "tandem:playbook-release=3 tandem:release=broken"
	for deadline := time.Now().Add(time.Minute); m.leftovers(t) != "" || c.tags() != tagged; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it has left %q and the tags %q, want none and %q", m.leftovers(t), c.tags(), tagged)
		}
	}
}
