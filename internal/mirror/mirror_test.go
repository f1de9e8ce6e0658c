package mirror_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/mirror"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/needs"
	"github.com/tandem-iac/tandem/internal/packagetest"
)

func TestInstallWithoutTheDistribution(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		if got, err := x.installed(x.url); err == nil {
			t.Errorf("a machine got %s from an empty mirror", got)
		}
		from, distribution := x.distribute(release("1.0")...)
		first := x.sync(from)
		if !first.Changed || len(first.Added) != 2 || len(first.Packages) != 2 || first.Number != 1 {
			t.Errorf("got %+v, want web and libweb, and nothing that nobody has asked for", first)
		}
		distribution.Close()
		if x.name == "deb" {
			x.wants("1.0") // apt would try for a while
			return
		}
		if _, done, err := x.Prepare(t.Context(), from); err == nil {
			t.Error("synced from a distribution that is down")
		} else if err := done(); err != nil {
			t.Error(err)
		}
		x.wants("1.0")
	})
}

func TestSyncAgain(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		from := x.offer(release("1.0")...)
		x.sync(from)
		if again := x.sync(from); again.Changed {
			t.Errorf("got %+v, want nothing changed", again)
		}
		second := x.sync(x.offer(release("2.0")...))
		if len(second.Added) != 2 || len(second.Removed) != 2 || second.Sent == 0 {
			t.Errorf("got %+v, want two added and two removed", second)
		}
		x.wants("2.0")
	})
}

// TestReaderInTheMiddle changes the mirror under a reader that has read the
// pointer: it gets what the pointer has named.
func TestReaderInTheMiddle(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		states := x.states()
		x.publish(states[0])
		second := states[1]
		var once sync.Once
		proxy := mototest.NewProxy(t, x.url, func(_ int, r *http.Request) mototest.Fault {
			if !strings.HasSuffix(r.URL.Path, x.pointer) {
				return mototest.Fault{}
			}
			return mototest.Fault{After: func() {
				once.Do(func() {
					if _, err := x.Publish(t.Context(), second, mirror.PublishConfig{}); err != nil {
						t.Error(err)
					}
				})
			}}
		})
		if got, err := x.installed(proxy.URL); err != nil || got != "1.0" {
			t.Errorf("got %q, %v, want 1.0", got, err)
		}
		x.wants("2.0")
	})
}

func TestRollback(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		back := func() (mirror.Change, error) {
			snapshot, _, err := x.Rollback(t.Context())
			return snapshot, err
		}
		if _, err := back(); !isInput(err) {
			t.Errorf("got %v, want that there is nothing to go back to", err)
		}
		for _, state := range x.states() {
			x.publish(state)
		}
		// A machine that has seen the newer state follows, too.
		old := x.machine(x.url)
		if got, err := installWeb(old); err != nil || got != "3.0" {
			t.Fatalf("got %q, %v, want 3.0", got, err)
		}
		for _, want := range []int{2, 1} {
			if snapshot, err := back(); err != nil || snapshot.Number != want {
				t.Errorf("went back to %d, %v, want %d", snapshot.Number, err, want)
			}
		}
		x.wants("1.0")
		if _, err := back(); !isInput(err) {
			t.Errorf("got %v, want that there is nothing to go back to", err)
		}
		history, err := x.History(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		var actions []string
		for _, c := range history {
			actions = append(actions, c.Action)
		}
		if got := strings.Join(actions, " "); got != "rollback rollback sync sync sync" {
			t.Errorf("the history is %q", got)
		}
	})
}

func isInput(err error) bool {
	var input check.InputError
	return errors.As(err, &input)
}

func TestPrune(t *testing.T) {
	packagetest.Tools(t)
	needs.Root(t)
	x := newFixture(t, formats["rpm"])
	later := x.open(x.client, func() time.Time { return time.Now().Add(72 * time.Hour) })
	for _, state := range x.states() {
		x.publish(state)
	}
	prune := func(r *mirror.Repository, cfg mirror.PruneConfig) int {
		t.Helper()
		pruned, err := r.Prune(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return len(pruned)
	}
	// Somebody may be uploading it, for whom it has been too early to say so.
	stray := x.distribution + "/" + x.architecture + "/packages/stray." + x.name
	if _, err := x.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &x.bucket, Key: &stray}); err != nil {
		t.Fatal(err)
	}
	if n := prune(x.Repository, mirror.PruneConfig{Keep: 1}); n > 0 {
		t.Errorf("%d objects were pruned that a reader may need", n)
	}
	if n := prune(later, mirror.PruneConfig{Keep: 3}); n != 1 {
		t.Errorf("%d objects were pruned, want the one that nobody refers to", n)
	}
	would, did := prune(later, mirror.PruneConfig{Keep: 2, DryRun: true}), prune(later, mirror.PruneConfig{Keep: 2})
	if would == 0 || would != did {
		t.Errorf("%d were pruned, and %d would be by --dry-run", did, would)
	}
	x.wants("3.0")
	if _, _, err := x.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	x.wants("2.0")
	if _, _, err := x.Rollback(t.Context()); !isInput(err) || !strings.Contains(err.Error(), "snapshot 1") {
		t.Errorf("got %v, want that snapshot 1 was pruned", err)
	}
	x.wants("2.0")
}

// TestSyncsAtOnce has several sync from the same state: one wins.
func TestSyncsAtOnce(t *testing.T) {
	packagetest.Tools(t)
	needs.Root(t)
	x := newFixture(t, formats["rpm"])
	// The proxy lets conditional writes exclude each other, as on S3.
	proxy := mototest.NewProxy(t, x.url, nil)
	r := x.open(connect(t, proxy.URL, 3), time.Now)
	x.publish(x.states()[0])
	versions := []string{"2.0", "4.0", "5.0"}
	indexes := []mirror.Index{x.states()[1]}
	for _, version := range versions[1:] {
		indexes = append(indexes, x.prepare(x.offer(release(version)...)))
	}
	errs := make([]error, len(versions))
	var group sync.WaitGroup
	for i := range versions {
		group.Go(func() { _, errs[i] = r.Publish(t.Context(), indexes[i], mirror.PublishConfig{}) })
	}
	group.Wait()
	winner := ""
	for i, err := range errs {
		var moved *mirror.MovedError
		switch {
		case err == nil && winner == "":
			winner = versions[i]
		case !errors.As(err, &moved):
			t.Errorf("%s: got %v, want that somebody else was faster than all but one", versions[i], err)
		}
	}
	x.wants(winner)
}

func TestHostileNames(t *testing.T) {
	packagetest.Tools(t)
	x := newFixture(t, formats["rpm"])
	from := x.offer(release("1.0")...)
	for _, name := range []string{"--installroot=/", "-y", "*", "@core", "/etc/passwd", "a b", "a;reboot", "a\nb", "../x", "apache2-", "$(reboot)", "", strings.Repeat("a", 300)} {
		from.Packages = []string{"web", name}
		_, done, err := x.Prepare(t.Context(), from)
		if !isInput(err) || !strings.HasPrefix(err.Error(), "package ") {
			t.Errorf("%q: got %v, want it refused", name, err)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"amzn", "amzn-2023/../x", "AMZN-2023", "amzn-2023 ", "gentoo-1", ""} {
		if _, err := mirror.New(mirror.Config{Distribution: name, Architecture: "x86_64"}); !isInput(err) {
			t.Errorf("distribution %q: got %v, want it refused", name, err)
		}
	}
	if _, err := mirror.New(mirror.Config{Distribution: "amzn-2023", Architecture: "../x"}); !isInput(err) {
		t.Errorf("got %v, want the architecture refused", err)
	}
}

// TestNamesAreNoKeys mirrors names that S3, shells and URLs take for more.
func TestNamesAreNoKeys(t *testing.T) {
	eachFormat(t, func(t *testing.T, x *fixture) {
		odd := "libstdc++.so-a.b"
		x.sync(x.offer(packagetest.Package{Name: "web", Version: "1.0+b~c", Requires: []string{"libweb", odd}},
			packagetest.Package{Name: "libweb", Version: "1.0+b~c"}, packagetest.Package{Name: odd, Version: "1"}))
		x.wants("1.0+b~c")
	})
}

func TestUnsignedIsRefused(t *testing.T) {
	packagetest.Tools(t)
	x := newFixture(t, formats["rpm"])
	for name, key := range map[string]*packagetest.Key{"unsigned": nil, "another's": {}} {
		if key != nil {
			*key = packagetest.NewKey(t, t.TempDir())
		}
		dir := t.TempDir()
		from := mirror.Source{
			Packages: []string{"web"}, Keys: []string{x.key.Public},
			From: packagetest.RPMSource(t, dir, "file://"+dir, key, release("1.0")...),
		}
		_, done, err := x.Prepare(t.Context(), from)
		if err == nil || !strings.Contains(err.Error(), "has no signature by") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
}
