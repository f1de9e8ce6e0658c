package rollout

import (
	"context"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
)

// Fleet shows a cluster as it is now.
type Fleet interface {
	Cluster(ctx context.Context, environment, name string) (fleet.Cluster, error)
}

// Scaling takes instances out of their group's care and gives them back.
type Scaling interface {
	// EnterStandby lowers the group's desired capacity by one.
	EnterStandby(ctx context.Context, group, instance string) error
	// ExitStandby raises it by one.
	ExitStandby(ctx context.Context, group, instance string) error
	// SetMinimum changes the group's smallest size.
	SetMinimum(ctx context.Context, group string, minimum int) error
}

// Targets are the members of target groups.
type Targets interface {
	Register(ctx context.Context, targetGroup, instance string) error
	// Deregister of an instance that is not registered does nothing.
	Deregister(ctx context.Context, targetGroup, instance string) error
	// Delay is how long deregistration may take.
	Delay(ctx context.Context, targetGroup string) (time.Duration, error)
}

// Commands runs scripts on instances.
type Commands interface {
	// Send starts a script as root and returns the command's id.
	Send(ctx context.Context, instance, script string, limit time.Duration) (string, error)
	Result(ctx context.Context, instance, command string) (Invocation, error)
	Cancel(ctx context.Context, instance, command string) error
}

// Invocation is a script on an instance.
type Invocation struct {
	Done bool
	// Status is Systems Manager's word for it:
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
	Status string
	// Code is the exit code, of which only a finished script has one.
	Code           int
	Stdout, Stderr string
}

// Store keeps the journals of a cluster where the next rollout finds them.
// What it reads may be a moment old.
type Store interface {
	// Read returns a document, and whether it is there.
	Read(ctx context.Context, name string) (document string, found bool, err error)
	// Create stores a document where there is none, and says whether it has: of
	// several that try at once one does.
	Create(ctx context.Context, name, document string) (created bool, err error)
	// Replace stores a document whatever was there, and returns how often the
	// name has been written since it was created.
	Replace(ctx context.Context, name, document string) (version int64, err error)
	// Delete of a document that is not there does nothing.
	Delete(ctx context.Context, name string) error
}

// Services are what a rollout does its work with.
type Services struct {
	Fleet    Fleet
	Scaling  Scaling
	Targets  Targets
	Commands Commands
	Store    Store
}
