package tune

import (
	"encoding/json"
	"io"

	"github.com/tandem-iac/tandem/simulate"
	"github.com/tandem-iac/tandem/simulate/report"
)

// Version is that of the JSON form. It rises when a name changes its meaning or
// goes; new names may come without.
const Version = 1

type resultJSON struct {
	Version     int             `json:"version"`
	Cluster     string          `json:"cluster"`
	Keep        string          `json:"keep"`
	Kept        bool            `json:"kept"`
	Interrupted bool            `json:"interrupted"`
	Seed        uint64          `json:"seed"`
	Loads       []string        `json:"loads"`
	Candidates  int             `json:"candidates"`
	Saving      float64         `json:"saving_percent"`
	Present     candidateJSON   `json:"present"`
	Chosen      candidateJSON   `json:"chosen"`
	YAML        string          `json:"yaml"`
	Front       []candidateJSON `json:"front"`
	Check       *checkJSON      `json:"check"`
}

type candidateJSON struct {
	Keeps    bool                 `json:"keeps"`
	Cost     float64              `json:"cost_usd"`
	Minutes  float64              `json:"over_slo_minutes"`
	Unserved float64              `json:"unserved_percent"`
	Changes  []changeJSON         `json:"changes"`
	Runs     []map[string]float64 `json:"runs"`
}

type changeJSON struct {
	Path string `json:"path"`
	From string `json:"from"`
	To   string `json:"to"`
}

type checkJSON struct {
	Seeds     int            `json:"seeds"`
	SeedsKept int            `json:"seeds_kept"`
	Luck      spreadJSON     `json:"luck"`
	Models    int            `json:"models"`
	Kept      int            `json:"models_kept"`
	Spread    spreadJSON     `json:"spread"`
	Breaking  []breakingJSON `json:"breaking"`
}

type spreadJSON struct {
	Cost     [2]float64 `json:"cost_usd"`
	Minutes  [2]float64 `json:"over_slo_minutes"`
	Unserved [2]float64 `json:"unserved_percent"`
}

type breakingJSON struct {
	Parameter string  `json:"parameter"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
}

// WriteJSON writes the whole result.
func (r *Result) WriteJSON(w io.Writer) error {
	document, err := r.document()
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

func (r *Result) document() (resultJSON, error) {
	fragment, err := r.YAML()
	document := resultJSON{
		Version: Version, Cluster: r.Cluster, Keep: r.Keep, Kept: r.Kept, Interrupted: r.Interrupted, Seed: r.Seed,
		Loads: r.Traces, Candidates: r.Evaluated, Saving: r.Saving(),
		Present: r.candidate(r.Present), Chosen: r.candidate(r.Chosen), YAML: string(fragment), Front: []candidateJSON{},
	}
	for _, c := range r.Front {
		document.Front = append(document.Front, r.candidate(c))
	}
	if c := r.Check; c != nil {
		document.Check = &checkJSON{
			Seeds: c.Seeds, SeedsKept: c.Kept, Luck: c.Luck.json(),
			Models: c.Trials, Kept: c.TrialsKept, Spread: c.Models.json(), Breaking: []breakingJSON{},
		}
		for _, b := range c.Breaking {
			document.Check.Breaking = append(document.Check.Breaking, breakingJSON(b))
		}
	}
	return document, err
}

func (r *Result) candidate(c Candidate) candidateJSON {
	document := candidateJSON{
		Keeps: c.Kept(), Cost: c.Cost, Minutes: c.OverObjective.Minutes(), Unserved: c.UnservedPercent, Changes: []changeJSON{},
	}
	for _, change := range r.ChangesOf(c) {
		document.Changes = append(document.Changes, changeJSON{change.Path, change.From, change.To})
	}
	for _, run := range c.Runs {
		document.Runs = append(document.Runs, figures(run))
	}
	return document
}

// figures are a run's metrics by name, which JSON sorts.
func figures(s simulate.Summary) map[string]float64 {
	values := map[string]float64{}
	for _, m := range report.Metrics() {
		values[m.Name] = m.Of(s)
	}
	return values
}

func (s Spread) json() spreadJSON {
	return spreadJSON{
		Cost:     [2]float64{s.CostLow, s.CostHigh},
		Minutes:  [2]float64{s.MinutesLow, s.MinutesHigh},
		Unserved: [2]float64{s.UnservedLow, s.UnservedHigh},
	}
}
