package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
)

// peerPackages are the npm packages of the JavaScript program, the versions
// that the Go bindings embed.
var peerPackages = []string{"cdktf@0.21.0", "constructs@10.4.2", "@cdktf/provider-aws@19.65.1"}

//go:embed peer.js
var peerGenerator []byte

// installPeer installs the JavaScript program's packages in dir, once.
func installPeer(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "peer.js"), peerGenerator, 0o644); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@cdktf", "provider-aws")); err == nil {
		return nil
	}
	// The provider asks for an older cdktf than the one its Go bindings run on.
	cmd := exec.Command("npm", append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--legacy-peer-deps"}, peerPackages...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// generatePeer writes the JavaScript program that makes what was synthesized
// to out.
func generatePeer(npm, out, program string) error {
	text, err := exec.Command("node", filepath.Join(npm, "peer.js"), out).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return fmt.Errorf("generating the JavaScript program: %w", err)
	}
	return os.WriteFile(program, text, 0o644)
}

// sameFiles returns an error unless two directories hold the same files.
func sameFiles(a, b string) error {
	left, right := os.DirFS(a), os.DirFS(b)
	return fs.WalkDir(left, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		x, errX := fs.ReadFile(left, name)
		y, errY := fs.ReadFile(right, name)
		if string(x) != string(y) {
			return fmt.Errorf("%s differs between %s and %s", name, a, b)
		}
		return errors.Join(errX, errY)
	})
}

// sameResources returns an error unless two apps synthesized the same data
// sources and resources of the provider, construct metadata aside.
func sameResources(a, b string) error {
	stacks, err := filepath.Glob(filepath.Join(a, "stacks", "*", "cdk.tf.json"))
	if err != nil {
		return err
	}
	for _, file := range stacks {
		other := filepath.Join(b, strings.TrimPrefix(file, a))
		x, errX := readStack(file)
		y, errY := readStack(other)
		if err := cmp.Or(errX, errY); err != nil {
			return err
		}
		for _, section := range []string{"data", "resource"} {
			if !reflect.DeepEqual(ofProvider(x[section]), ofProvider(y[section])) {
				return fmt.Errorf("%s: the %s section of the JavaScript program differs", file, section)
			}
		}
	}
	return nil
}

// ofProvider keeps the provider's types of a section: the program refers to
// other stacks' state without declaring it.
func ofProvider(section any) map[string]any {
	byType, _ := section.(map[string]any)
	maps.DeleteFunc(byType, func(name string, _ any) bool { return !strings.HasPrefix(name, "aws_") })
	return byType
}

func readStack(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var stack map[string]any
	if err := json.Unmarshal(text, &stack); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	dropMetadata(stack)
	return stack, nil
}

// dropMetadata removes the "//" keys of a decoded stack, in place.
func dropMetadata(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "//")
		for _, member := range v {
			dropMetadata(member)
		}
	case []any:
		for _, element := range v {
			dropMetadata(element)
		}
	}
}
