package logstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"
)

// maxRequest is the size, in bytes, above which a request is refused: that of
// Elasticsearch is 100 MB, that of small OpenSearch domains 10 MiB
// (https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html).
const maxRequest = 10 << 20

// action is the line before a document. Types are gone in version 8.
type action struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
}

// item is what becomes of a document.
type item struct {
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Status int    `json:"status"`
	Result string `json:"result,omitempty"`
	Error  *fault `json:"error,omitempty"`
}

type fault struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// operation is an action with its document.
type operation struct {
	kind string
	action
	source []byte
}

func (x *Index) bulk(w http.ResponseWriter, r *http.Request) {
	if x.failWhole(w) {
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && media != "application/x-ndjson" {
		x.malformed(w, "illegal_argument_exception", "Content-Type header [%s] is not supported", r.Header.Get("Content-Type"))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the client has gone
	}
	if len(body) > maxRequest {
		x.mu.Lock()
		x.counts.Malformed = append(x.counts.Malformed, "a request over the limit")
		x.mu.Unlock()
		http.Error(w, "Request Entity Too Large", http.StatusRequestEntityTooLarge)
		return
	}
	operations, err := parseBulk(body)
	if err != nil {
		x.malformed(w, "illegal_argument_exception", "%v", err)
		return
	}
	x.carryOut(w, operations)
}

// failWhole answers in the place of the index, where that is wanted.
func (x *Index) failWhole(w http.ResponseWriter) bool {
	x.mu.Lock()
	x.counts.Requests++
	failing := x.faults.Requests > 0
	f := x.faults
	if failing {
		x.faults.Requests--
	}
	x.mu.Unlock()
	switch {
	case !failing:
	case f.Page:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", f.Status, http.StatusText(f.Status))
	default:
		refuse(w, f.Status, "es_rejected_execution_exception", "rejected execution of coordinating operation")
	}
	return failing
}

// parseBulk reads pairs of lines, of which the last ends as well.
func parseBulk(body []byte) ([]operation, error) {
	if len(body) == 0 {
		return nil, fmt.Errorf("request body is required")
	}
	if body[len(body)-1] != '\n' {
		return nil, fmt.Errorf("the bulk request must be terminated by a newline [\\n]")
	}
	var all []operation
	for len(body) > 0 {
		var head, source []byte
		head, body, _ = bytes.Cut(body, []byte("\n"))
		var of struct{ Create, Index *action }
		d := json.NewDecoder(bytes.NewReader(head))
		d.DisallowUnknownFields()
		if err := d.Decode(&of); err != nil {
			return nil, fmt.Errorf("malformed action/metadata line [%d]: %.200s: %w", 2*len(all)+1, head, err)
		}
		if (of.Create == nil) == (of.Index == nil) {
			return nil, fmt.Errorf("malformed action/metadata line [%d]: %.200s: want one action", 2*len(all)+1, head)
		}
		o := operation{kind: "create"}
		if of.Create != nil {
			o.action = *of.Create
		} else {
			o.kind, o.action = "index", *of.Index
		}
		if len(body) == 0 {
			return nil, fmt.Errorf("the bulk request has an action without a document")
		}
		source, body, _ = bytes.Cut(body, []byte("\n"))
		o.source = source
		all = append(all, o)
	}
	return all, nil
}

func (x *Index) carryOut(w http.ResponseWriter, operations []operation) {
	x.mu.Lock()
	lose := x.faults.Lose > 0
	if lose {
		x.faults.Lose--
	}
	items := make([]map[string]item, len(operations))
	failed := false
	for i, o := range operations {
		done := x.one(i, o)
		failed = failed || done.Error != nil
		items[i] = map[string]item{o.kind: done}
	}
	if x.log != nil {
		if err := x.log.Flush(); err != nil {
			lose = true // nothing was promised
		}
	}
	x.mu.Unlock()
	if lose {
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, map[string]any{"took": 1, "errors": failed, "items": items})
}

// one carries out an operation. The caller holds the lock.
func (x *Index) one(i int, o operation) item {
	done := item{Index: o.Index, ID: o.ID}
	refused := func(status int, kind, reason string) item {
		x.counts.Refused++
		done.Status, done.Error = status, &fault{kind, reason}
		return done
	}
	if x.faults.Items > 0 && i%max(1, x.faults.Every) == 0 {
		x.faults.Items--
		return refused(x.faults.ItemStatus, "es_rejected_execution_exception", "rejected execution of primary operation")
	}
	if !indexName.MatchString(o.Index) {
		return refused(http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name ["+o.Index+"]")
	}
	if len(o.ID) > 512 || o.ID == "" {
		return refused(http.StatusBadRequest, "illegal_argument_exception", "id is too long, or empty")
	}
	if reason := x.unmappable(o); reason != "" {
		return refused(http.StatusBadRequest, "mapper_parsing_exception", reason)
	}
	if _, there := x.indices[o.Index][o.ID]; there && o.kind == "create" {
		x.counts.Duplicates++
		done.Status = http.StatusConflict
		done.Error = &fault{"version_conflict_engine_exception", "[" + o.ID + "]: version conflict, document already exists"}
		return done
	}
	s := stored{o.Index, o.ID, bytes.Clone(o.source)}
	x.put(s)
	if x.log != nil {
		text, err := json.Marshal(s)
		if err == nil {
			_, err = x.log.Write(append(text, '\n'))
		}
		if err != nil {
			return refused(http.StatusInternalServerError, "i_o_exception", err.Error())
		}
	}
	x.counts.Created++
	done.Status, done.Result = http.StatusCreated, "created"
	return done
}

// unmappable says why a document does not fit its index's mapping.
func (x *Index) unmappable(o operation) string {
	if !utf8.Valid(o.source) {
		return "failed to parse: Invalid UTF-8"
	}
	if x.cfg.Lean {
		if !json.Valid(o.source) {
			return "failed to parse"
		}
		return ""
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(o.source, &fields); err != nil {
		return "failed to parse: " + err.Error()
	}
	for _, t := range x.templates {
		for _, pattern := range t.Patterns {
			if !matches(pattern, o.Index) {
				continue
			}
			for name, value := range fields {
				if !fits(t.Template.Mappings.Properties[name].Type, value) {
					return fmt.Sprintf("failed to parse field [%s] of type [%s]", name, t.Template.Mappings.Properties[name].Type)
				}
			}
		}
	}
	return ""
}

func fits(kind string, value json.RawMessage) bool {
	switch kind {
	case "date":
		var text string
		if json.Unmarshal(value, &text) != nil {
			return false
		}
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "long":
		var n int64
		return json.Unmarshal(value, &n) == nil
	case "keyword", "text":
		return value[0] != '{'
	}
	return true
}
