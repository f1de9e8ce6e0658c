package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// way is one way to synthesize an environment.
type way struct {
	name string
	argv []string
	env  []string
	out  string // its CDKTF_OUTDIR
}

// command returns the way's command, which caches under dir.
func (w way) command(dir string) *exec.Cmd {
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	cmd.Env = append(os.Environ(), "CDKTF_OUTDIR="+w.out,
		"TANDEM_CACHE="+filepath.Join(dir, "tandem"), "JSII_RUNTIME_PACKAGE_CACHE_ROOT="+filepath.Join(dir, "jsii"))
	cmd.Env = append(cmd.Env, w.env...)
	return cmd
}

// run runs the way once and returns how long it took.
func (w way) run(cacheDir string) (time.Duration, error) {
	cmd := w.command(cacheDir)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", w.name, err, output.String())
	}
	return took, nil
}

// bench runs ways of the built app and keeps its files in dir.
type bench struct {
	dir  string
	app  string
	runs int
}

// warmCache is the cache directory that is never emptied.
func (b bench) warmCache() string { return filepath.Join(b.dir, "cache") }

// trimmed is the way that users take.
func (b bench) trimmed(name, spec string) way {
	return way{name: "trimmed", argv: []string{b.app, "-spec", spec}, out: filepath.Join(b.dir, name+"-trimmed")}
}

// environment returns the three ways to synthesize what spec describes, all run
// once, with the same result.
func (b bench) environment(npm, name, spec string) ([]way, error) {
	program := filepath.Join(npm, name+".js")
	trimmed := b.trimmed(name, spec)
	ways := []way{
		trimmed,
		{name: "stock", argv: trimmed.argv, env: []string{"TANDEM_STOCK_JSII=1"}, out: filepath.Join(b.dir, name+"-stock")},
		{name: "JavaScript", argv: []string{"node", program}, out: filepath.Join(b.dir, name+"-javascript")},
	}
	for _, w := range ways[:2] {
		if _, err := w.run(b.warmCache()); err != nil {
			return nil, err
		}
	}
	if err := sameFiles(ways[0].out, ways[1].out); err != nil {
		return nil, err
	}
	if err := generatePeer(npm, ways[0].out, program); err != nil {
		return nil, err
	}
	if _, err := ways[2].run(b.warmCache()); err != nil {
		return nil, err
	}
	return ways, sameResources(ways[0].out, ways[2].out)
}

// measure runs the ways in turn, b.runs times, and returns the median of each
// in seconds. A cold run starts with empty caches.
func (b bench) measure(cold bool, ways []way) ([]float64, error) {
	times := make([][]float64, len(ways))
	for range b.runs {
		for i, w := range ways {
			cache := b.warmCache()
			if cold {
				cache = filepath.Join(b.dir, "cold")
			}
			took, err := w.run(cache)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took.Seconds())
			if cold {
				if err := os.RemoveAll(cache); err != nil {
					return nil, err
				}
			}
		}
	}
	medians := make([]float64, len(ways))
	for i, t := range times {
		slices.Sort(t)
		medians[i] = t[len(t)/2]
	}
	return medians, nil
}
