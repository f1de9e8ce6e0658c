package logstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxHits is how many documents a search gives at most: index.max_result_window.
const maxHits = 10_000

type searchRequest struct {
	Query struct {
		Bool struct {
			Filter []map[string]json.RawMessage `json:"filter"`
		} `json:"bool"`
	} `json:"query"`
	Size   *int              `json:"size"`
	Sort   []json.RawMessage `json:"sort"`
	After  []json.RawMessage `json:"search_after"`
	Source []string          `json:"_source"`
}

type hit struct {
	Document
	Sort []string `json:"sort"`
}

// search answers queries that are a bool of filters: term, terms, range of
// @timestamp and match_phrase. Hits come in the order of one keyword field.
func (x *Index) search(w http.ResponseWriter, r *http.Request, pattern string) {
	var q searchRequest
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		x.malformed(w, "parsing_exception", "%v", err)
		return
	}
	size := 10
	if q.Size != nil {
		size = *q.Size
	}
	by, err := sortField(q.Sort)
	if err != nil || size < 0 || size > maxHits {
		x.malformed(w, "illegal_argument_exception", "size %d, sort: %v", size, err)
		return
	}
	var hits []hit
	for _, doc := range x.Documents() {
		if !matches(pattern, doc.Index) {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(doc.Source, &fields) != nil {
			continue
		}
		selected, err := selects(q.Query.Bool.Filter, fields)
		if err != nil {
			x.malformed(w, "parsing_exception", "%v", err)
			return
		}
		if selected {
			doc.Source = only(fields, q.Source)
			hits = append(hits, hit{doc, []string{text(fields[by])}})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.Sort[0], b.Sort[0]) })
	if len(q.After) == 1 {
		var after string
		if err := json.Unmarshal(q.After[0], &after); err != nil {
			x.malformed(w, "illegal_argument_exception", "search_after: %v", err)
			return
		}
		hits = slices.DeleteFunc(hits, func(h hit) bool { return h.Sort[0] <= after })
	}
	total := len(hits)
	hits = append([]hit{}, hits[:min(size, len(hits))]...)
	answer(w, http.StatusOK, map[string]any{
		"took": 1, "timed_out": false,
		"_shards": map[string]int{"total": 1, "successful": 1, "skipped": 0, "failed": 0},
		"hits":    map[string]any{"total": map[string]any{"value": total, "relation": "eq"}, "max_score": nil, "hits": hits},
	})
}

func sortField(sort []json.RawMessage) (string, error) {
	if len(sort) == 0 {
		return "", nil
	}
	var one map[string]string
	if len(sort) != 1 || json.Unmarshal(sort[0], &one) != nil || len(one) != 1 {
		return "", fmt.Errorf("want one field, got %s", sort)
	}
	for field, order := range one {
		if order != "asc" {
			return "", fmt.Errorf("order is %q, want asc", order)
		}
		return field, nil
	}
	return "", nil
}

func only(fields map[string]any, names []string) json.RawMessage {
	if len(names) > 0 {
		maps.DeleteFunc(fields, func(name string, _ any) bool { return !slices.Contains(names, name) })
	}
	source, err := json.Marshal(fields)
	if err != nil {
		return nil // they came from JSON
	}
	return source
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func selects(filters []map[string]json.RawMessage, fields map[string]any) (bool, error) {
	for _, f := range filters {
		for kind, argument := range f {
			ok, err := selectsOne(kind, argument, fields)
			if !ok || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func selectsOne(kind string, argument json.RawMessage, fields map[string]any) (bool, error) {
	var by map[string]json.RawMessage
	if err := json.Unmarshal(argument, &by); err != nil || len(by) != 1 {
		return false, fmt.Errorf("[%s] query: want one field, got %s", kind, argument)
	}
	for field, value := range by {
		have := text(fields[field])
		switch kind {
		case "term":
			var want string
			err := json.Unmarshal(value, &want)
			return have == want, err
		case "terms":
			var want []string
			err := json.Unmarshal(value, &want)
			return slices.Contains(want, have), err
		case "match_phrase":
			var want string
			err := json.Unmarshal(value, &want)
			return strings.Contains(words(have), words(want)), err
		case "range":
			var want struct {
				From string `json:"gte"`
				To   string `json:"lt"`
			}
			if err := json.Unmarshal(value, &want); err != nil {
				return false, err
			}
			return inRange(have, want.From, want.To)
		}
	}
	return false, fmt.Errorf("unknown query [%s]", kind)
}

func inRange(have, from, to string) (bool, error) {
	at, err := time.Parse(time.RFC3339Nano, have)
	if err != nil {
		return false, nil // without a date it is in no range
	}
	for _, bound := range []struct {
		text string
		out  func(time.Time) bool
	}{{from, at.Before}, {to, func(t time.Time) bool { return !at.Before(t) }}} {
		if bound.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, bound.text)
		if err != nil {
			return false, err
		}
		if bound.out(t) {
			return false, nil
		}
	}
	return true, nil
}

// words are a text's words as the standard analyzer finds them, near enough.
func words(s string) string {
	return " " + strings.ToLower(strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")) + " "
}
