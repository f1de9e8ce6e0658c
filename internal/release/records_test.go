package release_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/object"
	"github.com/tandem-iac/tandem/internal/release"
)

func TestDamagedRecords(t *testing.T) {
	later := time.Now().Add(25 * time.Hour)
	for name, test := range map[string]struct {
		object, content string
		act             func(f *fixture) error
		want            string
	}{
		"a committed claim without manifest": {
			"claims/00000007.json", `{"version": 7, "state": "committed"}`,
			func(f *fixture) error { _, err := f.at(later).Prune(t.Context(), release.PruneConfig{}); return err },
			"claims/00000007.json is committed and holds no manifest",
		},
		"the claim of another version": {
			"claims/00000007.json", `{"version": 8, "state": "open"}`,
			func(f *fixture) error { _, err := f.at(later).Prune(t.Context(), release.PruneConfig{}); return err },
			"claims/00000007.json is the claim of version 8",
		},
		"a manifest beyond all measure": {
			"obelix-7.json", `{"version": 7}` + strings.Repeat(" ", 1<<20),
			func(f *fixture) error { return f.Require(t.Context(), 7) },
			"obelix-7.json has more than 1048576 bytes",
		},
		"a stable pointer to nothing": {
			"latest-stable.txt", "VERSION=first\n",
			func(f *fixture) error { _, err := f.Stable(t.Context()); return err },
			`latest-stable.txt has VERSION "first", want a number from 1: put its former content back, or delete it with 'aws s3 rm s3://`,
		},
		"a latest pointer to nothing": {
			"latest.txt", "<html>",
			func(f *fixture) error { _, err := f.Show(t.Context(), "latest"); return err },
			`latest.txt has VERSION "", want a number from 1: put its former content back, or delete it with 'aws s3 rm s3://`,
		},
		"a change that is none": {
			"latest-stable.txt", "VERSION=1\nCHANGE=-1\n",
			func(f *fixture) error { _, err := f.Stable(t.Context()); return err },
			`latest-stable.txt has CHANGE "-1", want a number from 1: put`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.write(test.object, []byte(test.content))
			err := test.act(f)
			var damaged *object.DamagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a DamagedError with %q", err, test.want)
			}
		})
	}
}

func TestConfigsRefuse(t *testing.T) {
	for want, err := range map[string]error{
		"PartSize is 1, want 5242880..5368709120 bytes, which S3 takes": release.PublishConfig{File: "a", PartSize: 1}.Validate(),
		"Workers is -1, want 1 or more":                                 release.PublishConfig{File: "a", Workers: -1}.Validate(),
		"Resume is -7, want a version from 1, or 0 for a new one":       release.PublishConfig{File: "a", Resume: -7}.Validate(),
		"File is unset, want the name of an archive":                    release.PublishConfig{}.Validate(),
		"Keep is -1, want 1 or more":                                    release.PruneConfig{Keep: -1}.Validate(),
		"History is -1, want 1 or more":                                 release.PruneConfig{History: -1}.Validate(),
		"Unfinished is -1ns, want more than 0s":                         release.PruneConfig{Unfinished: -1}.Validate(),
	} {
		var faults check.Errors
		if !errors.As(err, &faults) || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, err := range []error{release.PublishConfig{File: "a"}.Validate(), release.PruneConfig{}.Validate()} {
		if err != nil {
			t.Errorf("the defaults: %v", err)
		}
	}
	if _, err := newFixture(t).Publish(t.Context(), release.PublishConfig{File: "a", Workers: -1}); err == nil || !strings.Contains(err.Error(), "Workers") {
		t.Errorf("publish: got %v, want the fault of its config", err)
	}
}
