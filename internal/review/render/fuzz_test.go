package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/plan"
	"github.com/tandem-iac/tandem/internal/review/render"
)

// FuzzReview proves that whatever calls itself a plan ends in a review, or in
// one line that refuses it.
func FuzzReview(f *testing.F) {
	for _, seed := range singles(f, file(f, "risky")) {
		f.Add(seed)
	}
	f.Add([]byte(`{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"aws_lb.a","type":"aws_lb","name":"a","values":{},"sensitive_values":true}]}}}`))
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[{"address":"aws_lb.a","type":"aws_lb","change":{"actions":["update"],"before":{"a":[1,{"b":null}]},"after":{"a":"x"},"after_unknown":{"a":[true]},"replace_paths":[["a",0]]}}]}`))
	f.Add([]byte("PK\x03\x04"))
	on := config(f)
	on.Region = "us-east-1"
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Read("plan.json", bytes.NewReader(data))
		if err != nil {
			var input check.InputError
			if !errors.As(err, &input) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		r, err := review.New(t.Context(), []*plan.Plan{p}, on)
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range formats {
			var b bytes.Buffer
			if err := write(&b, r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if name == "md" && b.Len() > render.MaxComment {
				t.Fatalf("the comment has %d bytes", b.Len())
			}
		}
		if err := render.Text(io.Discard, r, render.Terminal{Width: 1, Color: true}); err != nil {
			t.Fatal(err)
		}
	})
}

// singles are plans of one resource each: the fuzzer gets further with little.
func singles(f *testing.F, data []byte) (seeds [][]byte) {
	f.Helper()
	var p struct {
		ResourceChanges []json.RawMessage `json:"resource_changes"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		f.Fatal(err)
	}
	for _, change := range p.ResourceChanges {
		seed, err := json.Marshal(map[string]any{"format_version": "1.2", "resource_changes": []json.RawMessage{change}})
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}
