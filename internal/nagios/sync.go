package nagios

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// Defaults of Config.
const (
	DefaultMain     = "/etc/nagios4/nagios.cfg"
	DefaultOutput   = "/var/lib/tandem-nagios/tandem.cfg"
	DefaultProgram  = "nagios4"
	DefaultBoot     = 15 * time.Minute
	DefaultDowntime = 2 * time.Hour
)

// Config configures a Syncer.
type Config struct {
	// Find asks AWS. Required.
	Find func(context.Context) (Clusters, error)
	// Main is Nagios's main configuration file. Empty: DefaultMain.
	Main string
	// Output is the file that is written and that Main reads. Empty: DefaultOutput.
	Output string
	// Templates are the object definitions that hosts and services use.
	// Empty: Templates().
	Templates string
	// Program is nagios4, by name or path. Empty: DefaultProgram.
	Program string
	// Reload is a shell command that makes Nagios read its configuration.
	// Empty: RESTART_PROGRAM through Main's command file.
	Reload string
	// Boot is how long a new instance may take from its launch to its first
	// passed health check before it is watched all the same. Zero: DefaultBoot.
	Boot time.Duration
	// Downtime is scheduled for an instance that leaves; a new one follows if
	// it is still there when this ends. Zero: DefaultDowntime.
	Downtime time.Duration
	// AllowEmpty lets all hosts go where AWS knows no cluster. Otherwise that
	// is an error: it is the wrong account or region more often than the truth.
	AllowEmpty bool
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Syncer keeps one file of one Nagios up to date.
type Syncer struct{ Config }

// New returns a Syncer. It touches nothing.
func New(c Config) *Syncer {
	c.Main = cmp.Or(c.Main, DefaultMain)
	c.Output = cmp.Or(c.Output, DefaultOutput)
	c.Templates = cmp.Or(c.Templates, defaultTemplates)
	c.Program = cmp.Or(c.Program, DefaultProgram)
	c.Boot = cmp.Or(c.Boot, DefaultBoot)
	c.Downtime = cmp.Or(c.Downtime, DefaultDowntime)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Syncer{c}
}

// Result is what a sync did.
type Result struct {
	// Hosts is how many are in the file now.
	Hosts int
	// Added and Removed are how many came and went.
	Added, Removed int
	// Booting is how many instances are not watched yet.
	Booting int
	// Downtimes is how many hosts got a downtime.
	Downtimes int
	// Changed says that there is a new file, Reloaded that Nagios was told.
	Changed, Reloaded bool
	// Skipped says which instances cannot be watched, and why.
	Skipped []string
}

// Sync does it once, unless Check has something to report. If it fails later, the
// file is the last one that Nagios has accepted; a reload that failed is tried
// again by the next sync, and hosts that leave have got their downtime.
func (s *Syncer) Sync(ctx context.Context) (Result, error) {
	main, files, err := s.own()
	if err != nil {
		return Result{}, err
	}
	clusters, err := s.Find(ctx)
	if err != nil {
		return Result{}, err
	}
	unlock, err := files.lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	return s.sync(ctx, main, files, clusters)
}

// Check reports, mostly as a check.InputError, what is wrong on this machine, for
// which no sync can succeed. AWS is not asked.
func (s *Syncer) Check() error {
	_, _, err := s.own()
	return err
}

// own finds what a sync needs of this machine.
func (s *Syncer) own() (mainConfig, files, error) {
	main, err := readMain(s.Main)
	if err != nil {
		return mainConfig{}, files{}, err
	}
	output, err := filepath.Abs(s.Output)
	if err != nil {
		return mainConfig{}, files{}, err
	}
	f := filesOf(output)
	if err := f.check(); err != nil {
		return mainConfig{}, files{}, err
	}
	if _, err := main.with(output, f.candidate); err != nil {
		return mainConfig{}, files{}, err
	}
	return main, f, available(s.Program)
}

func (s *Syncer) sync(ctx context.Context, main mainConfig, files files, clusters Clusters) (Result, error) {
	last, err := os.ReadFile(files.output)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Result{}, err
	}
	known := hostNames(last)
	if len(clusters.List) == 0 && len(known) > 0 && !s.AllowEmpty {
		return Result{}, check.InputErrorf("AWS knows no cluster here, and %s has %d hosts: check --region, --environment and the account of your credentials; --allow-empty lets them go", files.output, len(known))
	}
	choice := choose(clusters.List, known, s.Now(), s.Boot)
	result := Result{Hosts: len(choice.hosts), Booting: choice.booting, Skipped: choice.skipped}
	// First, since it hurries.
	var spared error
	result.Downtimes, spared = s.spare(main, choice.leaving, known)

	if text := render(s.Templates, clusters, choice.hosts); !bytes.Equal(text, last) {
		if err := s.replace(ctx, main, files, text); err != nil {
			return Result{Downtimes: result.Downtimes}, errors.Join(err, spared)
		}
		result.Changed = true
		now := hostNames(text)
		result.Added, result.Removed = without(now, known), without(known, now)
	} else if err := os.RemoveAll(files.dir); err != nil { // of a sync that was killed, or refused
		return result, errors.Join(err, spared)
	}
	result.Reloaded, err = s.reload(ctx, main, files)
	return result, errors.Join(err, spared)
}

// without counts the names of a that are not in b.
func without(a, b map[string]bool) int {
	n := 0
	for name := range a {
		if !b[name] {
			n++
		}
	}
	return n
}

// replace has Nagios verify the new file among all others, and puts it in place.
func (s *Syncer) replace(ctx context.Context, main mainConfig, files files, text []byte) error {
	if err := files.prepare(main, text); err != nil {
		return err
	}
	if err := verify(ctx, s.Program, files.candidateMain); err != nil {
		return err
	}
	return files.swap()
}

// Poll syncs now and then every so often until ctx ends, and tells report how
// each went. A sync has as long as lies between two, and a minute at least.
func (s *Syncer) Poll(ctx context.Context, every time.Duration, report func(Result, error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		once, cancel := context.WithTimeoutCause(ctx, max(every, time.Minute), fmt.Errorf("not done after %s", max(every, time.Minute)))
		result, err := s.Sync(once)
		cancel()
		if ctx.Err() != nil {
			return
		}
		report(result, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
