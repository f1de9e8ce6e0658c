package check

import "fmt"

// InputError is a fault of what was asked for, as against one of the network,
// of AWS or of the machine.
type InputError struct{ Err error }

func (e InputError) Error() string { return e.Err.Error() }
func (e InputError) Unwrap() error { return e.Err }

// InputErrorf returns an InputError.
func InputErrorf(format string, args ...any) error {
	return InputError{Err: fmt.Errorf(format, args...)}
}
