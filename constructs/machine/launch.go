package machine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/launchtemplate"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"github.com/tandem-iac/tandem/constructs/pointer"
	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/spec"
)

// launchTemplate adds a template for one group and returns its id and its
// numbered version; $Latest would hide changes from the plan and from
// instance refreshes.
func (k Kind) launchTemplate(scope constructs.Construct, group GroupConfig) (id, version *string, err error) {
	script, err := k.cfg.userData(group)
	if err != nil {
		return nil, nil, err
	}
	// A local of its own keeps the script readable in the JSON, and apart from
	// the call: inside one, cdktf takes a shell's } for the call's end.
	local := cdktf.NewTerraformLocal(scope, jsii.String("user-data"), script)
	userData := "${base64encode(" + *local.Fqn() + ")}"
	template := launchtemplate.NewLaunchTemplate(scope, jsii.String("launch-template"), k.launchArgs(group, userData))
	return template.Id(), template.GetStringAttribute(jsii.String("latest_version")), nil
}

func (k Kind) launchArgs(group GroupConfig, userData string) *launchtemplate.LaunchTemplateConfig {
	rule := k.cfg.Instance
	name := k.cfg.groupName(group.Lifecycle)
	// The provider's default tags do not reach what an instance brings along.
	tags := k.cfg.instanceTags(group)
	var specifications []*launchtemplate.LaunchTemplateTagSpecifications
	for _, kind := range []string{"instance", "volume", "network-interface"} {
		specifications = append(specifications, &launchtemplate.LaunchTemplateTagSpecifications{ResourceType: &kind, Tags: pointer.Map(tags)})
	}
	return &launchtemplate.LaunchTemplateConfig{
		Name:                 &name,
		Description:          jsii.String(fmt.Sprintf("%s instances of cluster %s", group.Lifecycle, k.cfg.Name)),
		UpdateDefaultVersion: true,
		ImageId:              k.image,
		InstanceType:         &group.InstanceType,
		IamInstanceProfile:   &launchtemplate.LaunchTemplateIamInstanceProfile{Arn: k.role.profile},
		VpcSecurityGroupIds:  &[]*string{(*string)(&group.SecurityGroup)},
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
		Tags:              pointer.Map(k.cfg.Tags(name, group.Lifecycle)),
	}
}

// userData returns the group's user data as a Terraform template, as what it
// names is not known before it exists.
func (cfg Config) userData(group GroupConfig) (string, error) {
	sum, key := cfg.Bootstrap.SetupSHA256, cfg.Bootstrap.SetupKey
	if sum == "" {
		sum = instance.SetupSHA256()
	}
	if key == "" {
		key = instance.SetupKey(sum)
	}
	settings := slices.Concat(cfg.identity(group), group.Settings)
	if cfg.Packages != nil {
		settings = append(settings, instance.Setting{Name: "TANDEM_PACKAGES_URL", Value: cfg.Packages.URL})
	}
	if cfg.Logs != nil {
		settings = append(settings, cfg.Logs.settings()...)
	}
	return instance.UserData(instance.UserDataConfig{
		Region:      cfg.Environment.Region,
		Bucket:      string(cfg.Builds.Name),
		SetupKey:    key,
		SetupSHA256: sum,
		Settings:    settings,
		Preamble:    cfg.Bootstrap.Preamble,
		Literal:     escapeTemplate,
	})
}

// identity are the settings that tell a machine who it is.
func (cfg Config) identity(group GroupConfig) []instance.Setting {
	return []instance.Setting{
		{Name: "AWS_REGION", Value: cfg.Environment.Region},
		{Name: "AWS_DEFAULT_REGION", Value: cfg.Environment.Region},
		{Name: "TANDEM_ENVIRONMENT", Value: cfg.Environment.Name},
		{Name: "TANDEM_CLUSTER", Value: cfg.Name},
		{Name: "TANDEM_SERVICE", Value: cfg.Service},
		{Name: "TANDEM_PLAYBOOK", Value: cfg.Playbook},
		{Name: "TANDEM_BUILD_BUCKET", Value: string(cfg.Builds.Name)},
		{Name: "TANDEM_LIFECYCLE", Value: group.Lifecycle},
		{Name: "TANDEM_GROUP", Value: cfg.groupName(group.Lifecycle)},
		{Name: "TANDEM_LIFECYCLE_HOOK", Value: drainHook},
	}
}

// DrainSettings are how long a machine that has to go may take for what.
func DrainSettings(drain spec.Drain) []instance.Setting {
	return []instance.Setting{
		{Name: "TANDEM_POLL_SECONDS", Value: Seconds(drain.PollInterval)},
		{Name: "TANDEM_API_SECONDS", Value: Seconds(drain.APICalls)},
		{Name: "TANDEM_HOOKS_SECONDS", Value: Seconds(drain.Hooks)},
		{Name: "TANDEM_FLUSH_SECONDS", Value: Seconds(drain.Flush)},
	}
}

// Seconds is a duration as settings have it.
func Seconds(d spec.Duration) string { return strconv.Itoa(d.Seconds()) }

// escapeTemplate keeps shell's ${…} and %{…} from being taken for Terraform's.
func escapeTemplate(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}
