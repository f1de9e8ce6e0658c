package logs

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// Kept is how long Auto Scaling keeps activities:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
const Kept = 6 * 7 * 24 * time.Hour

// Gone is an instance that was terminated.
type Gone struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	Group   string `json:"group"`
	// Terminated is when its termination began.
	Terminated time.Time `json:"terminated"`
	// Ended is when it was over. Zero: it is going on.
	Ended time.Time `json:"ended,omitzero"`
}

// terminating is how an activity that terminates an instance is described:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-verify-scaling-activity.html
var terminating = regexp.MustCompile(`^Terminating EC2 instance: (i-[0-9a-f]+)`)

// Activities asks Auto Scaling for what it has done.
type Activities interface {
	DescribeScalingActivities(context.Context, *autoscaling.DescribeScalingActivitiesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeScalingActivitiesOutput, error)
}

// Terminated lists the instances of a group whose termination began at or
// after a time, the latest first.
func Terminated(ctx context.Context, client Activities, cluster, group string, since time.Time) ([]Gone, error) {
	var all []Gone
	pages := autoscaling.NewDescribeScalingActivitiesPaginator(client, &autoscaling.DescribeScalingActivitiesInput{
		AutoScalingGroupName: &group,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Activities {
			begin := aws.ToTime(a.StartTime)
			if begin.Before(since) {
				return all, nil // activities come the latest first
			}
			m := terminating.FindStringSubmatch(aws.ToString(a.Description))
			if m == nil || a.StatusCode == types.ScalingActivityStatusCodeFailed || a.StatusCode == types.ScalingActivityStatusCodeCancelled {
				continue
			}
			all = append(all, Gone{ID: m[1], Cluster: cluster, Group: group, Terminated: begin, Ended: aws.ToTime(a.EndTime)})
		}
	}
	return all, nil
}
