// Package columns keeps tables readable on narrow terminals.
package columns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Fit returns the rendered table where no line of it exceeds width, in terminal
// columns, or width is 0. Otherwise it makes a block of lines of each row: its
// first cell, and below it each other cell after its header.
func Fit(rendered string, width int, header table.Row, rows []table.Row) string {
	if width <= 0 || widest(rendered) <= width {
		return rendered
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, fmt.Sprint(row[0]))
		for i := 1; i < len(row); i++ {
			lines = append(lines, fmt.Sprintf("  %v: %v", header[i], row[i]))
		}
	}
	return strings.Join(lines, "\n")
}

func widest(lines string) int {
	var all []int
	for line := range strings.SplitSeq(lines, "\n") {
		all = append(all, text.StringWidthWithoutEscSequences(line))
	}
	return slices.Max(all)
}
