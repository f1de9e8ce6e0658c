//go:build !linux && !darwin

package fastsynth

import "io"

// prepare does nothing on this platform: the stock path is taken.
func prepare(io.Writer) error { return nil }
