package rescue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// States of a rescue.
const (
	rescueIntended = "intended" // asked for; whether it was accepted is not known
	rescueDone     = "done"     // accepted
)

// state is what the journal holds.
type state struct {
	// Instance and Boot say whose state it is.
	Instance string `json:"instance"`
	Boot     string `json:"boot"`
	// Sequence tells the newer of two copies.
	Sequence int `json:"sequence"`
	// Rebalance is the time of the last recommendation seen, as AWS writes it.
	Rebalance string      `json:"rebalance,omitempty"`
	Rescue    rescueState `json:"rescue"`
	// Drain is the drain under way or done. Nil: none.
	Drain *drainState `json:"drain,omitempty"`
	// Terminating is set once the group has been seen to terminate the
	// instance, Completed once its hook has been told to go on.
	Terminating bool `json:"terminating,omitempty"`
	Completed   bool `json:"completed,omitempty"`
}

type rescueState struct {
	// State is rescueIntended, rescueDone or empty.
	State string `json:"state,omitempty"`
	// Desired is the group's desired capacity before the attempt. Nil: unknown.
	Desired *int      `json:"desired,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Reason  string    `json:"reason,omitempty"`
}

type drainState struct {
	// Reason is reasonInterruption or reasonTermination, Action what an
	// interruption does.
	Reason string `json:"reason"`
	Action string `json:"action,omitempty"`
	// End is when the instance goes, by this machine's clock.
	End time.Time `json:"end"`
	// Deregistered is when the load balancer was told.
	Deregistered time.Time `json:"deregistered,omitzero"`
	// Hooks is what became of each hook: hookStarted, or how it ended.
	Hooks map[string]string `json:"hooks,omitempty"`
	// Finished is when the final marker was written.
	Finished time.Time `json:"finished,omitzero"`
}

// clone lets a state be read while it is changed.
func (s state) clone() state {
	if s.Drain != nil {
		drain := *s.Drain
		drain.Hooks = map[string]string{}
		for name, outcome := range s.Drain.Hooks {
			drain.Hooks[name] = outcome
		}
		s.Drain = &drain
	}
	return s
}

// patience is how long a disk may take before the agent goes on without it.
const patience = 500 * time.Millisecond

// journal keeps a state on disk: in the first directory that takes it, and in
// memory in any case.
type journal struct {
	directories []string
	// failed is told of every write that no directory took in time, and of
	// those that only a later one took.
	failed func(error)

	mu    sync.Mutex
	state state
	// writing is held by the write under way, which a stuck disk may keep.
	writing sync.Mutex
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9-]`)

func (j *journal) file(directory string) string {
	return filepath.Join(directory, unsafe.ReplaceAllString(j.state.Instance, "_")+".json")
}

// openJournal reads the newest copy of an instance's state. A copy that cannot
// be read is reported to failed and counts as none. So does one from before
// the machine's last boot whose drain is over: the instance was stopped or
// hibernated and lives again.
func openJournal(instance, boot string, now time.Time, failed func(error), directories ...string) *journal {
	j := &journal{directories: directories, failed: failed, state: state{Instance: instance}}
	for _, directory := range directories {
		data, err := os.ReadFile(j.file(directory))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var found state
		if err == nil {
			err = json.Unmarshal(data, &found)
		}
		if err != nil {
			failed(fmt.Errorf("read the journal: %w", err))
			continue
		}
		if found.Instance == instance && found.Sequence > j.state.Sequence {
			j.state = found
		}
	}
	if d := j.state.Drain; j.state.Boot != boot && d != nil && now.After(d.End) {
		j.state = state{Instance: instance, Sequence: j.state.Sequence}
	}
	j.state.Boot = boot
	return j
}

// read returns the state.
func (j *journal) read() state {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.clone()
}

// change changes the state and returns once it is on a disk, or the disks have
// had their time.
func (j *journal) change(change func(*state)) state {
	j.mu.Lock()
	next := j.state.clone()
	change(&next)
	next.Sequence++
	j.state = next
	j.mu.Unlock()

	written := make(chan error, 1)
	go func() {
		j.writing.Lock()
		defer j.writing.Unlock()
		written <- j.write()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-written:
		if err != nil {
			j.failed(err)
		}
	case <-timer.C:
		j.failed(fmt.Errorf("write the journal: the disk has not answered for %s", patience))
	}
	return next.clone()
}

// write puts the state, the newest there is by now, into the first directory
// that takes it.
func (j *journal) write() error {
	data, err := json.MarshalIndent(j.read(), "", "  ")
	if err != nil {
		return err
	}
	var errs []error
	for _, directory := range j.directories {
		err := replaceFile(j.file(directory), data)
		if err == nil {
			return errors.Join(errs...)
		}
		errs = append(errs, fmt.Errorf("write the journal: %w", err))
	}
	return errors.Join(append(errs, errors.New("no directory takes the journal: it is kept in memory alone"))...)
}

// replaceFile replaces a file in one step that outlasts a crash.
func replaceFile(name string, data []byte) error {
	directory := filepath.Dir(name)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(directory, ".journal-")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	dir, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
