package rule

import (
	"github.com/tandem-iac/tandem/internal/review/diff"
)

func instanceRules() []Rule {
	return []Rule{
		{
			ID: "imdsv1-allowed", Severity: Dangerous,
			Title:  "Instances answer metadata requests without a token (IMDSv1)",
			Why:    "A request that the service can be tricked into, or an open proxy, reads the instance role's credentials.",
			Fix:    `Set metadata_options { http_tokens = "required" }.`,
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_launch_template", "aws_instance") {
					tokens, ok := r.Text("metadata_options.http_tokens", "optional")
					if ok && tokens != "required" && !r.Is("metadata_options.http_endpoint", "disabled") {
						found(r, "http_tokens is %s", tokens)
					}
				}
			},
		},
		{
			ID: "secret-in-user-data", Severity: Dangerous,
			Title:  "User data holds what looks like a secret",
			Why:    "Everybody who may describe instances or launch templates reads user data, and every process on the instance does.",
			Fix:    "Fetch the secret at boot from Secrets Manager or Parameter Store with the instance's role, and change it.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
			state: func(s *Set, found Found) {
				s.eachScript(func(r *Resource, attribute, text string) {
					if diff.Secret(text) {
						found(r, "%s has a line that looks like a credential", attribute)
					}
				})
			},
		},
		{
			ID: "unencrypted-volume", Severity: Look,
			Title:  "A volume is not encrypted",
			Why:    "Snapshots and copies of it can be read by whoever gets hold of them, unless the account encrypts by default.",
			Fix:    "Set encrypted = true.",
			Source: "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_launch_template") {
					for _, mapping := range r.Blocks("block_device_mappings") {
						ebs := r.With(mapping)
						if mapping["ebs"] != nil && ebs.Off("ebs.encrypted") {
							found(r, "block_device_mappings of %v", mapping["device_name"])
						}
					}
				}
				for _, r := range s.Of("aws_ebs_volume") {
					if r.Off("encrypted") {
						found(r, "encrypted is not set")
					}
				}
			},
		},
		{
			ID: "public-ip-on-instances", Severity: Look,
			Title:  "Instances get public addresses",
			Why:    "With a public address only the security group stands between an instance and the internet.",
			Fix:    "Launch into private subnets without associate_public_ip_address; go out through NAT or endpoints.",
			Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_launch_template") {
					if r.Is("network_interfaces.associate_public_ip_address", "true") {
						found(r, "network_interfaces.associate_public_ip_address is true")
					}
				}
			},
		},
	}
}

// eachScript visits the user data that is known, as the instance gets it.
func (s *Set) eachScript(visit func(r *Resource, attribute, text string)) {
	for _, r := range s.Of("aws_launch_template", "aws_instance", "aws_launch_configuration") {
		for _, attribute := range []string{"user_data", "user_data_base64"} {
			if text, ok := r.Get(attribute).(string); ok {
				visit(r, attribute, diff.Script(text))
			}
		}
	}
}
