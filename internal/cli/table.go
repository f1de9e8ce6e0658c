package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// printTable prints aligned columns without lines, which tools can cut too. A
// line break within a cell becomes "; ". Without a header there is none.
func printTable(w io.Writer, header []string, rows [][]any) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	if header != nil {
		row := make(table.Row, len(header))
		for i, name := range header {
			row[i] = name
		}
		t.AppendHeader(row)
	}
	for _, cells := range rows {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = strings.ReplaceAll(fmt.Sprint(cell), "\n", "; ")
		}
		t.AppendRow(row)
	}
	t.SuppressTrailingSpaces()
	t.Render()
}
