package rule

import "regexp"

func loadBalancerRules() []Rule {
	return []Rule{
		{
			ID: "tls-policy-weak", Severity: Dangerous,
			Title:  "A listener accepts TLS 1.0 or 1.1",
			Why:    "Both are broken and refused by auditors. Without ssl_policy a listener gets the policy of 2016, which accepts them.",
			Fix:    `Set ssl_policy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" or newer.`,
			Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_lb_listener", "aws_alb_listener") {
					policy, ok := r.Text("ssl_policy", "ELBSecurityPolicy-2016-08")
					if ok && (r.Is("protocol", "HTTPS") || r.Is("protocol", "TLS")) && !modernTLS.MatchString(policy) {
						found(r, "ssl_policy is %s", policy)
					}
				}
			},
		},
		{
			ID: "http-without-tls", Severity: Look,
			Title: "A public listener serves plain HTTP",
			Why:   "Everybody on the way reads and changes what users send and get.",
			Fix:   "Redirect to HTTPS: default_action { type = \"redirect\" } with protocol HTTPS, port 443 and HTTP_301.",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_lb_listener", "aws_alb_listener") {
					if !r.Is("protocol", "HTTP") || !r.Is("default_action.type", "forward") {
						continue
					}
					for _, balancer := range s.Linked(r, "load_balancer_arn", "aws_lb", "aws_alb") {
						if balancer.Off("internal") {
							found(r, "port %v forwards", r.Get("port"))
						}
					}
				}
			},
		},
		{
			ID: "deletion-protection-off", Severity: Look,
			Title:  "A load balancer can be deleted by one call",
			Why:    "A wrong destroy takes the service off the internet, and its DNS name never comes back.",
			Fix:    "Set enable_deletion_protection = true.",
			Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_lb", "aws_alb") {
					if r.Off("enable_deletion_protection") {
						found(r, "enable_deletion_protection is off")
					}
				}
			},
		},
		{
			ID: "access-logs-off", Severity: Look,
			Title:  "A load balancer writes no access logs",
			Why:    "After an incident nobody can say who asked for what, and with which result.",
			Fix:    "Set access_logs { enabled = true } with a bucket of the same region.",
			Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_lb", "aws_alb") {
					if r.Off("access_logs.enabled") {
						found(r, "access_logs is off")
					}
				}
			},
		},
		{
			ID: "draining-longer-than-notice", Severity: Dangerous,
			Title:  "Draining takes longer than a spot interruption leaves",
			Why:    "AWS takes a spot instance two minutes after its notice. Requests that still drain then are cut off, at each interruption.",
			Fix:    "Set deregistration_delay to 60 to 90: noticing, deregistering and shipping the last logs need the rest.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html",
			state: func(s *Set, found Found) {
				told := map[*Resource]bool{}
				for _, group := range s.SpotGroups() {
					for _, r := range s.Targets(group) {
						delay, ok := r.Number("deregistration_delay", defaultDelay)
						if ok && delay > longestDelay && !told[r] {
							told[r] = true
							found(r, "deregistration_delay is %g s, the notice 120 s", delay)
						}
					}
				}
			},
		},
	}
}

// modernTLS matches policies that accept TLS 1.2 and newer only.
var modernTLS = regexp.MustCompile(`-(TLS13-1-[23]|TLS-1-2|FS-1-2)\b`)

const (
	// defaultDelay is AWS's, in seconds.
	defaultDelay = 300
	// longestDelay leaves 30 of 120 s to see the notice, deregister and flush.
	longestDelay = 90
)
