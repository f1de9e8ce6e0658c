// Command nagios measures a Nagios sync of 2,000 hosts besides AWS: at most
// 2 s. Each is a process of its own; the median of several is compared, for a
// file that is new, for one that has not changed, and for nagios4 -v alone.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/nagios"
	"github.com/tandem-iac/tandem/internal/nagiostest"
)

func main() {
	hosts := flag.Int("hosts", 2000, "hosts")
	runs := flag.Int("runs", 7, "runs of which the median counts")
	dir := flag.String("sync", "", "sync once with the Nagios in this directory and measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := error(nil)
	if *dir != "" {
		err = syncOnce(ctx, *dir, *hosts)
	} else {
		err = bench(ctx, *hosts, *runs)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func syncOnce(ctx context.Context, dir string, hosts int) error {
	_, err := nagios.New(nagios.Config{
		Main: filepath.Join(dir, "nagios.cfg"), Output: filepath.Join(dir, "conf.d", "tandem.cfg"), Reload: "true",
		Find: func(context.Context) (nagios.Clusters, error) { return clusters(hosts), nil },
	}).Sync(ctx)
	return err
}

// clusters are ten, of a spot and an on-demand group each.
func clusters(hosts int) nagios.Clusters {
	all := nagios.Clusters{Checks: map[string]fleet.HealthCheck{}}
	for n := range 10 {
		arn := fmt.Sprintf("arn:%d", n)
		all.Checks[arn] = fleet.HealthCheck{Protocol: "HTTP", Port: 80, Path: "/health", Matcher: "200-299"}
		c := fleet.Cluster{Environment: "prod", Name: fmt.Sprintf("cluster-%d", n)}
		for _, lifecycle := range []string{fleet.Spot, fleet.OnDemand} {
			c.Groups = append(c.Groups, fleet.Group{Name: c.Name + "-" + lifecycle, Lifecycle: lifecycle, TargetGroup: arn})
		}
		for i := range hosts / 10 {
			g := c.Groups[i%2]
			c.Instances = append(c.Instances, fleet.Instance{
				ID: fmt.Sprintf("i-%02d%015d", n, i), Group: g.Name, Lifecycle: g.Lifecycle, Type: "m4.large",
				Zone: "eu-west-1" + string(rune('a'+i%3)), PrivateIP: fmt.Sprintf("10.%d.%d.%d", n, i/250, i%250+1),
				State: fleet.InService, Health: fleet.Healthy,
			})
		}
		all.List = append(all.List, c)
	}
	return all
}

func bench(ctx context.Context, hosts, runs int) (err error) {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nagios4 reads it as another user
		return err
	}
	n, err := nagiostest.Write(dir, "")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var fresh, same, check []usage
	for range runs {
		if err := os.Remove(n.Output); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, m := range []struct {
			list *[]usage
			args []string
		}{
			{&fresh, []string{self, "-sync", dir, "-hosts", strconv.Itoa(hosts)}},
			{&same, []string{self, "-sync", dir, "-hosts", strconv.Itoa(hosts)}},
			{&check, []string{"nagios4", "-v", n.Main}},
		} {
			u, err := run(ctx, m.args[0], m.args[1:]...)
			if err != nil {
				return err
			}
			*m.list = append(*m.list, u)
		}
	}
	info, err := os.Stat(n.Output)
	if err != nil {
		return err
	}
	all, verify := median(fresh), median(check)
	fmt.Printf("%d hosts, %d KB, besides AWS: %.2f s (want at most 2), of which nagios4 -v alone takes %.2f s (%.0f %%)\n",
		hosts, info.Size()/1000, all.wall.Seconds(), verify.wall.Seconds(), 100*verify.wall.Seconds()/all.wall.Seconds())
	fmt.Printf("nothing changed: %.2f s; peak memory %d MB, nagios4 -v %d MB\n", median(same).wall.Seconds(), all.memory/1e6, verify.memory/1e6)
	return nil
}

// usage is what a process took: the time that passed and the most memory that
// it had at once, in bytes.
type usage struct {
	wall   time.Duration
	memory int64
}

func run(ctx context.Context, program string, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", program, err, out.String())
	}
	u := usage{wall: time.Since(start)}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.memory = r.Maxrss << 10 // KiB on Linux
	}
	return u, nil
}

func median(list []usage) usage {
	slices.SortFunc(list, func(a, b usage) int { return int(a.wall - b.wall) })
	return list[len(list)/2]
}
