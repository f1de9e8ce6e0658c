# Once: the role that the Fault Injection Service assumes.
aws iam create-role --role-name prod-obelix-drill-eu-west-1 --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"Assume","Effect":"Allow","Principal":{"Service":"fis.amazonaws.com"},"Action":["sts:AssumeRole"],"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:fis:eu-west-1:123456789012:experiment/*"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}'
aws iam put-role-policy --role-name prod-obelix-drill-eu-west-1 --policy-name interrupt --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"Find","Effect":"Allow","Action":["ec2:DescribeInstances"],"Resource":["*"]},{"Sid":"Interrupt","Effect":"Allow","Action":["ec2:SendSpotInstanceInterruptions"],"Resource":["arn:aws:ec2:eu-west-1:123456789012:instance/*"],"Condition":{"StringEquals":{"aws:ResourceTag/tandem:cluster":"obelix","aws:ResourceTag/tandem:environment":"prod"}}}]}'

# The experiment. A role takes some seconds until services may assume it.
template=$(aws fis create-experiment-template --region eu-west-1 --cli-input-json '{"description":"Interrupt spot instances of obelix in prod","targets":{"spot":{"resourceType":"aws:ec2:spot-instance","resourceTags":{"tandem:cluster":"obelix","tandem:environment":"prod","tandem:lifecycle":"spot"},"filters":[{"path":"State.Name","values":["running"]}],"selectionMode":"PERCENT(25)"}},"actions":{"interrupt":{"actionId":"aws:ec2:send-spot-instance-interruptions","description":"Rebalance recommendation and two-minute notice, then the end","parameters":{"durationBeforeInterruption":"PT2M"},"targets":{"SpotInstances":"spot"}}},"stopConditions":[{"source":"aws:cloudwatch:alarm","value":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:it'\''s too slow"}],"roleArn":"arn:aws:iam::123456789012:role/prod-obelix-drill-eu-west-1","tags":{"Name":"prod-obelix-drill-eu-west-1","tandem:cluster":"obelix","tandem:environment":"prod"}}' --query experimentTemplate.id --output text)

# This interrupts 25 % of the spot instances for real.
experiment=$(aws fis start-experiment --region eu-west-1 --experiment-template-id "$template" --query experiment.id --output text)

# How it is, and how the cluster is.
aws fis get-experiment --region eu-west-1 --id "$experiment" --query experiment.state
tandem status obelix

# The template is of use again; to take it away:
#   aws fis delete-experiment-template --region eu-west-1 --id "$template"
