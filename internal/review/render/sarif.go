package render

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

// The parts of SARIF 2.1.0 that code scanning reads:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string       `json:"id"`
		ShortDescription     sarifMessage `json:"shortDescription"`
		FullDescription      sarifMessage `json:"fullDescription"`
		Help                 sarifMessage `json:"help"`
		HelpURI              string       `json:"helpUri"`
		DefaultConfiguration sarifLevel   `json:"defaultConfiguration"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID        string             `json:"ruleId"`
		RuleIndex     int                `json:"ruleIndex"`
		Level         string             `json:"level"`
		Message       sarifMessage       `json:"message"`
		Locations     []sarifLocation    `json:"locations"`
		Fingerprints  map[string]string  `json:"partialFingerprints"`
		BaselineState string             `json:"baselineState"`
		Suppressions  []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

const rulesPage = "https://github.com/tandem-iac/tandem/blob/main/docs/rules.md"

var levels = map[rule.Severity]string{rule.Look: "warning", rule.Dangerous: "error"}

// SARIF writes the findings for code scanning: those that were there already as
// unchanged, accepted ones as suppressed.
func SARIF(w io.Writer, r review.Report) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "tandem", InformationURI: "https://github.com/tandem-iac/tandem", Rules: []sarifRule{}}
	for _, x := range rule.All() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: x.ID, ShortDescription: sarifMessage{x.Title}, FullDescription: sarifMessage{x.Why}, Help: sarifMessage{x.Fix},
			HelpURI: rulesPage + "#" + x.ID, DefaultConfiguration: sarifLevel{levels[x.Severity]},
		})
	}
	ids := rule.IDs()
	for _, s := range r.Stacks {
		for _, part := range []struct {
			list  []review.Finding
			state string
		}{{s.Findings, "new"}, {s.Existing, "unchanged"}, {s.Accepted, "unchanged"}} {
			for _, f := range part.list {
				run.Results = append(run.Results, sarifOf(s, f, slices.Index(ids, f.Rule), part.state))
			}
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifOf(s review.Stack, f review.Finding, index int, state string) sarifResult {
	result := sarifResult{
		RuleID: f.Rule, RuleIndex: index, Level: levels[f.Severity],
		Message: sarifMessage{f.Title + ": " + f.Detail + " (" + f.Address + "). " + f.Why + " " + f.Fix},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{uri(s.Name)}},
			Logical:  []sarifLogical{{f.Address, "resource"}},
		}},
		Fingerprints:  map[string]string{"tandem/v1": review.Fingerprint(s.Name, f)},
		BaselineState: state,
	}
	if f.Reason != "" {
		result.Suppressions = []sarifSuppression{{"external", f.Reason}}
	}
	return result
}

// uri is a file's name as a relative reference.
func uri(name string) string {
	return (&url.URL{Path: filepath.ToSlash(name)}).String()
}
