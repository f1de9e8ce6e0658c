// Command release measures building and publishing against the tools that
// would do it otherwise, in one run and on the same files:
//
//	build    ÷  tar | gzip   at most 0.6, on two cores
//	publish  ÷  aws s3 cp    at most 1.0, to the same moto server
//	memory   of both         under 150 MB
//
// Each is run several times in turn and the medians are compared. The build's
// tree is half text, half what does not compress; what is published does not
// compress at all, so that the archive is as large as the tree.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/internal/moto"
)

func main() {
	size := flag.Int64("mib", 1024, "size of the tree in MiB")
	runs := flag.Int("runs", 3, "runs of each command")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *size<<20, *runs); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, size int64, runs int) (err error) {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	b := &runner{ctx: ctx, dir: dir, runs: runs, env: os.Environ()}
	if _, err := b.run("", "go", "build", "-o", filepath.Join(dir, "tandem"), "./cmd/tandem"); err != nil {
		return err
	}
	if err := b.build(size); err != nil {
		return err
	}
	return b.publish(size)
}

func (b *runner) build(size int64) error {
	if err := makeTree(filepath.Join(b.dir, "mixed"), size, 2); err != nil {
		return err
	}
	ours := func() (usage, error) {
		return b.run(b.dir, "./tandem", "release", "build", "--output", "a.tar.gz", "mixed")
	}
	theirs := func() (usage, error) { return b.run(b.dir, "sh", "-c", "tar cf - mixed | gzip > b.tar.gz") }
	if err := b.compare("build", "tar | gzip", ours, theirs, 0.6); err != nil {
		return err
	}
	a, err := os.Stat(filepath.Join(b.dir, "a.tar.gz"))
	if err != nil {
		return err
	}
	other, err := os.Stat(filepath.Join(b.dir, "b.tar.gz"))
	if err != nil {
		return err
	}
	fmt.Printf("%-8s %.3f of the size\n", "", float64(a.Size())/float64(other.Size()))
	return os.RemoveAll(filepath.Join(b.dir, "mixed"))
}

func (b *runner) publish(size int64) error {
	if err := makeTree(filepath.Join(b.dir, "random"), size, 0); err != nil {
		return err
	}
	if _, err := b.run(b.dir, "./tandem", "release", "build", "random"); err != nil {
		return err
	}
	// A server of its own for every run: one that holds more is slower.
	fresh := func(args ...string) func() (usage, error) {
		return func() (u usage, err error) {
			server, err := moto.Start(b.ctx)
			if err != nil {
				return usage{}, err
			}
			defer func() {
				if stopped := server.Stop(); err == nil {
					err = stopped
				}
			}()
			b.env = os.Environ()
			for name, value := range moto.Environment(server.URL) {
				b.env = append(b.env, name+"="+value)
			}
			if _, err := b.run(b.dir, "aws", "s3", "mb", "--region", moto.Region, "s3://builds"); err != nil {
				return usage{}, err
			}
			return b.run(b.dir, args...)
		}
	}
	ours := fresh("./tandem", "release", "publish", "--artifact", "a", "--environment", "bench", "--region", moto.Region, "--bucket", "builds")
	theirs := fresh("aws", "s3", "cp", "--no-progress", "release.tar.gz", "s3://builds/a/bench/a-1.tar.gz")
	return b.compare("publish", "aws s3 cp", ours, theirs, 1.0)
}

// runner runs commands and measures them.
type runner struct {
	ctx  context.Context
	dir  string
	runs int
	env  []string
}

// usage is what a command took.
type usage struct {
	wall time.Duration
	// rss is the most memory that it had at once, in bytes.
	rss int64
}

func (b *runner) run(dir string, args ...string) (usage, error) {
	cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, b.env
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, output.String())
	}
	u := usage{wall: time.Since(start)}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.rss = r.Maxrss << 10 // KiB on Linux
	}
	return u, nil
}

// compare runs both in turn, so that whatever else the machine does meets both.
func (b *runner) compare(name, against string, ours, theirs func() (usage, error), limit float64) error {
	var mine, other []time.Duration
	var rss int64
	for range b.runs {
		u, err := ours()
		if err != nil {
			return err
		}
		mine, rss = append(mine, u.wall), max(rss, u.rss)
		if u, err = theirs(); err != nil {
			return err
		}
		other = append(other, u.wall)
	}
	ratio := median(mine).Seconds() / median(other).Seconds()
	fmt.Printf("%-8s %5.2f s ÷ %s %5.2f s = %.2f (want at most %.1f), peak memory %d MB (want under 150)\n",
		name, median(mine).Seconds(), against, median(other).Seconds(), ratio, limit, rss/1e6)
	return nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// makeTree writes files of 4 MiB; every one in text, counted from the first,
// is made of words. Zero: none is.
func makeTree(dir string, size int64, text int) error {
	const fileSize = 4 << 20
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	words := strings.Fields("func return error string context if err nil for range the a of release version " +
		"cluster instance spot demand group policy bucket archive <div class= </div> href src function var const")
	for i := int64(0); i*fileSize < size; i++ {
		name := filepath.Join(dir, fmt.Sprintf("d%02d", i%32), fmt.Sprintf("f%04d", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		data := make([]byte, 0, fileSize)
		if text > 0 && i%int64(text) == 0 {
			for len(data) < fileSize {
				data = append(data, words[random.IntN(len(words))]...)
				data = append(data, " \n\t;"[random.IntN(4)])
				if random.IntN(4) == 0 {
					data = fmt.Appendf(data, "%x", random.Uint32())
				}
			}
		} else {
			data = data[:fileSize]
			if _, err := io.ReadFull(source, data); err != nil {
				return err
			}
		}
		if err := os.WriteFile(name, data[:min(int64(len(data)), fileSize)], 0o644); err != nil {
			return err
		}
	}
	return nil
}
