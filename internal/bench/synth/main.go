// Command synth measures how long the app takes to synthesize.
//
//	go run ./internal/bench/synth          against the stock path and JavaScript
//	go run ./internal/bench/synth -growth  with 1, 10 and 50 clusters
//
// The first synthesizes the example environment three ways: with trimmed
// packages, on the stock jsii path, and as a JavaScript program that makes the
// same resources. That program is generated from what the app synthesizes, so
// it needs no care when the app changes.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
)

// options are the command's flags.
type options struct {
	growth bool
	runs   int
	npm    string // where the peer's packages are installed
}

func main() {
	var o options
	flag.BoolVar(&o.growth, "growth", false, "measure growth with the number of clusters, in place of the comparison")
	flag.IntVar(&o.runs, "runs", 5, "runs of each kind; medians are printed")
	flag.StringVar(&o.npm, "npm", filepath.Join(os.TempDir(), "tandem-bench-npm"), "where the JavaScript packages are, or are to be installed")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{dir: dir, runs: o.runs, app: filepath.Join(dir, "app")}
	if out, err := exec.Command("go", "build", "-o", b.app, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("building the app: %w\n%s", err, out)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if o.growth {
		err = b.growth(out)
	} else {
		err = b.compare(out, o.npm)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// growth prints what synthesis of more and more clusters takes.
func (b bench) growth(out *tabwriter.Writer) error {
	fmt.Fprintln(out, "clusters\tresources\tcold, s\twarm, s\tresources a second, warm\tpeak memory of Node, MB\t")
	for _, clusters := range []int{1, 10, 50} {
		spec, err := writeDescription(b.dir, clusters)
		if err != nil {
			return err
		}
		ways := []way{b.trimmed(fmt.Sprint(clusters), spec)}
		cold, err := b.measure(true, ways)
		if err != nil {
			return err
		}
		if _, err := ways[0].run(b.warmCache()); err != nil { // fills the cache
			return err
		}
		warm, err := b.measure(false, ways)
		if err != nil {
			return err
		}
		memory, err := b.memory(ways)
		if err != nil {
			return err
		}
		resources, err := countResources(ways[0].out)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d\t%d\t%.2f\t%.2f\t%.0f\t%.0f\t\n", clusters, resources, cold[0], warm[0], float64(resources)/warm[0], memory[0])
	}
	return nil
}

// manyClusters is the size of the large environment that compare measures.
const manyClusters = 50

// compare prints the three ways side by side.
func (b bench) compare(out *tabwriter.Writer, npm string) error {
	if err := installPeer(npm); err != nil {
		return err
	}
	const example, exampleClusters = "tandem.yaml", 2
	small, err := b.environment(npm, "small", example)
	if err != nil {
		return err
	}
	cold, err := b.measure(true, small[:2]) // JavaScript unpacks nothing
	if err != nil {
		return err
	}
	warm, err := b.measure(false, small)
	if err != nil {
		return err
	}
	memory, err := b.memory(small)
	if err != nil {
		return err
	}
	spec, err := writeDescription(b.dir, manyClusters)
	if err != nil {
		return err
	}
	large, err := b.environment(npm, "large", spec)
	if err != nil {
		return err
	}
	many, err := b.measure(false, large)
	if err != nil {
		return err
	}
	each := make([]float64, len(many))
	for i := range many {
		each[i] = 1000 * (many[i] - warm[i]) / (manyClusters - exampleClusters)
	}
	fmt.Fprintln(out, "\ttrimmed\tstock\tJavaScript\ttrimmed ÷ stock\ttrimmed ÷ JavaScript\t")
	row(out, "cold, s", "%.2f", append(cold, 0))
	row(out, "warm, s", "%.2f", warm)
	row(out, "peak memory of Node, MB", "%.0f", memory)
	row(out, fmt.Sprintf("warm, %d clusters, s", manyClusters), "%.2f", many)
	row(out, "per further cluster, ms", "%.1f", each)
	return nil
}

// row prints the values of the three ways and the ratios of the first to the
// others; 0 stands for a value that does not exist.
func row(out *tabwriter.Writer, name, format string, v []float64) {
	cell := func(format string, v float64) string {
		if v == 0 {
			return "–"
		}
		return fmt.Sprintf(format, v)
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t\n", name, cell(format, v[0]), cell(format, v[1]), cell(format, v[2]),
		cell("%.2f", ratio(v[0], v[1])), cell("%.2f", ratio(v[0], v[2])))
}

func ratio(a, b float64) float64 {
	if a == 0 || b == 0 {
		return 0
	}
	return a / b
}
