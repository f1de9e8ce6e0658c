// Package logstest has what tests of the logs need: a server that speaks the
// protocol of Elasticsearch and OpenSearch, a Kafka broker in a process of its
// own, and machines whose rsyslog runs with the configuration of real ones.
package logstest

import (
	"bufio"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Index speaks the part of the protocol of Elasticsearch 8 and OpenSearch 2
// that logs need, and is strict: what these refuse, it refuses as they do.
// Further requests have no effect but an error.
type Index struct {
	cfg IndexConfig

	mu        sync.Mutex
	templates map[string]template
	indices   map[string]map[string]json.RawMessage
	faults    Faults
	counts    Counts
	log       *bufio.Writer
	file      *os.File
}

// IndexConfig configures NewIndex.
type IndexConfig struct {
	// User and Password have to be sent. Empty: nobody has to log in.
	User, Password string
	// File keeps all documents for the next Index. Empty: they are kept in memory.
	File string
	// Lean forgets what the documents hold, and checks them for no more than
	// being JSON, so that they can be many.
	Lean bool
}

// Faults are what goes wrong.
type Faults struct {
	// Requests is how many more bulk requests are answered with Status, and
	// with a page instead of JSON where Page is set.
	Requests int  `json:"requests,omitempty"`
	Status   int  `json:"status,omitempty"`
	Page     bool `json:"page,omitempty"`
	// Items is how many more documents of bulk requests, each Every-th, are
	// answered with ItemStatus.
	Items      int `json:"items,omitempty"`
	Every      int `json:"every,omitempty"`
	ItemStatus int `json:"item_status,omitempty"`
	// Lose is how many more bulk requests are carried out and not answered.
	Lose int `json:"lose,omitempty"`
}

// Counts say what has happened.
type Counts struct {
	// Requests are bulk requests, Created new documents, Duplicates those that
	// were there already, Refused the others.
	Requests, Created, Duplicates, Refused int
	// Documents is how many there are, whenever they were created.
	Documents int
	// Malformed says what no client should have sent.
	Malformed []string
}

type template struct {
	Patterns []string `json:"index_patterns"`
	Template struct {
		Settings json.RawMessage `json:"settings"`
		Mappings struct {
			Dynamic    json.RawMessage          `json:"dynamic"`
			Properties map[string]mappingOfType `json:"properties"`
		} `json:"mappings"`
	} `json:"template"`
	Priority int             `json:"priority"`
	Meta     json.RawMessage `json:"_meta"`
}

type mappingOfType struct {
	Type        string `json:"type"`
	IgnoreAbove int    `json:"ignore_above"`
	Index       *bool  `json:"index"`
	Norms       *bool  `json:"norms"`
}

// stored is a line of the file.
type stored struct {
	Index  string          `json:"i"`
	ID     string          `json:"d"`
	Source json.RawMessage `json:"s,omitempty"`
}

// NewIndex makes an index with what the file holds. The caller closes it.
func NewIndex(cfg IndexConfig) (*Index, error) {
	x := &Index{cfg: cfg, templates: map[string]template{}, indices: map[string]map[string]json.RawMessage{}}
	if cfg.File == "" {
		return x, nil
	}
	file, err := os.OpenFile(cfg.File, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	x.file, x.log = file, bufio.NewWriterSize(file, 1<<20)
	lines := json.NewDecoder(bufio.NewReader(file))
	for {
		var s stored
		err := lines.Decode(&s)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return x, nil // a kill may cut the last line, which was never answered
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.File, err)
		}
		x.put(s)
	}
}

// Close closes the file.
func (x *Index) Close() error {
	if x.file == nil {
		return nil
	}
	return errors.Join(x.log.Flush(), x.file.Close())
}

func (x *Index) put(s stored) {
	if x.indices[s.Index] == nil {
		x.indices[s.Index] = map[string]json.RawMessage{}
	}
	if x.cfg.Lean {
		s.Source = nil
	}
	x.indices[s.Index][s.ID] = s.Source
}

// Fail sets what goes wrong from now on.
func (x *Index) Fail(f Faults) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.faults = f
}

// Pending is what is still to go wrong.
func (x *Index) Pending() Faults {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.faults
}

// Counts says what has happened.
func (x *Index) Counts() Counts {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.counts
	c.Malformed = slices.Clone(c.Malformed)
	for _, documents := range x.indices {
		c.Documents += len(documents)
	}
	return c
}

// Documents are the documents of all indices.
func (x *Index) Documents() []Document {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []Document
	for _, name := range slices.Sorted(maps.Keys(x.indices)) {
		for id, source := range x.indices[name] {
			all = append(all, Document{Index: name, ID: id, Source: source})
		}
	}
	return all
}

// Document is what was indexed.
type Document struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// Put stores a document, as a test's beginning.
func (x *Index) Put(index, id string, source any) error {
	text, err := json.Marshal(source)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(stored{index, id, text})
	return nil
}

// Names are those of the indices.
func (x *Index) Names() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.indices))
}

// malformed notes what no client should have sent, and answers 400.
func (x *Index) malformed(w http.ResponseWriter, kind, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	x.mu.Lock()
	x.counts.Malformed = append(x.counts.Malformed, reason)
	x.mu.Unlock()
	refuse(w, http.StatusBadRequest, kind, reason)
}

func refuse(w http.ResponseWriter, status int, kind, reason string) {
	answer(w, status, map[string]any{"status": status, "error": map[string]any{"type": kind, "reason": reason}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone learns nothing
}

func (x *Index) admit(r *http.Request) bool {
	if x.cfg.User == "" {
		return true
	}
	user, password, _ := r.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(user+"\n"+password), []byte(x.cfg.User+"\n"+x.cfg.Password)) == 1
}

// ServeHTTP answers a request as Elasticsearch does.
func (x *Index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !x.admit(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="security"`)
		refuse(w, http.StatusUnauthorized, "security_exception", "missing authentication credentials")
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/_bulk":
		x.bulk(w, r)
	case r.URL.Path == "/_cat/health":
		fmt.Fprintln(w, "1 00:00:00 test green 1 1 0 0 0 0 0 0 - 100.0%")
	case r.Method == http.MethodGet && len(parts) == 3 && parts[0] == "_cat" && parts[1] == "indices":
		x.list(w, r, parts[2])
	case len(parts) == 2 && parts[0] == "_index_template" && r.Method == http.MethodPut:
		x.putTemplate(w, r, parts[1])
	case len(parts) == 2 && parts[1] == "_search" && r.Method == http.MethodPost:
		x.search(w, r, parts[0])
	case r.Method == http.MethodDelete && len(parts) == 1 && parts[0] != "":
		x.remove(w, parts[0])
	default:
		x.malformed(w, "illegal_argument_exception", "no handler found for uri [%s] and method [%s]", r.URL.Path, r.Method)
	}
}

func (x *Index) list(w http.ResponseWriter, r *http.Request, pattern string) {
	if r.URL.Query().Get("h") != "index" {
		x.malformed(w, "illegal_argument_exception", "only h=index is spoken here")
		return
	}
	for _, name := range x.Names() {
		if matches(pattern, name) {
			fmt.Fprintln(w, name)
		}
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func (x *Index) remove(w http.ResponseWriter, name string) {
	if strings.ContainsAny(name, "*,") || name == "_all" {
		x.malformed(w, "illegal_argument_exception", "Wildcard expressions or all indices are not allowed")
		return
	}
	x.mu.Lock()
	_, found := x.indices[name]
	delete(x.indices, name)
	x.mu.Unlock()
	if !found {
		refuse(w, http.StatusNotFound, "index_not_found_exception", "no such index ["+name+"]")
		return
	}
	answer(w, http.StatusOK, map[string]bool{"acknowledged": true})
}

// indexName is the form of an index's name
// (https://www.elastic.co/guide/en/elasticsearch/reference/8.17/indices-create-index.html).
var indexName = regexp.MustCompile(`^[^A-Z\\/*?"<>| ,#:_+-][^A-Z\\/*?"<>| ,#:]{0,254}$`)

var types = []string{"date", "keyword", "text", "long"}

func (x *Index) putTemplate(w http.ResponseWriter, r *http.Request, name string) {
	var t template
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil || len(t.Patterns) == 0 {
		x.malformed(w, "x_content_parse_exception", "index template [%s]: %v, patterns %q", name, err, t.Patterns)
		return
	}
	for field, m := range t.Template.Mappings.Properties {
		if !slices.Contains(types, m.Type) {
			x.malformed(w, "mapper_parsing_exception", "no handler for type [%s] declared on field [%s]", m.Type, field)
			return
		}
	}
	x.mu.Lock()
	x.templates[name] = t
	x.mu.Unlock()
	answer(w, http.StatusOK, map[string]bool{"acknowledged": true})
}
