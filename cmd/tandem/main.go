// Command tandem is the operator's command line.
package main

import (
	"os"

	"github.com/tandem-iac/tandem/internal/cli"
)

func main() { os.Exit(cli.Main()) }
