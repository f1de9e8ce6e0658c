package mirror_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/packagetest"
)

// reader is dnf or apt with a machine of its own, which has nothing but one
// repository, without credentials.
type reader interface {
	// install installs a package, or says what the client has said.
	install(name string) error
	// root is the machine's root directory.
	root() string
}

// installWeb installs web and says which version that is, with its libweb.
func installWeb(r reader) (string, error) {
	if err := r.install("web"); err != nil {
		return "", err
	}
	var versions []string
	for _, name := range []string{"web", "libweb"} {
		text, err := os.ReadFile(filepath.Join(r.root(), packagetest.Package{Name: name}.File()))
		if err != nil {
			return "", err
		}
		versions = append(versions, strings.TrimSpace(string(text)))
	}
	if versions[0] != versions[1] {
		return "", fmt.Errorf("web is %s and libweb %s", versions[0], versions[1])
	}
	return versions[0], nil
}

// unreachable is a proxy behind which nothing can be reached.
func unreachable(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type dnf struct {
	t    *testing.T
	base string
}

// newDNF is a stock dnf whose packages have to be signed.
func newDNF(t *testing.T, url string, key packagetest.Key) reader {
	t.Helper()
	d := dnf{t, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(d.base, "repos"), 0o755); err != nil {
		t.Fatal(err)
	}
	repo := "[mirror]\nname=mirror\nbaseurl=" + url + "\nenabled=1\ngpgcheck=1\ngpgkey=file://" + key.Public + "\nmetadata_expire=0\nretries=1\nskip_if_unavailable=False\n"
	if err := os.WriteFile(filepath.Join(d.base, "repos/mirror.repo"), []byte(repo), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d dnf) root() string { return filepath.Join(d.base, "root") }

func (d dnf) install(name string) error {
	return runClient(d.t, "dnf", "--assumeyes", "--disableplugin=*", "--installroot="+d.root(), "--releasever=1",
		"--setopt=reposdir="+filepath.Join(d.base, "repos"), "--setopt=cachedir="+filepath.Join(d.base, "cache"),
		"--setopt=logdir="+d.base, "--setopt=persistdir="+d.base, "--setopt=zchunk=False", "install", name)
}

type apt struct {
	t    *testing.T
	base string
}

// newAPT is a stock apt.
func newAPT(t *testing.T, url string, _ packagetest.Key) reader {
	t.Helper()
	a := apt{t, t.TempDir()}
	for _, dir := range []string{"root/var/lib/dpkg/info", "root/var/lib/dpkg/updates", "lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"root/var/lib/dpkg/status": "", "sources.list": "deb [trusted=yes] " + url + " stable main\n"} {
		if err := os.WriteFile(filepath.Join(a.base, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (a apt) root() string { return filepath.Join(a.base, "root") }

func (a apt) install(name string) error {
	options := []string{
		"-o", "Dir::State=" + a.base, "-o", "Dir::State::status=" + filepath.Join(a.root(), "var/lib/dpkg/status"), "-o", "Dir::Cache=" + a.base,
		"-o", "Dir::Cache::archives=" + filepath.Join(a.base, "archives"), "-o", "Dir::Etc::SourceList=" + filepath.Join(a.base, "sources.list"),
		"-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=0", "-o", "Acquire::Languages=none",
		"-o", "APT::Architecture=amd64", "-o", "DPkg::Options::=--root=" + a.root(), "-o", "DPkg::Options::=--force-not-root", "-o", "DPkg::Options::=--force-bad-path", "-o", "DPkg::Options::=--force-unsafe-io",
		"-o", "APT::Update::Error-Mode=any",
	}
	if err := runClient(a.t, "apt-get", append(options, "update")...); err != nil {
		return err
	}
	return runClient(a.t, "apt-get", append(options, "--yes", "install", name)...)
}

func runClient(t *testing.T, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// Nothing but the mirror can be reached.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "http_proxy="+unreachable(t), "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}
