package cli

import (
	"runtime/debug"
	"testing"
)

func TestBuildOf(t *testing.T) {
	stamped := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{
			GoVersion: "go1.26.8",
			Main:      debug.Module{Version: "v0.3.1-0.20260102030405-0b0d05200000"},
			Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "0b0d052"}, {Key: "vcs.modified", Value: modified}},
		}
	}
	for _, test := range []struct {
		name            string
		info            *debug.BuildInfo
		version, commit string
		want            string
	}{
		{"clean checkout", stamped("false"), "", "", "tandem v0.3.1-0.20260102030405-0b0d05200000, commit 0b0d052, go1.26.8"},
		{"uncommitted changes", stamped("true"), "", "", "tandem v0.3.1-0.20260102030405-0b0d05200000, commit 0b0d052 with uncommitted changes, go1.26.8"},
		{"linker wins", stamped("false"), "v1.2.3", "abcdef0", "tandem v1.2.3, commit abcdef0, go1.26.8"},
		{"buildvcs=false", &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}}, "", "", "tandem unknown, commit unknown, go1.26.8"},
		{"no build information", nil, "", "", "tandem unknown, commit unknown, unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := buildOf(test.info, test.version, test.commit).String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
