// Package awsregion knows what differs between AWS regions.
package awsregion

import "strings"

// Partition returns the partition of a region, as ARNs name it:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func Partition(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-isof-", "aws-iso-f"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// Known returns the regions of all partitions that had opened when this was
// written, sorted:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
func Known() []string {
	return []string{
		"af-south-1",
		"ap-east-1", "ap-east-2",
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
		"ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
		"ca-central-1", "ca-west-1",
		"cn-north-1", "cn-northwest-1",
		"eu-central-1", "eu-central-2",
		"eu-isoe-west-1",
		"eu-north-1",
		"eu-south-1", "eu-south-2",
		"eu-west-1", "eu-west-2", "eu-west-3",
		"eusc-de-east-1",
		"il-central-1",
		"me-central-1", "me-south-1",
		"mx-central-1",
		"sa-east-1",
		"us-east-1", "us-east-2",
		"us-gov-east-1", "us-gov-west-1",
		"us-iso-east-1", "us-iso-west-1",
		"us-isob-east-1", "us-isob-west-1",
		"us-isof-east-1", "us-isof-south-1",
		"us-west-1", "us-west-2",
	}
}

// DNSSuffix is what the names of a region's endpoints end with:
// https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
func DNSSuffix(region string) string {
	switch Partition(region) {
	case "aws-cn":
		return "amazonaws.com.cn"
	case "aws-iso":
		return "c2s.ic.gov"
	case "aws-iso-b":
		return "sc2s.sgov.gov"
	case "aws-iso-e":
		return "cloud.adc-e.uk"
	case "aws-iso-f":
		return "csp.hci.ic.gov"
	case "aws-eusc":
		return "amazonaws.eu"
	}
	return "amazonaws.com"
}

// EC2Principal returns the service that assumes the roles of instances; China
// has its own:
// https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
func EC2Principal(region string) string {
	if Partition(region) == "aws-cn" {
		return "ec2.amazonaws.com.cn"
	}
	return "ec2.amazonaws.com"
}

// LoadBalancerAccount returns the account from which Elastic Load Balancing
// writes access logs in the regions that opened before August 2022. In all
// others it writes as a service principal.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func LoadBalancerAccount(region string) (id string, ok bool) {
	id, ok = loadBalancerAccounts[region]
	return id, ok
}

var loadBalancerAccounts = map[string]string{
	"af-south-1":     "098369216593",
	"ap-east-1":      "754344448648",
	"ap-northeast-1": "582318560864",
	"ap-northeast-2": "600734575887",
	"ap-northeast-3": "383597477331",
	"ap-south-1":     "718504428378",
	"ap-southeast-1": "114774131450",
	"ap-southeast-2": "783225319266",
	"ap-southeast-3": "589379963580",
	"ca-central-1":   "985666609251",
	"cn-north-1":     "638102146993",
	"cn-northwest-1": "037604701340",
	"eu-central-1":   "054676820928",
	"eu-north-1":     "897822967062",
	"eu-south-1":     "635631232127",
	"eu-west-1":      "156460612806",
	"eu-west-2":      "652711504416",
	"eu-west-3":      "009996457667",
	"me-south-1":     "076674570225",
	"sa-east-1":      "507241528517",
	"us-east-1":      "127311923021",
	"us-east-2":      "033677994240",
	"us-gov-east-1":  "190560391635",
	"us-gov-west-1":  "048591011584",
	"us-west-1":      "027434742980",
	"us-west-2":      "797873946194",
}
