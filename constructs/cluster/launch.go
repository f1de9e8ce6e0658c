package cluster

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/launchtemplate"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/scaling"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/spec"
)

// launchConfig is what the launch templates of both groups share.
type launchConfig struct {
	image         *string
	profile       *string // the instance profile's ARN
	securityGroup SecurityGroupID
	targetGroup   TargetGroupARN
	rescue        scaling.PolicyARN // spot only: empty while on-demand is built
}

// launchTemplate adds a template for one group and returns its id and its
// numbered version; $Latest would hide changes from the plan and from
// instance refreshes.
func (b *builder) launchTemplate(scope constructs.Construct, group groupConfig, launch launchConfig) (id, version *string, err error) {
	script, err := b.userData(group, launch)
	if err != nil {
		return nil, nil, err
	}
	// A local of its own keeps the script readable in the JSON, and apart from
	// the call: inside one, cdktf takes a shell's } for the call's end.
	local := cdktf.NewTerraformLocal(scope, jsii.String("user-data"), script)
	userData := "${base64encode(" + *local.Fqn() + ")}"
	template := launchtemplate.NewLaunchTemplate(scope, jsii.String("launch-template"), b.launchArgs(group, launch, userData))
	return template.Id(), template.GetStringAttribute(jsii.String("latest_version")), nil
}

func (b *builder) launchArgs(group groupConfig, launch launchConfig, userData string) *launchtemplate.LaunchTemplateConfig {
	rule := b.spec.Instance
	// The provider's default tags do not reach what an instance brings along.
	tags := b.instanceTags(group)
	var specifications []*launchtemplate.LaunchTemplateTagSpecifications
	for _, kind := range []string{"instance", "volume", "network-interface"} {
		specifications = append(specifications, &launchtemplate.LaunchTemplateTagSpecifications{ResourceType: &kind, Tags: pointers(tags)})
	}
	return &launchtemplate.LaunchTemplateConfig{
		Name:                 &group.name,
		Description:          jsii.String(fmt.Sprintf("%s instances of cluster %s", group.lifecycle, b.Name)),
		UpdateDefaultVersion: true,
		ImageId:              launch.image,
		InstanceType:         &group.instanceType,
		IamInstanceProfile:   &launchtemplate.LaunchTemplateIamInstanceProfile{Arn: launch.profile},
		VpcSecurityGroupIds:  &[]*string{(*string)(&launch.securityGroup)},
		Monitoring:           &launchtemplate.LaunchTemplateMonitoring{Enabled: rule.Monitoring == spec.MonitoringDetailed},
		MetadataOptions: &launchtemplate.LaunchTemplateMetadataOptions{
			HttpEndpoint:            jsii.String("enabled"),
			HttpTokens:              jsii.String("required"), // IMDSv2 only
			HttpPutResponseHopLimit: jsii.Number(rule.MetadataHops),
		},
		BlockDeviceMappings: []*launchtemplate.LaunchTemplateBlockDeviceMappings{{
			DeviceName: &rule.RootDevice,
			Ebs: &launchtemplate.LaunchTemplateBlockDeviceMappingsEbs{
				VolumeType:          jsii.String("gp3"),
				VolumeSize:          jsii.Number(rule.VolumeGiB),
				Encrypted:           jsii.String("true"),
				DeleteOnTermination: jsii.String("true"),
			},
		}},
		TagSpecifications: specifications,
		UserData:          &userData,
		Tags:              pointers(b.tags(group.name, group.lifecycle)),
	}
}

// userData returns the group's user data as a Terraform template, as what it
// names is not known before it exists.
func (b *builder) userData(group groupConfig, launch launchConfig) (string, error) {
	bootstrap := b.spec.Bootstrap
	sum, key := bootstrap.SetupSHA256, bootstrap.SetupKey
	if sum == "" {
		sum = instance.SetupSHA256()
	}
	if key == "" {
		key = instance.SetupKey(sum)
	}
	return instance.UserData(instance.UserDataConfig{
		Region:      b.Environment.Region,
		Bucket:      string(b.Delivery.Builds.Name),
		SetupKey:    key,
		SetupSHA256: sum,
		Settings:    b.settings(group, launch),
		Preamble:    bootstrap.Preamble,
		Literal:     escapeTemplate,
	})
}

// settings tell a machine who it is and whom to call.
func (b *builder) settings(group groupConfig, launch launchConfig) []instance.Setting {
	seconds := func(d spec.Duration) string { return strconv.Itoa(d.Seconds()) }
	settings := []instance.Setting{
		{Name: "AWS_REGION", Value: b.Environment.Region},
		{Name: "AWS_DEFAULT_REGION", Value: b.Environment.Region},
		{Name: "TANDEM_ENVIRONMENT", Value: b.Environment.Name},
		{Name: "TANDEM_CLUSTER", Value: b.Name},
		{Name: "TANDEM_SERVICE", Value: b.spec.Service},
		{Name: "TANDEM_PLAYBOOK", Value: b.spec.Playbook},
		{Name: "TANDEM_BUILD_BUCKET", Value: string(b.Delivery.Builds.Name)},
		{Name: "TANDEM_LIFECYCLE", Value: group.lifecycle},
		{Name: "TANDEM_GROUP", Value: group.name},
		{Name: "TANDEM_LIFECYCLE_HOOK", Value: drainHook},
		{Name: "TANDEM_TARGET_GROUP_ARN", Value: string(launch.targetGroup)},
		{Name: "TANDEM_HEALTH_PATH", Value: b.spec.TargetGroup.HealthCheck.Path},
		{Name: "TANDEM_IDLE_SECONDS", Value: seconds(b.spec.LoadBalancer.IdleTimeout)},
		{Name: "TANDEM_DEREGISTRATION_SECONDS", Value: seconds(b.spec.TargetGroup.DeregistrationDelay)},
		{Name: "TANDEM_POLL_SECONDS", Value: seconds(b.spec.Drain.PollInterval)},
		{Name: "TANDEM_API_SECONDS", Value: seconds(b.spec.Drain.APICalls)},
		{Name: "TANDEM_HOOKS_SECONDS", Value: seconds(b.spec.Drain.Hooks)},
		{Name: "TANDEM_FLUSH_SECONDS", Value: seconds(b.spec.Drain.Flush)},
	}
	if launch.rescue != "" {
		settings = append(settings,
			instance.Setting{Name: "TANDEM_PRELAUNCH", Value: strconv.FormatBool(b.spec.Drain.Prelaunch)},
			instance.Setting{Name: "TANDEM_RESCUE_GROUP", Value: b.groupName(onDemandLifecycle)},
			instance.Setting{Name: "TANDEM_RESCUE_POLICY_ARN", Value: string(launch.rescue)},
		)
	}
	return settings
}

// escapeTemplate keeps shell's ${…} and %{…} from being taken for Terraform's.
func escapeTemplate(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}
