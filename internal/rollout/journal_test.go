package rollout

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// parameter is one parameter, written by whoever comes.
type parameter struct {
	document string
	version  int64
}

func (p *parameter) Read(context.Context, string) (string, int64, error) {
	return p.document, p.version, nil
}

func (p *parameter) Write(_ context.Context, _, document string, create bool) (int64, error) {
	if create && p.version != 0 {
		return 0, nil
	}
	p.document = document
	p.version++
	return p.version, nil
}

func (p *parameter) Delete(context.Context, string) error {
	*p = parameter{}
	return nil
}

// TestLostJournalIsLeftAlone lets somebody else take the journal over: what
// they write is theirs to keep, whatever this rollout still does.
func TestLostJournalIsLeftAlone(t *testing.T) {
	store := &parameter{}
	l, err := openLog(t.Context(), store, wallClock{}, fleet.Cluster{Environment: "prod", Name: "obelix"}, "getafix", fleet.Release{Service: 42})
	if err != nil {
		t.Fatal(err)
	}
	const theirs = `{"by":"vitalstatistix"}`
	if _, err := store.Write(t.Context(), l.name, theirs, false); err != nil {
		t.Fatal(err)
	}
	if err := l.write(t.Context(), false); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Fatalf("error is %v, want word of somebody else", err)
	}
	taken := *store
	l.Until = time.Now()
	if err := l.write(t.Context(), false); err == nil {
		t.Error("a lost journal was written again")
	}
	if err := l.close(t.Context()); err != nil {
		t.Error(err)
	}
	if *store != taken {
		t.Errorf("the journal is %+v, was %+v", *store, taken)
	}
}
