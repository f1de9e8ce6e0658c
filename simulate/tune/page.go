package tune

import (
	_ "embed" // the page and what draws on it
	"encoding/json"
	"html/template"
	"io"

	"github.com/tandem-iac/tandem/simulate/internal/look"
)

//go:embed page.html
var pageHTML string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page").Parse(pageHTML))

// maxTried is how many of the candidates that are not in the front are drawn.
const maxTried = 5000

type pageData struct {
	resultJSON
	Headline        string
	Style           template.CSS
	Library, Script template.JS
	JSON            template.JS
}

// Changed tells whether anything is proposed.
func (d pageData) Changed() bool { return len(d.Chosen.Changes) > 0 }

// WritePage writes one HTML file that needs nothing else, not even a network:
// the front as a chart, whose points show their policies when pointed at.
func (r *Result) WritePage(w io.Writer) error {
	document, err := r.document()
	if err != nil {
		return err
	}
	tried := make([][2]float64, 0, min(len(r.tried), maxTried))
	for n, c := range r.tried {
		if n%(1+len(r.tried)/maxTried) == 0 {
			tried = append(tried, [2]float64{c.Cost, c.OverObjective.Minutes()})
		}
	}
	raw, err := json.Marshal(struct { // escapes <, so that no text ends the script
		resultJSON
		Tried [][2]float64 `json:"tried"`
	}{document, tried})
	if err != nil {
		return err
	}
	return page.Execute(w, pageData{
		resultJSON: document, Headline: r.Headline(), Style: look.Style(), Library: look.Library(),
		Script: template.JS(pageJS), JSON: template.JS(raw),
	})
}
