package report

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

// WritePage writes one HTML file that needs nothing else, not even a network.
// Runs of more than 5,000 steps are drawn with fewer points, which the page says.
func (r Report) WritePage(w io.Writer) error {
	data := pageData{Style: look.Style(), Library: look.Library(), Script: template.JS(pageJS)}
	for _, run := range r.runs {
		document := run.document(false)
		if s := run.Result.Series; s != nil {
			document.Series = run.series(thin(*s, maxPoints))
		}
		data.Runs = append(data.Runs, document)
	}
	for _, m := range metrics {
		row := pageMetric{Name: m.Name, Doc: m.Doc}
		for _, run := range r.runs {
			row.Values = append(row.Values, m.Format(m.value(run.Result.Summary)))
		}
		if len(r.runs) == 2 {
			row.Values = append(row.Values, difference(m, r.runs[0], r.runs[1]))
		}
		data.Metrics = append(data.Metrics, row)
	}
	raw, err := json.Marshal(data.Runs) // escapes <, so that no text ends the script
	if err != nil {
		return err
	}
	data.JSON = template.JS(raw)
	return page.Execute(w, data)
}

type pageData struct {
	Style           template.CSS
	Library, Script template.JS
	JSON            template.JS
	Runs            []runJSON
	Metrics         []pageMetric
}

type pageMetric struct {
	Name, Doc string
	Values    []string
}

// Compares tells whether the page has two runs to tell apart.
func (d pageData) Compares() bool { return len(d.Runs) == 2 }

// Title is what the page is about.
func (d pageData) Title() string {
	title := d.Runs[0].Name
	for _, run := range d.Runs[1:] {
		title += " and " + run.Name
	}
	return title
}
