package drill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"time"
)

// Report is what a drill has shown. Times are in seconds.
type Report struct {
	// Green says that every promise was kept, Undecided that none was broken but
	// the machine was too busy to judge some.
	Green     bool `json:"green"`
	Undecided bool `json:"undecided,omitempty"`
	// Environment and Cluster are whose names and settings were used.
	Environment string `json:"environment"`
	Cluster     string `json:"cluster"`
	// Promises are the verdicts.
	Promises []Promise `json:"promises"`
	// Latency is from the notice to the accepted rescue.
	Latency Latency `json:"rescue_latency"`
	// Desired is the on-demand group's desired capacity.
	Desired Desired `json:"desired"`
	// Requests are those of the load.
	Requests Requests `json:"requests"`
	// Chaos is what was done to the agents, by the drill or by somebody else.
	// Nil: nothing.
	Chaos *Chaos `json:"chaos,omitempty"`
	// Instances are the interrupted ones.
	Instances []Instance `json:"instances"`
	// Scale is by how much all times are shorter than on AWS.
	Scale int `json:"scale"`
	// Settings are the times of the drill.
	Settings Settings `json:"settings"`
	// Lag is how long, at worst, the machine took from the notice on for what
	// takes next to no time: to wake a program, to start one, to answer a question
	// about the group. Where that is much, times say little.
	Lag float64 `json:"machine_lag"`
	// Directory is where the agents' logs were left. Empty: nowhere.
	Directory string `json:"directory,omitempty"`
}

// Latency is the distribution of a time.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Desired is a capacity before and after, and the maximum that it may have.
type Desired struct {
	Before int `json:"before"`
	After  int `json:"after"`
	Max    int `json:"max"`
}

// Settings are the times of a drill in seconds.
type Settings struct {
	Notice         float64 `json:"notice"`
	Poll           float64 `json:"poll"`
	API            float64 `json:"api"`
	Deregistration float64 `json:"deregistration"`
	Propagation    float64 `json:"propagation"`
	Hooks          float64 `json:"hooks"`
	Flush          float64 `json:"flush"`
	Boot           float64 `json:"boot"`
}

// Instance is what became of an interrupted instance. Times are from its
// notice on; nil: it did not happen.
type Instance struct {
	ID string `json:"id"`
	// Seen is when its agent was told of the notice.
	Seen *float64 `json:"seen,omitempty"`
	// Rescue is when AWS accepted the rescue, Limit when it had to.
	Rescue *float64 `json:"rescue,omitempty"`
	Limit  float64  `json:"limit"`
	// Lag is the machine's until then, see Report.
	Lag float64 `json:"machine_lag"`
	// Rescues is how often AWS accepted it.
	Rescues int `json:"rescues"`
	// Deregistered is when AWS took it out of the load balancer.
	Deregistered *float64 `json:"deregistered,omitempty"`
	// Hooks are those that ran to their end.
	Hooks []string `json:"hooks"`
	// Stopped says that a hook had stopped its service before the end.
	Stopped bool `json:"stopped"`
	// Left is what was left of the notice when the agent had written its final
	// marker.
	Left *float64 `json:"left,omitempty"`
	// Kills is how often the agent was killed after the notice.
	Kills int `json:"kills,omitempty"`
}

// markerMessage is the message of the last line that an agent logs.
const markerMessage = "spotwatch final marker"

// marker returns when the final marker was written first. Zero: never.
func (m *machine) marker() (time.Time, error) {
	data, err := os.ReadFile(m.logFile())
	if err != nil {
		return time.Time{}, err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var line struct {
			Time time.Time
			Msg  string
		}
		// What is cut by a kill is no line.
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == markerMessage {
			return line.Time, nil
		}
	}
	return time.Time{}, lines.Err()
}

// instance says what became of the machine.
func (m *machine) instance(cfg Config) (Instance, error) {
	marked, err := m.marker()
	if err != nil {
		return Instance{}, err
	}
	hooks, err := m.hooksRun()
	if err != nil {
		return Instance{}, err
	}
	i := Instance{ID: m.id, Hooks: hooks, Stopped: m.stopped, Kills: m.agent.killed(m.notice), Seen: since(m.notice, m.metadata.seen())}
	limit := cfg.Timing.Poll + cfg.Slack
	if rescues := m.aws.accepted(executePolicy); len(rescues) > 0 {
		i.Rescue, i.Rescues = since(m.notice, rescues[0].at), len(rescues)
		if hindered := m.hindered(m.notice.Add(-cfg.Timing.Poll), rescues[0].at); hindered > 0 || cfg.Chaos {
			// What was in its way, and the time that it may take to try again.
			limit += hindered + cfg.Timing.API
		}
	}
	i.Limit = limit.Seconds()
	if left := m.aws.accepted(deregisterTargets); len(left) > 0 {
		i.Deregistered = since(m.notice, left[0].at)
	}
	if !marked.IsZero() {
		i.Left = since(marked, m.end)
	}
	return i, nil
}

func (t Timing) settings() Settings {
	return Settings{
		Notice: t.Notice.Seconds(), Poll: t.Poll.Seconds(), API: t.API.Seconds(), Deregistration: t.Deregistration.Seconds(),
		Propagation: t.Propagation.Seconds(), Hooks: t.Hooks.Seconds(), Flush: t.Flush.Seconds(), Boot: t.Boot.Seconds(),
	}
}
