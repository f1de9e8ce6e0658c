package logstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Chain is all that logs go through: machine, broker, indexer, index.
type Chain struct {
	Broker  *Program
	Address string
	Machine *Machine
	Indexer *Indexer
	Index   *IndexProcess
}

// NewChain makes a chain in a directory, of programs that Build has built.
// Nothing runs yet.
func NewChain(dir, programs string, s Settings) (*Chain, error) {
	var c Chain
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return nil, err
	}
	if c.Broker, c.Address, err = NewBroker(programs, filepath.Join(dir, "broker")); err != nil {
		return nil, err
	}
	if c.Index, err = NewIndexProcess(programs, filepath.Join(dir, "documents")); err != nil {
		return nil, err
	}
	all := Settings{"TANDEM_LOG_BROKERS": c.Address, "TANDEM_LOG_INDEX_URL": c.Index.URL}
	for name, value := range s {
		all[name] = value
	}
	if c.Machine, err = NewMachine(filepath.Join(dir, "machine"), "i-0123456789abcdef0", all); err != nil {
		return nil, err
	}
	c.Indexer, err = NewIndexer(filepath.Join(dir, "indexer"), all)
	return &c, err
}

// Start starts all of it.
func (c *Chain) Start() error {
	for _, start := range []func() error{c.Broker.Start, c.Index.Start, c.Indexer.Start, c.Machine.Start} {
		if err := start(); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all of it.
func (c *Chain) Stop() error {
	return errors.Join(c.Machine.Stop(), c.Indexer.Stop(), c.Index.Stop(), c.Broker.Stop())
}

// Record is a document of the index.
type Record struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"@timestamp"`
	Host       string    `json:"host"`
	InstanceID string    `json:"instance_id"`
	// Environment to Lifecycle are those of the machine.
	Environment string `json:"environment"`
	Cluster     string `json:"cluster"`
	Group       string `json:"group"`
	Service     string `json:"service"`
	Release     string `json:"release"`
	Lifecycle   string `json:"lifecycle"`
	Source      string `json:"source"`
	File        string `json:"file"`
	Offset      int64  `json:"offset"`
	Message     string `json:"message"`
}

// Records are the documents of all indices, by message. It fails where one
// message has several documents, unless it is one of those in many.
func (c *Chain) Records(many ...string) (map[string]Record, error) {
	documents, err := c.Index.Documents()
	if err != nil {
		return nil, err
	}
	excused := map[string]bool{}
	for _, message := range many {
		excused[message] = true
	}
	records := map[string]Record{}
	for _, d := range documents {
		var r Record
		if err := json.Unmarshal(d.Source, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Source, err)
		}
		if r.ID != d.ID {
			return nil, fmt.Errorf("document %s says that it is %s", d.ID, r.ID)
		}
		if twice, there := records[r.Message]; there && !excused[r.Message] {
			return nil, fmt.Errorf("%q is there as %s and as %s", r.Message, twice.ID, r.ID)
		}
		records[r.Message] = r
	}
	return records, nil
}
