package render

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/tandem-iac/tandem/internal/cost"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/internal/review/rule"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// HTML writes the review as one page that needs nothing else, not even a
// network, with nothing left out.
func HTML(w io.Writer, r review.Report) error {
	functions := template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageStyle) },
		"word":  func(s rule.Severity) string { return words[s] },
		"upper": func(g review.Group) string { return upperFirst(string(g)) },
		"money": money, "count": count, "gist": gist, "quiet": quiet, "restated": restated, "uncovered": uncovered, "kind": kindNote,
		"basis": basis, "unknowns": unknowns, "moneyRows": moneyRows, "sameCost": sameCost, "outcome": outcome, "reasons": reasons,
		"groups": groups, "join": strings.Join, "literal": isWord, "texts": texts,
		"same":        func(c *review.Cost) bool { return c.Difference == (cost.Range{}) },
		"worst":       worstFirst,
		"drawing":     drawing,
		"foldedTitle": foldedTitle,
		"findings":    func(title string, list []review.Finding) listing { return listing{title, list} },
	}
	page, err := template.New("page").Funcs(functions).Parse(pageText)
	if err != nil {
		return err
	}
	return page.Execute(w, r)
}

// section is a group with its changes.
type section struct {
	Group   review.Group
	Changes []review.Change
}

func groups(changes []review.Change) (sections []section) {
	order, by := grouped(changes)
	for _, g := range order {
		sections = append(sections, section{g, by[g]})
	}
	return sections
}

// listing is a list of findings under a title.
type listing struct {
	Title string
	List  []review.Finding
}

// row is a figure before and after.
type row struct{ Title, Before, After string }

func texts(c behaviour.Cluster) (rows []row) {
	for _, f := range c.Figures {
		before, after := f.Texts()
		rows = append(rows, row{f.Title(), before, after})
	}
	return rows
}

// drawing is a cluster's chart. It holds nothing of the plan but numbers.
func drawing(c behaviour.Cluster) (template.HTML, error) {
	svg, err := c.SVG()
	if err != nil {
		return "", fmt.Errorf("chart of %s: %w", c.Name, err)
	}
	return template.HTML(svg), nil
}
