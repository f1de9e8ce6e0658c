package nagios

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// directive is a line of the main configuration file. Comments have no name.
type directive struct{ line, name, value string }

// mainConfig is Nagios's main configuration file:
// https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/configmain.html
type mainConfig struct {
	path       string
	directives []directive
}

// readMain reads the file and its paths, which are relative to its directory.
func readMain(path string) (mainConfig, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return mainConfig{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return mainConfig{}, check.InputErrorf("main configuration file of Nagios: %w: name it with --config", err)
	}
	m := mainConfig{path: path}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		d := directive{line: line}
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			d.name, d.value = strings.TrimSpace(name), strings.TrimSpace(value)
			if isPath(d.name) && !filepath.IsAbs(d.value) && d.value != "" {
				d.value = filepath.Join(filepath.Dir(path), d.value)
				d.line = d.name + "=" + d.value
			}
		}
		m.directives = append(m.directives, d)
	}
	return m, nil
}

func isPath(name string) bool {
	for _, end := range []string{"_file", "_dir", "_path", "query_socket"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// value is that of the last directive of a name.
func (m mainConfig) value(name string) string {
	value := ""
	for _, d := range m.directives {
		if d.name == name {
			value = d.value
		}
	}
	return value
}

// with returns the text of the configuration that reads candidate instead of
// file. It is an InputError if the configuration does not read file at all.
func (m mainConfig) with(file, candidate string) ([]byte, error) {
	var b bytes.Buffer
	found := false
	for _, d := range m.directives {
		switch {
		case d.name == "cfg_file" && same(d.value, file):
			fmt.Fprintf(&b, "cfg_file=%s\n", candidate)
			found = true
		case d.name == "cfg_dir" && reads(d.value, file):
			if err := expand(&b, d.value, file); err != nil {
				return nil, fmt.Errorf("cfg_dir of %s: %w", m.path, err)
			}
			fmt.Fprintf(&b, "cfg_file=%s\n", candidate)
			found = true
		default:
			fmt.Fprintln(&b, d.line)
		}
	}
	if !found {
		return nil, check.InputErrorf("%s does not read %s: add the line cfg_file=%s", m.path, file, file)
	}
	return b.Bytes(), nil
}

// same says that two paths mean one file, which need not exist.
func same(a, b string) bool { return resolved(a) == resolved(b) }

func resolved(path string) string {
	return filepath.Join(target(filepath.Dir(path)), filepath.Base(path))
}

// target is what a path leads to, or the path where there is nothing.
func target(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	return filepath.Clean(path)
}

// reads says that Nagios, which reads what is below dir and ends in .cfg, but
// nothing hidden, reads file.
func reads(dir, file string) bool {
	within, err := filepath.Rel(target(dir), resolved(file))
	if err != nil {
		return false
	}
	for part := range strings.SplitSeq(within, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	return strings.HasSuffix(within, ".cfg")
}

// expand writes down the files of a directory that Nagios reads, but file.
func expand(b *bytes.Buffer, dir, file string) error {
	dir = target(dir)
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case !entry.IsDir() && strings.HasSuffix(path, ".cfg") && !same(path, file):
			fmt.Fprintf(b, "cfg_file=%s\n", path)
		}
		return nil
	})
}
