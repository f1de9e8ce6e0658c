package rollout

import (
	"errors"
	"fmt"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// member is an instance to update.
type member struct {
	Result
	group fleet.Group
	// touched says that a setup has been started, gone that the instance is
	// no more.
	touched, gone bool
	// recorded says that Before is what the machine's own record said before
	// the first setup.
	recorded     bool
	command      string // the id of its running setup
	deregistered time.Time
	// err is why the current attempt has failed.
	err error
}

func ids(members []*member) []string {
	var list []string
	for _, m := range members {
		list = append(list, m.ID)
	}
	return list
}

// failed is why the members of a batch are not all as wanted.
func failed(batch []*member) error {
	var errs []error
	for _, m := range batch {
		if m.err != nil {
			errs = append(errs, fmt.Errorf("%s %w", m.ID, m.err))
		}
	}
	return errors.Join(errs...)
}

func alive(batch []*member) []*member {
	var left []*member
	for _, m := range batch {
		if !m.gone {
			left = append(left, m)
		}
	}
	return left
}
