package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestInterruptedIsOneWord(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	failure := errors.New("disk full")
	if got := interrupted(ctx, context.Canceled); got != context.Canceled { //nolint:errorlint // the very error
		t.Errorf("before the interrupt: got %v", got)
	}
	cancel(errInterrupted)
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("operation error S3: GetObject: %w", context.Canceled), "interrupted"},
		{fmt.Errorf("%w: latest-stable was not moved", context.Cause(ctx)), "interrupted: latest-stable was not moved"},
		{failure, "disk full"},
	} {
		if got := interrupted(ctx, test.err); got.Error() != test.want || exitCode(got) != exitFailure {
			t.Errorf("%v: got %v, want %s", test.err, got, test.want)
		}
	}
}

func TestPlainly(t *testing.T) {
	for text, want := range map[string]string{
		`invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax`:         `invalid argument "x" for "--limit" flag: want a whole number`,
		`invalid argument "9" for "--limit" flag: strconv.ParseInt: parsing "9": value out of range`:     `invalid argument "9" for "--limit" flag: want a smaller number`,
		`invalid argument "maybe" for "--json" flag: strconv.ParseBool: parsing "maybe": invalid syntax`: `invalid argument "maybe" for "--json" flag: want true or false`,
		`unknown flag: --jsn`: `unknown flag: --jsn`,
	} {
		if got := plainly(errors.New(text)); got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
