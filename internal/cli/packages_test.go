package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/packagetest"
)

// TestPackagesScripts drives tandem packages with real dnf and apt. $ONE and
// $TWO are .repo files of two states of a distribution, $DEB is a sources.list.
func TestPackagesScripts(t *testing.T) {
	packagetest.Tools(t)
	base := t.TempDir()
	key := packagetest.NewKey(t, base)
	url := os.Getenv("AWS_ENDPOINT_URL")
	values := moto.Environment(url)
	values["KEY"], values["USER"] = key.Public, "alice"
	values["REFUSING"] = mototest.NewProxy(t, url, mototest.Refuse("AccessDenied", 403)).URL
	web := func(version string) []packagetest.Package {
		return []packagetest.Package{{Name: "web", Version: version, Requires: []string{"libweb"}}, {Name: "libweb", Version: "1.0"}}
	}
	for name, version := range map[string]string{"ONE": "1.0", "TWO": "2.0"} {
		dir := filepath.Join(base, name)
		values[name] = packagetest.RPMSource(t, dir, "file://"+dir, &key, web(version)...)
	}
	debs := filepath.Join(base, "debs")
	values["DEB"] = packagetest.DebSource(t, debs, "copy:"+debs, web("1.0")...)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/packages",
		Deadline:            time.Now().Add(2 * time.Minute),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			for name, value := range values {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": expectCode, "bucket": makeBucket},
	})
}
