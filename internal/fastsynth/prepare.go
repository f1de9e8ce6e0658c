// Package fastsynth makes the jsii kernel, which every CDKTF call goes through,
// start in the time a plain JavaScript program takes.
//
//	linked bindings ─► modules ─┐
//	                            ├─► key ─► cache entry ─► environment ─► kernel
//	embedded tarballs ──────────┘            │
//	                                         └─ trimmed packages, launcher, bytecode
//
// The stock path writes the AWS provider's 34 MB tarball to a temporary file
// and hashes it, parses the description of 23,208 types and loads 2,123
// modules, in every run, through two Node processes. A program needs a few
// dozen of those modules. Prepare finds out which, keeps a copy of the packages
// cut down to them, and has the kernel use it. The kernel itself is the stock
// one, and so is what it synthesizes.
//
// Linux and macOS; elsewhere Prepare does nothing and the stock path is taken.
package fastsynth

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/aws/jsii-runtime-go"
)

// once guards the tarballs, which can be replaced only once per process.
var once sync.Once

// Prepare makes the next jsii call start a kernel that loads only the bindings
// linked into this program. Call it before the first jsii call; further calls
// do nothing.
//
// It keeps its copy of the packages under TANDEM_CACHE, or tandem in the user's
// cache directory, or, if that cannot be used, in the temporary directory.
// Whatever goes wrong, synth still works, at worst on the stock path, and one
// line on w says what went wrong. TANDEM_STOCK_JSII=1 asks for the stock path,
// and so does a JSII_RUNTIME of the user's own.
//
// It sets JSII_RUNTIME, JSII_NODE, JSII_RUNTIME_PACKAGE_CACHE,
// JSII_RUNTIME_PACKAGE_CACHE_ROOT and SHELL for the rest of the process, and
// what silences the stock path's banners about the version of Node.
func Prepare(w io.Writer) {
	once.Do(func() {
		silenceBanners()
		if err := prepare(w); err != nil {
			fmt.Fprintf(w, "tandem: slow synth: %v\n", err)
		}
		// Types register themselves as packages are initialized, which makes a
		// client that has read the environment already but started nothing: it
		// is closed, and the next jsii call makes another.
		jsii.Close()
	})
}

// silenceBanners keeps the stock launcher from warning of versions of Node that
// work; which do is in the README.
func silenceBanners() {
	for name, value := range map[string]string{
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20,21,22,23,24,25", // by major version
		"JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION":  "1",
		"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION":    "1",
	} {
		os.Setenv(name, value)
	}
}

// Close ends the kernel, waits until it is gone and removes what it unpacked.
// Call it last: jsii waits for its process in two places at once, and where the
// wrong one wins prints "Runtime process exited abnormally" to os.Stderr, which
// therefore leads nowhere from here on.
func Close() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	jsii.Close()
}
