package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tandem-iac/tandem/internal/rescue"
)

// Index is an Elasticsearch or OpenSearch with the logs.
type Index struct {
	// URL is its address. Required.
	URL *url.URL
	// User and Password log in. Empty: nobody does.
	User, Password string
	// Prefix is that of the daily indices. Required.
	Prefix string
	// Client carries requests. Required.
	Client *http.Client
}

const (
	// batch is how many instances are asked for at once, and page how many
	// documents an answer has at most.
	batch = 500
	page  = 1000
	// maxAnswer is the size, in bytes, above which an answer is given up.
	maxAnswer = 64 << 20
	// hookFailed and hookEnded are what the agent logs of a hook.
	hookFailed = "hook failed"
	hookEnded  = "hook ended"
	// flushHook is the hook that ships all there is.
	flushHook = "90-tandem-logs"
)

// Trace is what an instance has left in the index.
type Trace struct {
	// Marker is when its final marker was read. Zero: it is not there.
	Marker time.Time
	// Unshipped says that its hook, when it ran last, could not ship all there was.
	Unshipped bool

	flushed time.Time
}

// flush notes how the hook has ended at a time. An agent that was told of a notice
// may have gone through its hooks before, and gone on.
func (t *Trace) flush(at time.Time, failed bool) {
	if later := at.Compare(t.flushed); later > 0 || later == 0 && failed {
		t.flushed, t.Unshipped = at, failed
	}
}

// line is what the agent logs.
type line struct {
	Message string `json:"msg"`
	Hook    string `json:"hook"`
}

type found struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Hits []struct {
			Source struct {
				Time     time.Time `json:"@timestamp"`
				Instance string    `json:"instance_id"`
				Message  string    `json:"message"`
			} `json:"_source"`
			Sort []string `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}

// Traces looks for what instances have left since a time. Those that have left
// nothing are missing. The index is asked even for none, so that one that cannot
// be asked never looks fine.
func (x Index) Traces(ctx context.Context, ids []string, since time.Time) (map[string]Trace, error) {
	traces := map[string]Trace{}
	batches := slices.Collect(slices.Chunk(ids, batch))
	if len(batches) == 0 {
		batches = [][]string{{}}
	}
	for _, some := range batches {
		for _, phrase := range []string{rescue.MarkerMessage, hookFailed, hookEnded} {
			if err := x.collect(ctx, traces, some, phrase, since); err != nil {
				return nil, err
			}
		}
	}
	return traces, nil
}

// collect goes through all lines of agents that have a phrase.
func (x Index) collect(ctx context.Context, traces map[string]Trace, ids []string, phrase string, since time.Time) error {
	query := map[string]any{
		"size": page, "_source": []string{"@timestamp", "instance_id", "message"}, "sort": []any{map[string]string{"id": "asc"}},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"source": "spotwatch"}},
			map[string]any{"terms": map[string]any{"instance_id": ids}},
			map[string]any{"range": map[string]any{"@timestamp": map[string]any{"gte": since.UTC().Format(time.RFC3339)}}},
			map[string]any{"match_phrase": map[string]any{"message": phrase}},
		}}},
	}
	for {
		f, err := x.search(ctx, query)
		if err != nil {
			return err
		}
		for _, h := range f.Hits.Hits {
			var l line
			if json.Unmarshal([]byte(h.Source.Message), &l) != nil {
				continue // something that a hook said, not the agent
			}
			t := traces[h.Source.Instance]
			switch {
			case l.Message == rescue.MarkerMessage:
				t.Marker = h.Source.Time
			case path.Base(l.Hook) == flushHook && (l.Message == hookFailed || l.Message == hookEnded):
				t.flush(h.Source.Time, l.Message == hookFailed)
			default:
				continue
			}
			traces[h.Source.Instance] = t
		}
		if len(f.Hits.Hits) < page {
			return nil
		}
		query["search_after"] = f.Hits.Hits[len(f.Hits.Hits)-1].Sort
	}
}

func (x Index) search(ctx context.Context, query any) (found, error) {
	body, err := json.Marshal(query)
	if err != nil {
		return found{}, err
	}
	address := x.URL.JoinPath(x.Prefix+"-*", "_search").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return found{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if x.User != "" {
		request.SetBasicAuth(x.User, x.Password)
	}
	response, err := x.Client.Do(request)
	if err != nil {
		return found{}, fmt.Errorf("the index does not answer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return found{}, fmt.Errorf("%s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return found{}, fmt.Errorf("the index at %s answers %s: %s", address, response.Status, reason(data))
	}
	var f found
	switch err := json.Unmarshal(data, &f); {
	case err != nil:
		return found{}, fmt.Errorf("the index at %s answers what is no search result: %w", address, err)
	case f.TimedOut || f.Shards.Failed > 0:
		return found{}, fmt.Errorf("%s has searched a part only", address)
	}
	return f, nil
}

// reason is what an error answer says, in a line.
func reason(data []byte) string {
	var said struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &said) == nil && said.Error.Reason != "" {
		return said.Error.Reason
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	return text[:min(len(text), 200)]
}
