package spec

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// format is a syntax that a string has to have.
type format struct {
	pattern *regexp.Regexp
	// want is the syntax in words, for messages and the JSON Schema.
	want string
	// also is what a pattern cannot say. Nil: nothing more.
	also func(string) bool
}

func (f format) matches(s string) bool {
	return f.pattern.MatchString(s) && (f.also == nil || f.also(s))
}

// formats are what the tags format, keys and each may name. The patterns keep
// to the syntax that RE2 and ECMA-262 share, as the JSON Schema repeats them.
// Tags keep to the characters that every service takes
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html).
var formats = map[string]format{
	"account":        {pattern: regexp.MustCompile(`^[0-9]{12}$`), want: "an account id of twelve digits"},
	"address":        {pattern: regexp.MustCompile(`^[A-Za-z_*][^\x00-\x20]{0,999}$`), want: "a resource address, with * for any text, such as module.web.aws_lb.*"},
	"ami":            {pattern: regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`), want: "an image id such as ami-0123456789abcdef0"},
	"ami_name":       {pattern: regexp.MustCompile(`^[A-Za-z0-9()\[\] ./'@_*?-]{3,128}$`), want: "an image name of letters, digits and ()[] ./-'@_, with * and ? as wildcards"},
	"ami_owner":      {pattern: regexp.MustCompile(`^(self|amazon|aws-marketplace|[0-9]{12})$`), want: "self, amazon, aws-marketplace or an account id"},
	"broker":         {pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?:[1-9][0-9]{0,4}$`), want: "a broker such as kafka-1.example.com:9094", also: hasPort},
	"bucket":         {pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`), want: "3 to 63 lower-case letters, digits and inner hyphens, without the affixes that S3 reserves", also: isFreeBucket},
	"certificate":    {pattern: regexp.MustCompile(`^arn:(aws[a-z-]*):acm:([a-z0-9-]+):([0-9]{12}):certificate/[A-Za-z0-9-]+$`), want: "an ACM certificate's ARN"},
	"cidr":           {pattern: regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$`), want: "an IPv4 range such as 10.0.0.0/16, without host bits", also: isNetwork},
	"device":         {pattern: regexp.MustCompile(`^/dev/[a-z0-9/]+$`), want: "a device such as /dev/xvda"},
	"directory":      {pattern: regexp.MustCompile(`^[A-Za-z0-9_.@+-][A-Za-z0-9_./@+~ -]*$`), want: "a relative directory of letters, digits, spaces and _./@+~-"},
	"endpoint":       {pattern: regexp.MustCompile(`^vpce-[0-9a-f]{8,17}$`), want: "a VPC endpoint's id such as vpce-0123456789abcdef0"},
	"engine_version": {pattern: regexp.MustCompile(`^OpenSearch_[1-9][0-9]?\.[0-9]{1,2}$`), want: "a version such as OpenSearch_2.19"},
	"environment":    {pattern: regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}[a-z0-9]$`), want: "2 to 16 lower-case letters, digits and inner hyphens, a letter first, and neither internal nor sg, which AWS reserves", also: isUnreserved},
	"file":           {pattern: regexp.MustCompile(`^/[A-Za-z0-9._/@+-]{1,254}$`), want: "a file's absolute path"},
	"index_prefix":   {pattern: regexp.MustCompile(`^[a-z]([a-z0-9_-]{0,62}[a-z0-9])?$`), want: "1 to 64 lower-case letters, digits and inner _ and -, a letter first"},
	"index_url":      {pattern: regexp.MustCompile(`^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[1-9][0-9]{0,4})?$`), want: "an endpoint such as https://search.example.com:9200, without a path", also: hasPort},
	"instance_type":  {pattern: regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`), want: "an instance type such as m4.large"},
	"kafka_type":     {pattern: regexp.MustCompile(`^kafka\.[a-z0-9]+\.[a-z0-9]+$`), want: "a type of standard brokers such as kafka.m5.large"},
	"kafka_version":  {pattern: regexp.MustCompile(`^[2-9]\.[0-9]{1,2}\.([0-9]{1,2}|x)(\.kraft)?$`), want: "a version such as 3.8.x or 3.7.x.kraft"},
	"key":            {pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,999}$`), want: "an object key of letters, digits and ._/-"},
	"kms_key":        {pattern: regexp.MustCompile(`^arn:(aws[a-z-]*):kms:([a-z0-9-]+):([0-9]{12}):key/[A-Za-z0-9-]+$`), want: "a KMS key's ARN"},
	"matcher":        {pattern: regexp.MustCompile(`^[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*$`), want: "statuses such as 200, 200-299 or 200,204, the lower end of a range first", also: isMatcher},
	"name":           {pattern: regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`), want: "1 to 63 lower-case letters, digits and inner hyphens, a letter first"},
	"path":           {pattern: regexp.MustCompile(`^/[A-Za-z0-9._~/?&=%+:@,-]{0,999}$`), want: "a path that begins with /"},
	"preamble":       {pattern: regexp.MustCompile(`^[^\x00]*$`), want: "shell without NUL bytes and without TfToken[, which cdktf takes for its own", also: hasNoToken},
	"load":           {pattern: regexp.MustCompile(`^[^\x00-\x20][^\x00-\x1f]{0,499}$`), want: "a load of docs/loads.md such as seed-day or traffic.csv"},
	"reason":         {pattern: regexp.MustCompile(`^[^\x00-\x20][^\x00-\x1f]{2,499}$`), want: "a reason of 3 to 500 characters on one line"},
	"region":         {pattern: regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`), want: "a region such as ap-southeast-1"},
	"review_rule":    {pattern: regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), want: "a rule of docs/rules.md such as imdsv1-allowed"},
	"role":           {pattern: regexp.MustCompile(`^arn:(aws[a-z-]*):iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,575}$`), want: "an IAM role's ARN"},
	"search_type":    {pattern: regexp.MustCompile(`^[a-z][a-z0-9]*\.[a-z0-9]+\.search$`), want: "a type such as m6g.large.search, not of the generations t2, m3, r3 and i2, which encrypt nothing", also: encrypts},
	"secret":         {pattern: regexp.MustCompile(`^arn:(aws[a-z-]*):secretsmanager:([a-z0-9-]+):([0-9]{12}):secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$`), want: "a Secrets Manager secret's whole ARN, with the hyphen and six characters that end it"},
	"security_group": {pattern: regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`), want: "a security group's id such as sg-0123456789abcdef0"},
	"sha256":         {pattern: regexp.MustCompile(`^[0-9a-f]{64}$`), want: "64 lower-case hex digits"},
	"ssl_policy":     {pattern: regexp.MustCompile(`^ELBSecurityPolicy-(TLS13-1-[23](-Res|-Ext[0-2])?(-FIPS)?(-PQ)?-20[0-9]{2}-[01][0-9]|FS-1-2(-Res)?-20[0-9]{2}-[01][0-9]|TLS-1-2-(2017-01|Ext-2018-06))$`), want: "a policy without TLS 1.0 and 1.1, such as ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
	"ssm_parameter":  {pattern: regexp.MustCompile(`^/[A-Za-z0-9_./-]{1,999}$`), want: "a parameter name that begins with /"},
	"subnet":         {pattern: regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`), want: "a subnet id such as subnet-0123456789abcdef0"},
	"subscription":   {pattern: regexp.MustCompile(`^[A-Za-z0-9+][\x21-\x7e]{2,999}$`), want: "an address, a URL, a phone number or an ARN, without spaces, ${ and %{", also: hasNoTemplate},
	"tag_key":        {pattern: regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]{1,128}$`), want: "a key of at most 128 letters, digits, inner spaces and _.:/=+-@, not Name, that begins with neither aws: nor tandem:", also: isFreeTag},
	"tag_value":      {pattern: regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]{0,256}$`), want: "a value of at most 256 letters, digits, inner spaces and _.:/=+-@", also: isTrimmed},
	"topic":          {pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$`), want: "a topic of at most 249 letters, digits and ._-, a letter or digit first"},
	"zone":           {pattern: regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9][a-z]$`), want: "an availability zone such as ap-southeast-1a"},
	"vpc":            {pattern: regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`), want: "a VPC id such as vpc-0123456789abcdef0"},
}

// isUnreserved keeps load balancer names, which begin with the environment's,
// from beginning with internal-, and security group names with sg-:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
func isUnreserved(s string) bool {
	first, _, _ := strings.Cut(s, "-")
	return first != "internal" && first != "sg"
}

// isFreeTag keeps to keys that are neither AWS's nor tandem's own. Some
// services, IAM among them, take keys that differ in case for the same.
func isFreeTag(s string) bool {
	lower := strings.ToLower(s)
	return !strings.HasPrefix(lower, "aws:") && !strings.HasPrefix(lower, "tandem:") && lower != "name" && isTrimmed(s)
}

func isTrimmed(s string) bool { return strings.TrimSpace(s) == s }

// isFreeBucket refuses the affixes that S3 reserves:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func isFreeBucket(s string) bool {
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(s, prefix) {
			return false
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(s, suffix) {
			return false
		}
	}
	return true
}

// isMatcher keeps the ranges of a list of statuses from running backwards.
func isMatcher(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if low, high, isRange := strings.Cut(part, "-"); isRange && low > high {
			return false
		}
	}
	return true
}

// hasPort refuses a port, where there is one, that TCP does not have.
func hasPort(s string) bool {
	_, port, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://"), ":")
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n <= 65535
}

// encrypts refuses the generations without encryption at rest or fine-grained
// access control: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/supported-instance-types.html
func encrypts(s string) bool {
	generation, _, _ := strings.Cut(s, ".")
	return !slices.Contains([]string{"t2", "m3", "r3", "i2"}, generation)
}

func isRegion(s string) bool { return formats["region"].matches(s) }

// hasNoToken refuses text that cdktf would take for a token of its own.
func hasNoToken(s string) bool { return !strings.Contains(s, "TfToken[") }

// isNetwork reports whether s is an IPv4 prefix, without host bits, of addresses
// that hosts can have.
func isNetwork(s string) bool {
	prefix, err := netip.ParsePrefix(s)
	if err != nil || !prefix.Addr().Is4() || prefix.Masked() != prefix {
		return false
	}
	first := prefix.Addr().As4()[0]
	return first != 0 && first != 127 && first < 224 && !prefix.Addr().IsLinkLocalUnicast()
}
