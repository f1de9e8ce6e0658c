package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
)

// FuzzParse proves that any file ends in an environment that keeps all rules,
// or in faults with their places.
func FuzzParse(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(smallest + everythingSet))
	f.Add([]byte(smallest + existingNetwork))
	for _, c := range allBadCases(f) {
		f.Add([]byte(c.source()))
	}
	for _, file := range []string{"../tandem.yaml", "testdata/defaults.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := Parse("tandem.yaml", text)
		if err == nil {
			if err := env.Validate(); err != nil {
				t.Errorf("accepted, and yet:\n%v", err)
			}
			return
		}
		var faults check.Errors
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for i, fault := range faults {
			if fault.File != "tandem.yaml" || fault.Line < 1 || fault.Column < 1 || fault.Path == "" || fault.Want == "" {
				t.Errorf("%+v lacks something", fault)
			}
			if i > 0 && fault.Line < faults[i-1].Line {
				t.Errorf("%v stands behind %v", fault, faults[i-1])
			}
		}
	})
}

// TestBounds reads files that are small but would keep a parser or decoder
// busy: neither begins what it cannot end soon.
func TestBounds(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("clusters:\n  a0: &a0 {service: web}\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "  a%d: &a%d {<<: [*a%d, *a%d]}\n", i+1, i+1, i, i)
	}
	var products strings.Builder
	products.WriteString("clusters:\n  c: &c {spot: {instance_types: [" + strings.Repeat("m4.large, ", 2000) + "m5.large]}}\n")
	for i := range 2000 {
		fmt.Fprintf(&products, "  c%d: *c\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"size", strings.Repeat("#\n", maxSize), "tandem.yaml:1:1: the file is 2097152 bytes, want at most 1048576"},
		{"brackets", strings.Repeat("[", 200_000), "tandem.yaml:1:101: the file is more than 100 levels deep, want fewer"},
		{"braces", strings.Repeat("{a: ", 200_000), "tandem.yaml:1:401: the file is more than 100 levels deep, want fewer"},
		{"dashes", strings.Repeat("- ", 200_000), "tandem.yaml:1:201: the file is more than 100 levels deep, want fewer"},
		{"aliases of aliases", laughs.String(), "tandem.yaml:1:1: the file is more than 100000 values, want fewer, aliases counted as often as they are used"},
		{"aliases of much", products.String(), "tandem.yaml:1:1: the file is more than 100000 values, want fewer, aliases counted as often as they are used"},
	} {
		_, err := Parse("tandem.yaml", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %.300v, want %s", c.name, err, c.want)
		}
		root, err := parse("tandem.yaml", []byte(c.text))
		if err != nil {
			continue // refused before it was parsed
		}
		// What is begun at the limit is left at once, each alias and value once.
		d := decodeDocument(root, new(Environment))
		if most := maxNodes + strings.Count(c.text, "\n") + 2000; d.nodes > most {
			t.Errorf("%s: %d nodes visited, want at most %d", c.name, d.nodes, most)
		}
	}
}

// TestWindows reads what an editor on Windows writes.
func TestWindows(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(smallest, "\n", "\r\n")
	if _, err := Parse("tandem.yaml", []byte(text)); err != nil {
		t.Error(err)
	}
}

// TestLoad reads a file, and tells where there is none to read.
func TestLoad(t *testing.T) {
	env, err := Load("../tandem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(env.Clusters) != 2 || env.Clusters["dogmatix"].Spot.MaxPrice != 0.0317 {
		t.Errorf("unexpected environment: %+v", env)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a directory is read as a file")
	}
}
