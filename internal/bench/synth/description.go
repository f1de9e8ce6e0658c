package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeDescription writes the description of an environment of so many
// clusters, all defaults, into dir and returns its path.
func writeDescription(dir string, clusters int) (string, error) {
	var b strings.Builder
	b.WriteString("environment: prod\nregion: ap-southeast-1\nclusters:\n")
	for i := range clusters {
		fmt.Fprintf(&b, "  web-%d:\n    certificate_arn: arn:aws:acm:ap-southeast-1:123456789012:certificate/web-%d\n", i, i)
	}
	file := filepath.Join(dir, fmt.Sprintf("%d-clusters.yaml", clusters))
	return file, os.WriteFile(file, []byte(b.String()), 0o666)
}

// countResources counts the resources of all stacks in an output directory.
func countResources(out string) (int, error) {
	files, err := filepath.Glob(filepath.Join(out, "stacks", "*", "cdk.tf.json"))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, file := range files {
		stack, err := readStack(file)
		if err != nil {
			return 0, err
		}
		byType, _ := stack["resource"].(map[string]any)
		for _, byName := range byType {
			n += len(byName.(map[string]any))
		}
	}
	return n, nil
}
