#!/bin/bash
# What one would write instead of an agent: ask every few seconds, and call for
# an instance once there is a notice.
metadata=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
while sleep "$TANDEM_POLL_SECONDS"; do
	token=$(curl -fs --max-time 2 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") || continue
	curl -fs --max-time 2 --header "X-aws-ec2-metadata-token: $token" --output /dev/null "$metadata/meta-data/spot/instance-action" || continue
	aws autoscaling execute-policy --auto-scaling-group-name "$TANDEM_RESCUE_GROUP" \
		--policy-name "$TANDEM_RESCUE_POLICY_ARN" --no-honor-cooldown && exec sleep infinity
done
