// Package cli is the command line of tandem: a file for each subcommand, or for
// a few that belong together, driven by scripts in testdata as a user would.
//
//	Main → run → newRootCommand → newValidateCommand, newInitCommand, …
//
// A command gets its streams from app and its context from cobra, returns an
// error and never exits. Errors become messages and exit codes in errors.go.
package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is all that commands may use of the process around them.
type app struct {
	stdin io.Reader
	// stdout takes results. Commands print to it without looking at errors:
	// run turns a failed write into a failed command.
	stdout io.Writer
	// stderr takes messages.
	stderr io.Writer
	// screen is stderr for what may stand beside a bar. Run makes it.
	screen *screen
	// now is the time.
	now func() time.Time
}

// Main runs the command that the process was started with and returns its
// exit code. The first interrupt cancels the command's context, the second
// ends the process.
func Main() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		returnCarriage(os.Stderr)
		cancel(errInterrupted)
	}()
	return run(ctx, os.Args[1:], app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now})
}

// echoDelay is for the terminal, which shows the ^C just after it has sent the
// interrupt.
const echoDelay = 5 * time.Millisecond

// returnCarriage goes back over the ^C that a terminal has shown: what takes a
// progress bar away goes up a line, and clears it from the same column on.
func returnCarriage(f *os.File) {
	if term.IsTerminal(int(f.Fd())) {
		time.Sleep(echoDelay)
		fmt.Fprint(f, "\r")
	}
}

func run(ctx context.Context, args []string, a app) int {
	out := &output{w: a.stdout}
	a.stdout = out
	a.screen = newScreen(a.stderr)
	root := newRootCommand(&a)
	started := false
	eachCommand(root, func(c *cobra.Command) {
		if c.Args == nil {
			c.Args = noArgs
		}
		noteStart(c, &started)
	})
	// Without arguments of its own, cobra would read the process's.
	root.SetArgs(append([]string{}, args...))
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err != nil && !started: // cobra refused a flag or an argument
		err = inputError{err: withNearFlag(cmd, plainly(err)), help: cmd.CommandPath()}
	case err == nil:
		err = out.err
	}
	err = interrupted(ctx, err)
	printError(a.stderr, err)
	return exitCode(err)
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "tandem",
		Short: "Web clusters on AWS, on-demand and spot in tandem",
		Long: `tandem checks descriptions of web clusters on AWS, in which an on-demand and a
spot Auto Scaling group work in tandem behind a load balancer, and runs their
releases: build, publish, promote, deploy, roll back.

Before anything is live, review says what a Terraform plan really does, simulate
replays a load against scaling policies, tune searches for cheaper ones, and
price looks up what instances cost. Drill interrupts spot instances on purpose,
to see that no request is dropped.

Exit codes: 0 fine, 1 failure, 2 the input is wrong.`,
		SilenceErrors: true, // run reports them
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.Version = thisBuild().String() // for --version
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(
		newBootstrapCommand(a),
		newDashboardCommand(a),
		newDeployCommand(a),
		newDrillCommand(a),
		newDrillServiceCommand(a),
		newInitCommand(a),
		newInventoryCommand(a),
		newLogsCommand(a),
		newNagiosCommand(a),
		newPackagesCommand(a),
		newPriceCommand(a),
		newReleaseCommand(a),
		newReviewCommand(a),
		newSchemaCommand(a),
		newSimulateCommand(a),
		newStatusCommand(a),
		newTuneCommand(a),
		newValidateCommand(a),
		newVersionCommand(a),
	)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	eachCommand(root, func(c *cobra.Command) {
		switch {
		case c.HasSubCommands() && c.RunE == nil:
			refuseUnknown(c)
		case c.HasSubCommands():
			refuseMisspelt(c)
		}
	})
	return root
}

// newHelpCommand replaces cobra's, which calls an unknown topic a success.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknownCommand(about, rest)
			}
			if err != nil {
				return inputError{err: err, help: about.CommandPath()}
			}
			return about.Help()
		},
	}
}

// refuseUnknown makes a command that only groups others print its help when
// called alone, and refuse what is not one of them.
func refuseUnknown(group *cobra.Command) {
	group.DisableFlagsInUseLine = true
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	refuse(group, unknownCommand)
}

// refuseMisspelt makes a command that has arguments of its own beside its
// subcommands refuse what is nearly one of those.
func refuseMisspelt(cmd *cobra.Command) {
	want := cmd.Args
	misspelt := func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && len(cmd.SuggestionsFor(args[0])) > 0 {
			return unknownCommand(cmd, args)
		}
		return nil
	}
	refuse(cmd, misspelt)
	cmd.Args = cobra.MatchAll(misspelt, want)
}

// refuse makes a command check its arguments, before it blames a flag too: that
// may well be one of the subcommand that was meant.
func refuse(cmd *cobra.Command, check cobra.PositionalArgs) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = check
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c == cmd {
			return cmp.Or(check(c, c.Flags().Args()), err)
		}
		return err
	})
}

func unknownCommand(group *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	suggestion := ""
	if near := group.SuggestionsFor(args[0]); len(near) > 0 {
		suggestion = ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q%s", args[0], suggestion)
}

// exactly makes a command want as many arguments as there are names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			verb := "is"
			if len(args)+1 < len(names) {
				verb = "are"
			}
			return fmt.Errorf("%s %s missing", strings.Join(names[len(args):], " and "), verb)
		}
		return noArgs(nil, args[len(names):])
	}
}

// atLeastOne makes a command want an argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", name)
		}
		return nil
	}
}

// atMostOne makes a command take an argument or none.
func atMostOne(_ *cobra.Command, args []string) error { return noArgs(nil, args[min(1, len(args)):]) }

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// noteStart sets *started once cobra has accepted all flags and arguments.
func noteStart(c *cobra.Command, started *bool) {
	if body := c.RunE; body != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return body(cmd, args)
		}
	}
}

func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, visit)
	}
}

// output remembers the first write that failed.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("standard output: %w", err)
	}
	return n, err
}
