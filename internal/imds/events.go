package imds

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Paths below /latest/meta-data/.
const (
	// InstanceActionPath holds the interruption notice, while there is one
	// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html).
	InstanceActionPath = "spot/instance-action"
	// RebalancePath holds the rebalance recommendation
	// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html).
	RebalancePath = "events/recommendations/rebalance"
	// TargetStatePath holds the state that the group moves the instance to
	// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html).
	TargetStatePath = "autoscaling/target-lifecycle-state"
	// InstanceIDPath holds the instance's id.
	InstanceIDPath = "instance-id"
)

// What an interruption does to an instance.
const (
	ActionTerminate = "terminate"
	ActionStop      = "stop"
	ActionHibernate = "hibernate"
)

// Interruption is a spot interruption notice.
type Interruption struct {
	// Action is ActionTerminate, ActionStop or ActionHibernate, which begins
	// at once; something else where AWS has invented it since.
	Action string
	// Time is when the action takes place, by AWS's clock, to the second. Zero
	// where the notice names none that can be read.
	Time time.Time
}

// Interruption asks for the interruption notice. Where there is none, the
// error is ErrNotFound; any other error says that nothing is known, and
// ErrMalformed that the service has answered all the same.
func (c *Client) Interruption(ctx context.Context) (Interruption, error) {
	text, err := c.Get(ctx, InstanceActionPath)
	if err != nil {
		return Interruption{}, err
	}
	var notice struct{ Action, Time string }
	if err := json.Unmarshal([]byte(text), &notice); err != nil {
		return Interruption{}, fmt.Errorf("instance metadata %s: %w: %w", InstanceActionPath, ErrMalformed, err)
	}
	if notice.Action == "" {
		return Interruption{}, fmt.Errorf("instance metadata %s: %w: it names no action", InstanceActionPath, ErrMalformed)
	}
	at, err := time.Parse(time.RFC3339, notice.Time)
	if err != nil {
		at = time.Time{}
	}
	return Interruption{Action: notice.Action, Time: at}, nil
}

// Rebalance asks for the rebalance recommendation and returns when it was
// made, as AWS writes it: one recommendation has one time. Where there is none,
// the error is ErrNotFound.
func (c *Client) Rebalance(ctx context.Context) (noticeTime string, err error) {
	text, err := c.Get(ctx, RebalancePath)
	if err != nil {
		return "", err
	}
	var recommendation struct{ NoticeTime string }
	if err := json.Unmarshal([]byte(text), &recommendation); err != nil {
		return "", fmt.Errorf("instance metadata %s: %w: %w", RebalancePath, ErrMalformed, err)
	}
	return recommendation.NoticeTime, nil
}

// TargetState asks which state the instance's group moves it to, such as
// InService, Standby or Terminated. Outside of a group, the error is ErrNotFound.
func (c *Client) TargetState(ctx context.Context) (string, error) {
	text, err := c.Get(ctx, TargetStatePath)
	return strings.TrimSpace(text), err
}

// InstanceID asks for the instance's id.
func (c *Client) InstanceID(ctx context.Context) (string, error) {
	text, err := c.Get(ctx, InstanceIDPath)
	return strings.TrimSpace(text), err
}
