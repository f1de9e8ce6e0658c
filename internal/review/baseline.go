package review

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
)

// baselineVersion is that of a baseline's format.
const baselineVersion = 1

// Baseline is the findings that somebody accepts as they are.
type Baseline struct {
	Version  int        `json:"version"`
	Accepted []Accepted `json:"accepted"`
}

// Accepted is a finding that does not count.
type Accepted struct {
	Rule    string `json:"rule"`
	Address string `json:"address"`
	Reason  string `json:"reason,omitempty"`
}

// Fingerprint names a finding from one review to the next: the stack, the rule
// and the address. Details, such as a size, may change.
func Fingerprint(stack string, f Finding) string {
	sum := sha256.Sum256([]byte(path.Base(stack) + "\x00" + f.Rule + "\x00" + f.Address))
	return hex.EncodeToString(sum[:8])
}

// ReadBaseline reads a file of accepted findings; name is told with faults.
func ReadBaseline(name string, data []byte) (Baseline, error) {
	var b Baseline
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return Baseline{}, check.InputErrorf("%s is no baseline: %w; --write-baseline writes one", name, err)
	}
	if b.Version != baselineVersion {
		return Baseline{}, check.InputErrorf("%s: version is %d, want %d", name, b.Version, baselineVersion)
	}
	for i, a := range b.Accepted {
		if a.Rule == "" || a.Address == "" {
			return Baseline{}, check.InputErrorf("%s: accepted[%d] has no rule or no address", name, i)
		}
	}
	return b, nil
}

// NewBaseline accepts all findings of a review, those that are accepted with
// their reasons, and keeps their order.
func NewBaseline(r Report) Baseline {
	b := Baseline{Version: baselineVersion, Accepted: []Accepted{}}
	for _, s := range r.Stacks {
		for _, f := range slices.Concat(s.Findings, s.Existing, s.Accepted) {
			a := Accepted{f.Rule, f.Address, f.Reason}
			if !slices.ContainsFunc(b.Accepted, func(other Accepted) bool { return other.Rule == a.Rule && other.Address == a.Address }) {
				b.Accepted = append(b.Accepted, a)
			}
		}
	}
	return b
}

// Write writes the baseline as ReadBaseline reads it.
func (b Baseline) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(b)
}

// Accepts says whether a finding is in the baseline, and why.
func (b Baseline) Accepts(f Finding) (reason string, accepted bool) {
	for _, a := range b.Accepted {
		if a.Rule == f.Rule && a.Address == f.Address {
			if a.Reason == "" {
				return "it is in the baseline", true
			}
			return a.Reason, true
		}
	}
	return "", false
}

// Switched is a rule that the description switches off.
type Switched struct {
	Rule string
	// Address is a pattern, in which * stands for anything. Empty: all resources.
	Address string
	Reason  string
}

// Accepts says whether a rule is switched off for a finding.
func (s Switched) Accepts(f Finding) bool {
	return s.Rule == f.Rule && (s.Address == "" || matches(s.Address, f.Address))
}

// matches compares with a pattern in which * is any text: module paths have
// dots, and keys in brackets, which the patterns of files do not take.
func matches(pattern, text string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("^(?s:" + expression + ")$").MatchString(text)
}
