package cli

import (
	"os"

	"golang.org/x/term"
)

// width is how many columns standard output has. 0: it is no terminal.
func (a *app) width() int {
	out, ok := a.stdout.(*output)
	if !ok {
		return 0
	}
	file, ok := out.w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0 // no terminal
	}
	return columns
}
