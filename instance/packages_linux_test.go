package instance_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/mirror"
	"github.com/tandem-iac/tandem/internal/packagetest"
)

// installPlaybook takes traffic once a package is there that no image has.
const installPlaybook = `- hosts: all
  tasks:
    - ansible.builtin.package: {name: web}
    - ansible.builtin.copy: {content: ok, dest: "{{ tandem_health_file }}"}
`

// TestMachineInstallsFromMirror boots a machine in a network without a way out,
// where the distribution's mirrors cannot be reached: with a mirror of the
// environment's own it comes up.
func TestMachineInstallsFromMirror(t *testing.T) {
	requireMachines(t)
	t.Parallel()
	packagetest.Tools(t)
	c := newCloud(t)
	c.put(instance.SetupKey(instance.SetupSHA256()), instance.Setup())
	c.publishAgent()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "site.yml"), installPlaybook)
	c.publish(service, page(t, "one"))
	c.publish(playbook, dir)
	c.promoteFirst(service)
	c.promoteFirst(playbook)
	url, key := c.mirror(t)
	c.settings = []instance.Setting{{Name: "TANDEM_PACKAGES_URL", Value: url}}

	t.Run("apt", func(t *testing.T) {
		m := newMachine(t, c.url)
		m.env = append(m.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+c.metadata())
		m.claim(t, "debian", "12")
		write(t, m.path("etc/apt/apt.conf.d/00test"), "Acquire::Retries \"0\";\n") // what is down stays down
		installs(t, m, url, source{config: "etc/apt/apt.conf.d/99tandem-packages", install: "apt-get install --yes web"}, func() (string, error) {
			console, err := m.boot(t, c.userData(instance.SetupSHA256()))
			if err == nil && !m.exists(healthFile) {
				err = errors.New("no health file")
			}
			return console, err
		})
	})
	t.Run("dnf", func(t *testing.T) {
		m := newMachine(t, c.url)
		m.claim(t, "amzn", "2023")
		write(t, m.path("etc/pki/rpm-gpg/RPM-GPG-KEY-test"), key)
		if err := os.Remove(m.path("usr/bin/apt-get")); err != nil {
			t.Fatal(err)
		}
		installs(t, m, url, source{config: "etc/dnf/dnf.conf", install: "dnf install --assumeyes web"}, func() (string, error) {
			return m.shell(useMirror(t, url) + "ansible --connection local --inventory localhost, all --module-name ansible.builtin.package --args name=web")
		})
	})
}

// source is what a package manager takes packages from.
type source struct {
	// config is the file that says where packages come from.
	config string
	// install installs a package that the image's own sources do not have here.
	install string
}

// installs has a machine install from a mirror what it cannot from elsewhere,
// go on with it, and go back.
func installs(t *testing.T, m *machine, url string, s source, withMirror func() (string, error)) {
	t.Helper()
	before := m.maybe(t, s.config)
	if out, err := m.shell(s.install); err == nil {
		t.Fatalf("%s without a mirror: it has succeeded\n%s", s.install, out)
	}
	out, err := withMirror()
	if err != nil || m.maybe(t, "usr/share/tandem-test/web") != "1.0\n" {
		t.Fatalf("with a mirror: %v\n%s", err, out)
	}
	if !strings.Contains(out, "packages come from "+url) {
		t.Errorf("nothing says where packages come from:\n%s", out)
	}
	with := m.read(t, s.config)
	if out, err := m.shell(useMirror(t, url)); err != nil || m.read(t, s.config) != with || strings.Contains(out, "packages come from") {
		t.Errorf("again: %v, or something has changed:\n%s", err, out)
	}
	if out, err := m.shell(useMirror(t, "")); err != nil || m.maybe(t, s.config) != before {
		t.Errorf("without the mirror: %v, or %s is not as it was:\n%s", err, s.config, out)
	}
}

// maybe reads a file that need not be there.
func (m *machine) maybe(t *testing.T, file string) string {
	t.Helper()
	if !m.exists(file) {
		return ""
	}
	return m.read(t, file)
}

// shell runs a script on the machine.
func (m *machine) shell(script string) (string, error) {
	cmd, out := m.command("/bin/bash", "DEBIAN_FRONTEND=noninteractive")
	cmd.Args = append(cmd.Args, "-c", script)
	err := cmd.Run()
	return out.String(), err
}

// useMirror is the part of the setup script that chooses where packages come
// from, followed by a call of it.
func useMirror(t *testing.T, url string) string {
	t.Helper()
	return setupFunctions(t) + "work=$(mktemp -d)\nTANDEM_PACKAGES_URL=" + url + "\nuse_mirror\n"
}

// setupFunctions are those of the setup script, before any is called.
func setupFunctions(t *testing.T) string {
	t.Helper()
	functions, _, found := strings.Cut(string(instance.Setup()), "\nmain() {\n")
	if !found {
		t.Fatal("no function main in the setup script")
	}
	return functions + "\nwhy=\n"
}

// claim makes the machine one of a distribution, as far as it says so.
func (m *machine) claim(t *testing.T, id, version string) {
	t.Helper()
	write(t, m.path("usr/lib/os-release"), fmt.Sprintf("ID=%q\nVERSION_ID=%q\nNAME=%q\n", id, version, map[string]string{"amzn": "Amazon Linux", "debian": "Debian GNU/Linux"}[id]))
}

// mirror makes mirrors of two distributions and returns their URL, and the key
// that the RPMs are signed with.
func (c *cloud) mirror(t *testing.T) (url, public string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`, c.bucket)
	if _, err := c.client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &c.bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	packages := []packagetest.Package{{Name: "web", Version: "1.0", Requires: []string{"libweb"}}, {Name: "libweb", Version: "1.0"}}
	key := packagetest.NewKey(t, t.TempDir())
	rpms, debs := t.TempDir(), t.TempDir()
	for _, each := range []struct{ distribution, from string }{
		{"amzn-2023", packagetest.RPMSource(t, rpms, "file://"+rpms, &key, packages...)},
		{"debian-12", packagetest.DebSource(t, debs, "copy:"+debs, packages...)},
	} {
		repository, err := mirror.New(mirror.Config{
			Client: c.client, Bucket: c.bucket, Distribution: each.distribution, Architecture: mirror.Architecture(each.distribution, runtime.GOARCH), By: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		index, done, err := repository.Prepare(t.Context(), mirror.Source{Packages: []string{"web"}, From: each.from, Keys: []string{key.Public}})
		if err == nil {
			_, err = repository.Publish(t.Context(), index, mirror.PublishConfig{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	return c.url + "/" + c.bucket, string(text)
}
