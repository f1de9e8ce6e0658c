package check

import (
	"errors"
	"io/fs"
	"os"
)

// Cause is what is wrong with a file according to err, without the names of
// files that err mentions: they may be temporary ones, or said already.
func Cause(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
