package instance_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/packagetest"
	"github.com/tandem-iac/tandem/internal/readme"
)

// TestReadmeMirror goes through what the README has a newcomer do with packages,
// on a machine whose distribution is the test's. Versions and sizes are Debian's
// in the README, and so are not compared.
func TestReadmeMirror(t *testing.T) {
	requireMachines(t)
	t.Parallel()
	packagetest.Tools(t)
	steps := readme.Steps(t, "../README.md", "Install while the mirrors are down, without AWS")
	if len(steps) < 8 || !strings.HasPrefix(steps[2].Command, "tandem packages sync hello ") {
		t.Fatalf("the section has %d commands: %v", len(steps), steps)
	}
	server, err := moto.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	m := newMachine(t, server.URL)
	m.claim(t, "debian", "12")
	if out, err := exec.Command("go", "build", "-o", m.path("usr/local/bin/tandem"), "../cmd/tandem").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	distribution(t, m, packagetest.Package{Name: "hello", Version: "2.10-3", Says: "Hello, world!"})
	write(t, m.path("root/tandem.yaml"), "environment: try\nregion: "+moto.Region+`
clusters: {web: {certificate_arn: "arn:aws:acm:eu-west-1:123456789012:certificate/1"}}
`)
	script := "cd /root\n"
	for i, s := range steps {
		script += fmt.Sprintf("echo '@%d'\n%s\n", i, s.Command)
	}
	out, err := m.shell(script)
	for i, s := range steps {
		_, after, _ := strings.Cut(out, fmt.Sprintf("@%d\n", i))
		said, _, _ := strings.Cut(after, fmt.Sprintf("@%d\n", i+1))
		for _, line := range s.Shown {
			if name, _, ofSync := strings.Cut(line, ": "); ofSync && strings.HasSuffix(name, "packages") {
				line = "debian-12/" // how many there are is the distribution's
			}
			if !strings.HasPrefix(line, "+ ") && !strings.Contains(said, line) {
				t.Errorf("%s: no line %q in\n%s", s.Command, line, said)
			}
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// distribution makes a distribution that is the machine's only source, under a
// name that a proxy is asked for.
func distribution(t *testing.T, m *machine, packages ...packagetest.Package) {
	t.Helper()
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	const name = "deb.example.com"
	url := strings.Replace(server.URL, "127.0.0.1", name, 1)
	list, err := os.ReadFile(packagetest.DebSource(t, dir, url, packages...))
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"etc/apt/sources.list.d", "etc/apt/sources.list"} {
		if err := os.RemoveAll(m.path(place)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, m.path("etc/apt/sources.list"), string(list))
	write(t, m.path("etc/hosts"), "127.0.0.1 localhost "+name+"\n")
	write(t, m.path("etc/apt/apt.conf.d/00test"), "Acquire::Retries \"0\";\n")
	if out, err := m.shell("apt-get update"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
