package columns_test

import (
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tandem-iac/tandem/internal/columns"
)

func TestFit(t *testing.T) {
	const rendered = "name  ø\nab    1\ncd    2"
	header, rows := table.Row{"name", "ø"}, []table.Row{{"ab", 1}, {"cd", 2}}
	for width, want := range map[int]string{
		0: rendered,
		7: rendered, // ø is one column, though two bytes
		6: "ab\n  ø: 1\ncd\n  ø: 2",
	} {
		if got := columns.Fit(rendered, width, header, rows); got != want {
			t.Errorf("width %d:\n%s\nwant\n%s", width, got, want)
		}
	}
}
