package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tandem-iac/tandem/internal/columns"
)

// WriteTable writes the verdicts, figures and groups for a terminal of a width
// in columns; 0: any width.
func (r Report) WriteTable(w io.Writer, width int) {
	for _, run := range r.runs {
		v := verdict(run)
		fmt.Fprintln(w, wrap(fmt.Sprintf("%s: %s: %s", run.Name, strings.ToUpper(string(v.Grade)), v.Headline), width))
		for _, f := range v.Others() {
			fmt.Fprintln(w, wrap("  "+string(f.Grade)+": "+f.Text, width))
		}
		for _, warning := range run.Warnings {
			fmt.Fprintln(w, wrap("  note: "+warning, width))
		}
	}
	fmt.Fprintln(w)
	r.writeFigures(w, width)
	fmt.Fprintln(w)
	r.writeGroups(w, width)
}

// wrap breaks a line at spaces.
func wrap(line string, width int) string {
	if width <= 0 {
		return line
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	lines := strings.Split(text.WrapSoft(strings.TrimLeft(line, " "), max(20, width-len(indent)-2)), "\n")
	for n := range lines {
		lines[n] = strings.TrimRight(lines[n], " ")
	}
	return indent + strings.Join(lines, "\n"+indent+"  ")
}

func (r Report) writeFigures(w io.Writer, width int) {
	names := make([]any, len(r.runs))
	for n, run := range r.runs {
		names[n] = run.Name
	}
	header := append(table.Row{"figure"}, names...)
	rows := make([]table.Row, 0, len(metrics))
	for _, m := range metrics {
		row := table.Row{m.Name}
		for _, run := range r.runs {
			row = append(row, m.Format(m.value(run.Result.Summary)))
		}
		if len(r.runs) == 2 {
			row = append(row, difference(m, r.runs[0], r.runs[1]))
		}
		rows = append(rows, row)
	}
	if len(r.runs) == 2 {
		header = append(header, "change")
	}
	render(w, width, header, rows)
}

// difference is how far the second run is from the first.
func difference(m Metric, a, b Run) string {
	d := m.value(b.Result.Summary) - m.value(a.Result.Summary)
	if formatted := m.Format(d); d > 0 {
		return "+" + formatted
	} else if d < 0 {
		return formatted
	}
	return "="
}

func (r Report) writeGroups(w io.Writer, width int) {
	header := table.Row{"group", "in service", "spot h", "on-demand h", "cost", "out", "in", "reclaims"}
	var rows []table.Row
	for _, run := range r.runs {
		for _, g := range run.Result.Groups {
			name := g.Name
			if len(r.runs) > 1 {
				name = run.Name + ": " + name
			}
			rows = append(rows, table.Row{
				name, fmt.Sprintf("%d–%d, ø %.1f", g.MinInService, g.MaxInService, g.MeanInService),
				number(g.SpotHours), number(g.OnDemandHours), dollars(g.Cost), g.ScaleOuts, g.ScaleIns, g.Reclaims,
			})
		}
	}
	render(w, width, header, rows)
}

// render writes aligned columns, figures to the right. Where they do not fit
// beside each other, each row becomes a block of lines.
func render(w io.Writer, width int, header table.Row, rows []table.Row) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(header)
	t.AppendRows(rows)
	var aligned []table.ColumnConfig
	for n := 2; n <= len(header); n++ {
		aligned = append(aligned, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(aligned)
	t.SuppressTrailingSpaces()
	fmt.Fprintln(w, columns.Fit(t.Render(), width, header, rows))
}
