package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/internal/review"
	"github.com/tandem-iac/tandem/internal/review/behaviour"
	"github.com/tandem-iac/tandem/simulate/load"
	"github.com/tandem-iac/tandem/spec"
)

// reviewConfig gathers prices, accepted findings and the description, which
// need not be there unless somebody has named it.
func (a *app) reviewConfig(ctx context.Context, f reviewFlags) (review.Config, error) {
	cfg := review.Config{Region: f.region}
	var err error
	if f.prices == "" {
		cfg.Prices, err = price.Default()
	} else {
		cfg.Prices, err = price.Load(f.prices)
	}
	if err != nil {
		return review.Config{}, asInput(err)
	}
	var env spec.Environment
	file := cmp.Or(f.file, fileArg(nil))
	if _, missing := os.Stat(file); file != defaultFile || !errors.Is(missing, fs.ErrNotExist) {
		if env, err = a.load(ctx, file); err != nil {
			return review.Config{}, err
		}
		cfg.Region = cmp.Or(f.region, env.Region)
		cfg.OnDemand = func(region, instanceType string) (float64, bool) {
			usd, known := env.OnDemandPrices[instanceType]
			return usd, known && region == env.Region
		}
	}
	if cfg.Behaviour, err = f.behaviour(env.Review.Load); err != nil {
		return review.Config{}, err
	}
	accepted, err := f.readBaseline()
	if err != nil {
		return review.Config{}, err
	}
	cfg.Accepted = func(finding review.Finding) (string, bool) {
		for _, off := range env.Review.Disable {
			if (review.Switched{Rule: off.Rule, Address: off.Address}).Accepts(finding) {
				return off.Reason, true
			}
		}
		return accepted.Accepts(finding)
	}
	return cfg, nil
}

// behaviour says on what load scaling is simulated: the flag's, or else the
// description's, or else the preset.
func (f reviewFlags) behaviour(described string) (behaviour.Config, error) {
	text := cmp.Or(f.load, described, load.SeedDay)
	on := scenarioFlags{seed: 1, step: time.Minute}
	demand, err := on.load(text)
	if err != nil && f.load == "" {
		err = check.InputErrorf("review.load: %s", err) // not %w: faults would be told without the key
	}
	if err != nil {
		return behaviour.Config{}, err
	}
	model, err := on.model(text)
	if err != nil {
		return behaviour.Config{}, err
	}
	cfg := behaviour.Config{Load: demand, Model: model, LoadName: "Simulated on the load " + text}
	if f.load == "" && described == "" {
		cfg.LoadName = "Simulated on " + text + ", a preset, as neither --load nor review.load in tandem.yaml names the load of this environment"
	}
	cfg.LoadName += fmt.Sprintf("; %s long. The objective is CPU below %g %%.", words(demand.Duration()), model.ObjectiveCPU)
	return cfg, nil
}

// words are a load's duration in days or hours.
func words(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "a day"
	case d > day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.Round(time.Minute).String()
}

// asInput makes a file that cannot be read the user's fault.
func asInput(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return inputError{err: fmt.Errorf("%s: %w", at.Path, at.Err)}
	}
	return err
}
