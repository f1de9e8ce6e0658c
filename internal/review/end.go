package review

// gone says what the end of a resource means, by type: %s is "replaced" or
// "destroyed".
var gone = map[string]string{
	"aws_lb":                              "Its DNS name goes, and all connections drop.",
	"aws_lb_target_group":                 "All its targets deregister, and nobody answers for it.",
	"aws_lb_listener":                     "Its port refuses connections from then on.",
	"aws_autoscaling_group":               "All its instances are terminated.",
	"aws_nat_gateway":                     "Private subnets have no way out meanwhile, and leave from another address afterwards: allow lists elsewhere have to change.",
	"aws_eip":                             "The address goes back to AWS: allow lists that name it have to change.",
	"aws_vpc":                             "Everything in the network has to go with it.",
	"aws_subnet":                          "Everything in the subnet has to go with it.",
	"aws_s3_bucket":                       "A bucket that is not empty fails the apply, unless force_destroy empties it first.",
	"aws_launch_template":                 "Groups that still name it cannot start instances.",
	"aws_cloudwatch_metric_alarm":         "What it started is started by nobody.",
	"aws_autoscaling_policy":              "Alarms and agents that name it do nothing.",
	"aws_security_group":                  "It cannot go while anything uses it: the apply waits, and then fails.",
	"aws_vpc_security_group_ingress_rule": "What it let in is let in no longer.",
	"aws_s3_bucket_public_access_block":   "Policies and ACLs can make the bucket public again.",
	"aws_iam_role":                        "What runs with it loses its permissions at once.",
	"aws_iam_role_policy":                 "What runs with the role loses these permissions at once.",
	"aws_iam_role_policy_attachment":      "What runs with the role loses these permissions at once.",
	"aws_db_instance":                     "The database is gone; a final snapshot is taken only if one is asked for.",
}

// replacedInstead is said instead where a new one takes its place.
var replacedInstead = map[string]string{
	"aws_lb":                              "Its DNS name changes, and all connections drop: whatever points at the old name has to be changed.",
	"aws_lb_target_group":                 "All targets deregister first: nobody answers until the new group's are registered and healthy.",
	"aws_lb_listener":                     "Its port refuses connections until the new listener is there.",
	"aws_autoscaling_group":               "All its instances are terminated, and new ones start from nothing.",
	"aws_eip":                             "Its address changes: allow lists that name it have to change.",
	"aws_launch_template":                 "Groups start their next instances from the new one.",
	"aws_cloudwatch_metric_alarm":         "It begins without data, and fires again when it has enough.",
	"aws_autoscaling_policy":              "It gets another ARN: alarms and agents have to name the new one.",
	"aws_vpc_security_group_ingress_rule": "Traffic that both rules let in is refused for a moment, between the old rule and the new one.",
	"aws_iam_role_policy":                 "For a moment what runs with the role lacks these permissions.",
	"aws_db_instance":                     "A new, empty database takes its place.",
}
