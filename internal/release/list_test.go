package release_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestListAndShow(t *testing.T) {
	f := newFixture(t)
	if list, err := f.List(t.Context(), 0); err != nil || len(list) != 0 {
		t.Errorf("an empty ledger lists %v (%v)", list, err)
	}
	file := build(t, 100, "x")
	for range 12 {
		f.publish(file)
	}
	f.promote("10")
	f.write("obelix-13.tar.gz", []byte("being uploaded"))
	list, err := f.List(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Version, e.Latest, e.Stable))
	}
	if want := "[12 true false 11 false false 10 false true 9 false false]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for which, want := range map[string]int{"latest": 12, "stable": 10, "latest-stable": 10, "3": 3} {
		if e, err := f.Show(t.Context(), which); err != nil || e.Version != want || e.Builder != "alice" {
			t.Errorf("%s: got %+v (%v), want version %d of alice", which, e, err, want)
		}
	}
	if _, err := f.Show(t.Context(), "13"); err == nil || !strings.Contains(err.Error(), "version 13 of obelix was never published for prod, or was pruned; the latest is 12") {
		t.Errorf("an incomplete version: %v", err)
	}
}

func TestListShowsDamage(t *testing.T) {
	f := newFixture(t)
	file := build(t, 100, "x")
	for range 3 {
		f.publish(file)
	}
	f.write("obelix-2.json", []byte("{"))
	list, err := f.List(t.Context(), 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %v (%v), want three", list, err)
	}
	for i, damaged := range []bool{false, true, false} {
		if e := list[i]; e.Version != 3-i || damaged != strings.Contains(e.Damage, "obelix-2.json is not what tandem writes there") {
			t.Errorf("got %+v, want damage only in version 2", e)
		}
	}
}
