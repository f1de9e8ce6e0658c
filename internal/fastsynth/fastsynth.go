//go:build linux || darwin

package fastsynth

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	_ "unsafe" // for go:linkname

	_ "github.com/aws/constructs-go/constructs/v10/jsii"
	_ "github.com/cdktf/cdktf-provider-aws-go/aws/v19/jsii"
	_ "github.com/hashicorp/terraform-cdk-go/cdktf/jsii"
)

// The bindings embed their npm packages in unexported variables, and hand them
// to the kernel when it starts. Linking to the variables reads the very bytes
// that are already in the program, and lets Prepare put a few bytes in their
// place, so that the kernel has nothing to write, hash or unpack. If one of
// them is ever renamed, it is empty here and Prepare reports it.
var (
	//go:linkname constructsTarball github.com/aws/constructs-go/constructs/v10/jsii.tarball
	constructsTarball []byte
	//go:linkname cdktfTarball github.com/hashicorp/terraform-cdk-go/cdktf/jsii.tarball
	cdktfTarball []byte
	//go:linkname awsTarball github.com/cdktf/cdktf-provider-aws-go/aws/v19/jsii.tarball
	awsTarball []byte
	//go:linkname jsiiRuntime github.com/aws/jsii-runtime-go/internal/embedded.embeddedFS
	jsiiRuntime embed.FS
)

// launch is the value of JSII_RUNTIME, jsii's own hook for another launcher. It
// holds no path, hence no quoting. The numbers are explained in launcher.js.
const launch = `exec "$JSII_NODE" --preserve-symlinks "$JSII_RUNTIME_PACKAGE_CACHE_ROOT/launcher.js" 3<&0 4>&1 1>&2 0</dev/null`

// prepare is Prepare but for what all platforms share. An error means that the
// stock path is taken; a spare cache is worth a line on w.
func prepare(w io.Writer) error {
	if os.Getenv("JSII_RUNTIME") == launch { // inherited from a parent that called Prepare
		os.Unsetenv("JSII_RUNTIME")
		os.Unsetenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT")
	}
	if os.Getenv("TANDEM_STOCK_JSII") == "1" || os.Getenv("JSII_RUNTIME") != "" {
		return nil
	}
	node, err := exec.LookPath(cmp.Or(os.Getenv("JSII_NODE"), "node"))
	if err != nil {
		return nil // the stock path says so better
	}
	if _, err := os.Stat("/bin/sh"); err != nil {
		return err
	}
	modules, err := linkedModules()
	if err != nil {
		return err
	}
	contents, err := newContents(modules)
	if err != nil {
		return err
	}
	dir, err := openCache(w, contents)
	if err != nil {
		return err
	}
	return use(dir, node, contents)
}

// openCache returns the entry for contents from the first cache that works,
// locked until the process ends. If that is not the one the user expects, one
// line on w says why.
func openCache(w io.Writer, contents contents) (string, error) {
	root, err := userCache()
	if err == nil {
		var dir string
		if dir, _, err = openEntry(root, contents.key, contents.files); err == nil {
			return dir, nil
		}
	}
	spare := filepath.Join(os.TempDir(), "tandem-"+strconv.Itoa(os.Geteuid()))
	dir, _, spareErr := openEntry(spare, contents.key, contents.files)
	if spareErr != nil {
		return "", fmt.Errorf("%w; and in its place: %w", err, spareErr)
	}
	fmt.Fprintf(w, "tandem: caching in %s: %v\n", spare, err)
	return dir, nil
}

// userCache is where entries live unless that fails.
func userCache() (string, error) {
	if dir := os.Getenv("TANDEM_CACHE"); dir != "" {
		return filepath.Abs(filepath.Join(dir, "jsii"))
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "tandem", "jsii"), err
}

// use points the kernel at an entry.
func use(dir, node string, contents contents) error {
	for _, e := range [][2]string{
		{"JSII_RUNTIME", launch},
		{"JSII_NODE", node},
		{"JSII_RUNTIME_PACKAGE_CACHE", "enabled"},
		{"JSII_RUNTIME_PACKAGE_CACHE_ROOT", dir},
		{"SHELL", "/bin/sh"}, // which jsii would have run launch
	} {
		if err := os.Setenv(e[0], e[1]); err != nil {
			return err
		}
	}
	for _, tarball := range contents.tarballs() {
		*tarball = contents.standIn()
	}
	return nil
}
