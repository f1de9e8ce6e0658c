package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

// plans reads what there is to review. Beside configuration, a plan takes the
// place of the stack that its file is named after, as it knows more.
func (a *app) plans(ctx context.Context, f reviewFlags, args []string) (plans []*plan.Plan, err error) {
	if f.synth {
		if plans, err = plan.Configuration(args[0], args[1]); err != nil {
			return nil, err
		}
		args = args[2:]
	}
	for _, file := range args {
		p, err := a.plan(ctx, file)
		if err != nil {
			return nil, err
		}
		stack := strings.TrimSuffix(filepath.Base(file), ".json")
		if i := slices.IndexFunc(plans, func(other *plan.Plan) bool { return f.synth && other.Name == stack }); i >= 0 {
			p.Name, plans[i] = stack, p
			continue
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// plan reads a file as it comes: a plan may be larger than one wants in memory.
// It gives up when ctx ends, as standard input may never come to an end.
func (a *app) plan(ctx context.Context, file string) (*plan.Plan, error) {
	type result struct {
		plan *plan.Plan
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.plan, r.err = a.readPlan(file)
		done <- r
	}()
	select {
	case r := <-done:
		return r.plan, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", displayName(file), context.Cause(ctx))
	}
}

func (a *app) readPlan(file string) (p *plan.Plan, err error) {
	if file == streamFile {
		return plan.Read(displayName(file), a.stdin)
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, inputError{err: fmt.Errorf("%s: %w", file, check.Cause(err))}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if info, statErr := in.Stat(); statErr == nil && info.IsDir() {
		return nil, inputError{err: fmt.Errorf("%s is a directory; want the output of terraform show -json PLANFILE, or --synth and two directories", file)}
	}
	return plan.Read(file, in)
}
