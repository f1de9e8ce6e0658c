// Package watchtest knows which metrics AWS documents, and which the agents
// send, for tests of what is built on them.
package watchtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/rescue/metric"
)

// documented are AWS's metrics that are of use here, each with its statistics
// that mean something and sets of dimensions:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
var documented = map[string]struct{ stats, dimensions []string }{
	"AWS/ApplicationELB RequestCount":              {sum, balancer},
	"AWS/ApplicationELB RequestCountPerTarget":     {sum, []string{"TargetGroup", "LoadBalancer TargetGroup"}},
	"AWS/ApplicationELB TargetResponseTime":        {[]string{"Average", "p"}, balancer},
	"AWS/ApplicationELB HTTPCode_ELB_4XX_Count":    {sum, []string{"LoadBalancer", "AvailabilityZone LoadBalancer"}},
	"AWS/ApplicationELB HTTPCode_ELB_5XX_Count":    {sum, []string{"LoadBalancer", "AvailabilityZone LoadBalancer"}},
	"AWS/ApplicationELB HTTPCode_Target_4XX_Count": {sum, balancer},
	"AWS/ApplicationELB HTTPCode_Target_5XX_Count": {sum, balancer},
	"AWS/ApplicationELB HealthyHostCount":          {[]string{"Average", "Minimum", "Maximum"}, hosts},
	"AWS/ApplicationELB UnHealthyHostCount":        {[]string{"Average", "Minimum", "Maximum"}, hosts},
	"AWS/AutoScaling GroupMinSize":                 {size, group},
	"AWS/AutoScaling GroupMaxSize":                 {size, group},
	"AWS/AutoScaling GroupDesiredCapacity":         {size, group},
	"AWS/AutoScaling GroupInServiceInstances":      {size, group},
	"AWS/AutoScaling GroupPendingInstances":        {size, group},
	"AWS/AutoScaling GroupStandbyInstances":        {size, group},
	"AWS/AutoScaling GroupTerminatingInstances":    {size, group},
	"AWS/AutoScaling GroupTotalInstances":          {size, group},
	"AWS/EC2 CPUUtilization":                       {[]string{"Average", "Minimum", "Maximum"}, []string{"AutoScalingGroupName", "ImageId", "InstanceId", "InstanceType"}},
}

var (
	sum      = []string{"Sum"}
	size     = []string{"Average", "Minimum", "Maximum"}
	group    = []string{"AutoScalingGroupName"}
	balancer = []string{"LoadBalancer", "AvailabilityZone LoadBalancer", "LoadBalancer TargetGroup", "AvailabilityZone LoadBalancer TargetGroup"}
	hosts    = []string{"LoadBalancer TargetGroup", "AvailabilityZone LoadBalancer TargetGroup"}
)

var percentile = regexp.MustCompile(`^p[0-9]{1,2}(\.[0-9]+)?$`)

// Use is a use of a metric.
type Use struct {
	// Where says who uses it, for messages.
	Where                 string
	Namespace, Name, Stat string
	// Dimensions are values by name.
	Dimensions map[string]string
}

// Check fails for uses of metrics that nobody publishes, or not with these
// dimensions, or whose statistic means nothing, and for metrics that are there
// and no use is made of. agents is where the names of the agents' metrics are
// declared, from the test's directory.
func Check(t *testing.T, agents string, uses []Use) {
	t.Helper()
	used := map[string]bool{}
	sent := agentMetrics(t, agents)
	for _, u := range uses {
		id := u.Namespace + " " + u.Name
		used[id] = true
		dimensions := strings.Join(slices.Sorted(maps.Keys(u.Dimensions)), " ")
		if u.Namespace == metric.Namespace {
			if !slices.Contains(sent, u.Name) || dimensions != metric.Cluster+" "+metric.Environment {
				t.Errorf("%s: no agent sends %s by %s", u.Where, id, dimensions)
			}
			continue
		}
		rule, known := documented[id]
		stat := u.Stat
		if percentile.MatchString(stat) {
			stat = "p"
		}
		switch {
		case !known:
			t.Errorf("%s: AWS documents no %s", u.Where, id)
		case !slices.Contains(rule.dimensions, dimensions):
			t.Errorf("%s: AWS publishes %s by %q, not by %q", u.Where, id, rule.dimensions, dimensions)
		case !slices.Contains(rule.stats, stat):
			t.Errorf("%s: %s of %s means nothing, %v do", u.Where, u.Stat, id, rule.stats)
		}
		for name, value := range u.Dimensions {
			if value == "" {
				t.Errorf("%s: %s has no %s", u.Where, id, name)
			}
		}
	}
	for _, name := range sent {
		if !used[metric.Namespace+" "+name] {
			t.Errorf("agents send %s, and nobody looks", name)
		}
	}
	for id := range documented {
		if !used[id] {
			t.Errorf("%s is documented here, and nobody looks", id)
		}
	}
}

// agentMetrics are the names of metrics in their package: all its constants but
// those that name no metric.
func agentMetrics(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	other := []string{metric.Namespace, metric.Environment, metric.Cluster}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		value, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range value.Values {
			literal, ok := v.(*ast.BasicLit)
			if !ok {
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(other, text) {
				names = append(names, text)
			}
		}
		return false
	})
	if len(names) < 6 {
		t.Fatal(fmt.Errorf("%s declares only %v", file, names))
	}
	return names
}
