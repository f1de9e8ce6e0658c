package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tandem-iac/tandem/internal/columns"
)

// printTable prints aligned columns without lines, which tools can cut too. A
// line break within a cell becomes "; ". Without a header there is none.
func printTable(w io.Writer, header []string, rows [][]any) { printFitted(w, 0, header, rows) }

// printFitted is printTable for a terminal so many columns wide: where a line
// would not fit, each row becomes a block of lines. 0: any width.
func printFitted(w io.Writer, width int, header []string, rows [][]any) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	head := make(table.Row, len(header))
	for i, name := range header {
		head[i] = name
	}
	if header != nil {
		t.AppendHeader(head)
	}
	var all []table.Row
	for _, cells := range rows {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = strings.ReplaceAll(fmt.Sprint(cell), "\n", "; ")
		}
		all = append(all, row)
	}
	t.AppendRows(all)
	t.SuppressTrailingSpaces()
	fmt.Fprintln(w, columns.Fit(t.Render(), width, head, all))
}
