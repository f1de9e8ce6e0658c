package spec

import (
	"fmt"
	"regexp"
)

// Instance is what every machine of a cluster is launched with, in both groups,
// and every indexer.
type Instance struct {
	// AMI is the machine image.
	AMI AMI `yaml:"ami,omitempty"`
	// Monitoring is detailed, one CPU point a minute, or basic, one in five
	// minutes, which is too coarse for alarm periods under 5m. Default: detailed.
	Monitoring string `yaml:"monitoring,omitempty" enum:"detailed,basic"`
	// VolumeGiB is the size of the encrypted gp3 root volume. Default: 20.
	VolumeGiB int `yaml:"volume_gib,omitempty" range:"1..16384"`
	// RootDevice is the image's root device. Default: /dev/xvda, as on Amazon Linux.
	RootDevice string `yaml:"root_device,omitempty" format:"device"`
	// MetadataHops is the hop limit of the metadata service: 1, or 2 where
	// containers on a bridge read it. Default: 1.
	MetadataHops int `yaml:"metadata_hops,omitempty" range:"1..64"`
}

// AMI chooses the machine image in one of three ways. Default: the newest
// Amazon Linux 2023 for the instance types' architecture, by SSM parameter.
type AMI struct {
	// ID is the image itself, ami-…; what is launched changes only with this file.
	ID string `yaml:"id,omitempty" format:"ami"`
	// SSMParameter is the name of a parameter that holds the id, read at each plan.
	SSMParameter string `yaml:"ssm_parameter,omitempty" format:"ssm_parameter"`
	// Filter takes the newest image that matches, looked up at each plan.
	Filter *AMIFilter `yaml:"filter,omitempty"`
}

// AMIFilter matches images by owner and name.
type AMIFilter struct {
	// Owner is whose images match: self, amazon, aws-marketplace or an account
	// id. Anybody's could otherwise. Required.
	Owner string `yaml:"owner" required:"true" format:"ami_owner"`
	// Name is the image's name; * and ? are wildcards. Required.
	Name string `yaml:"name" required:"true" format:"ami_name"`
}

// Bootstrap is what user data does on first boot.
type Bootstrap struct {
	// SetupKey is the object in the build bucket that holds the setup script.
	// Default: setup/<SHA-256>.sh, an immutable name.
	SetupKey string `yaml:"setup_key,omitempty" format:"key"`
	// SetupSHA256 is the script's SHA-256 in hex; an instance runs nothing
	// else. Default: that of the script this version of tandem carries.
	SetupSHA256 string `yaml:"setup_sha256,omitempty" format:"sha256"`
	// Preamble is shell that runs before the setup script, as root, for
	// instance to set a proxy. It runs on first boot only: what later runs of
	// the setup script need as well it appends to /etc/tandem/instance.env, as
	// NAME=value lines without quotes. At most 12 KiB. Default: none.
	Preamble string `yaml:"preamble,omitempty" format:"preamble"`
}

const (
	// MonitoringDetailed publishes one CPU point a minute.
	MonitoringDetailed = "detailed"
	// MonitoringBasic publishes one CPU point in five minutes.
	MonitoringBasic = "basic"

	// maxPreamble leaves a quarter of the 16 KiB of user data to tandem:
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
	maxPreamble = 12 << 10

	amiX86 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
	amiARM = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
)

func (i Instance) withDefaults(instanceType string) Instance {
	setDefault(&i.Monitoring, MonitoringDetailed)
	setDefault(&i.VolumeGiB, 20)
	setDefault(&i.RootDevice, "/dev/xvda")
	setDefault(&i.MetadataHops, 1)
	if i.AMI.ID == "" && i.AMI.SSMParameter == "" && i.AMI.Filter == nil {
		i.AMI.SSMParameter = amiX86
		if isARM(instanceType) {
			i.AMI.SSMParameter = amiARM
		}
	}
	return i
}

// graviton matches the instance families with ARM processors, whose names
// have a g after the generation, and the first of them, a1:
// https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
var graviton = regexp.MustCompile(`^(a1|[a-z]+[0-9]+[a-z]*g[a-z]*)\.`)

func architecture(instanceType string) string {
	if isARM(instanceType) {
		return "arm64"
	}
	return "x86_64"
}

func isARM(instanceType string) bool { return graviton.MatchString(instanceType) }

func (b Bootstrap) validate(faults *relations, path string) {
	faults.Require(len(b.Preamble) <= maxPreamble, path+".preamble",
		fmt.Sprintf("%d bytes", len(b.Preamble)), fmt.Sprintf("at most %d, so that user data stays within 16 KiB", maxPreamble))
	faults.Require(b.SetupKey == "" || b.SetupSHA256 != "", path+".setup_sha256", "",
		"the SHA-256 of the script at setup_key", path+".setup_key")
}

func (a AMI) validate(faults *relations, path string) {
	const want = "unset, because %s is set: an image is chosen in one way"
	if a.ID != "" {
		faults.Require(a.SSMParameter == "", path+".ssm_parameter", quote(a.SSMParameter), fmt.Sprintf(want, "id"), path+".id")
		faults.Require(a.Filter == nil, path+".filter", "set", fmt.Sprintf(want, "id"), path+".id")
	} else if a.SSMParameter != "" {
		faults.Require(a.Filter == nil, path+".filter", "set", fmt.Sprintf(want, "ssm_parameter"), path+".ssm_parameter")
	}
}
