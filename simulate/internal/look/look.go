// Package look is what the pages of simulations share: their style and the
// library that draws on them, both embedded, as a page may need nothing else.
package look

import (
	_ "embed" // the style and the library
	"html/template"
)

//go:embed page.css
var pageCSS string

// uPlot draws the charts: https://github.com/leeoniya/uPlot, MIT licence.
//
//go:embed uplot/uPlot.iife.min.js
var uplotJS string

//go:embed uplot/uPlot.min.css
var uplotCSS string

// Style is the style sheet of a page and of its charts.
func Style() template.CSS { return template.CSS(uplotCSS + pageCSS) }

// Library is the script that defines uPlot.
func Library() template.JS { return template.JS(uplotJS) }
