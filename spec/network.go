package spec

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/tandem-iac/tandem/internal/check"
)

// Network is a VPC with a public and a private subnet in each availability
// zone, or a VPC that exists already.
type Network struct {
	// CIDR is the IPv4 range of the VPC, /16 to /28
	// (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html).
	// Default: 10.0.0.0/16.
	CIDR string `yaml:"cidr,omitempty" format:"cidr"`
	// AvailabilityZones are the zones to spread over, two to six. Default: the
	// region's zones a and b. Required in ap-northeast-1 and us-west-1, where
	// many accounts lack one of those.
	AvailabilityZones []string `yaml:"availability_zones,omitempty" items:"2..6" each:"zone" why:"a load balancer spans two zones at least"`
	// PublicSubnets are the ranges of the load balancer's and NAT gateway's
	// subnets, one a zone, /27 or larger as load balancers demand. Default:
	// carved from the first sixteenth of a VPC of /16 to /19.
	PublicSubnets []string `yaml:"public_subnets,omitempty" each:"cidr"`
	// PrivateSubnets are the ranges of the instances' subnets, one a zone.
	// Default: a sixteenth of a VPC of /16 to /19 each.
	PrivateSubnets []string `yaml:"private_subnets,omitempty" each:"cidr"`
	// NAT is per_az, one gateway in each zone, which survives the loss of a
	// zone, or single, which costs less. Default: per_az.
	NAT string `yaml:"nat,omitempty" enum:"per_az,single"`
	// Existing names a VPC to use instead of making one; no other field may
	// be set beside it.
	Existing *ExistingNetwork `yaml:"existing,omitempty"`
}

// ExistingNetwork is a VPC that tandem uses and does not manage. Its private
// subnets need a way out to S3 and to Systems Manager.
type ExistingNetwork struct {
	// VPC is its id, vpc-…. Required.
	VPC string `yaml:"vpc_id" required:"true" format:"vpc"`
	// PublicSubnets are the load balancer's, in two or more zones. Required.
	PublicSubnets []string `yaml:"public_subnet_ids" required:"true" items:"2..6" each:"subnet" why:"a load balancer spans two zones at least"`
	// PrivateSubnets are the instances', in two or more zones. Required.
	PrivateSubnets []string `yaml:"private_subnet_ids" required:"true" items:"2..6" each:"subnet"`
	// S3Endpoint is the S3 gateway endpoint of the private subnets, vpce-…,
	// through which machines read the bucket of packages. Required where
	// delivery.packages is set.
	S3Endpoint string `yaml:"s3_endpoint_id,omitempty" format:"endpoint"`
}

const (
	// NATPerAZ puts a NAT gateway into each availability zone.
	NATPerAZ = "per_az"
	// NATSingle shares one NAT gateway between the zones.
	NATSingle = "single"

	defaultCIDR = "10.0.0.0/16"
	// privateBits and publicBits are how many bits longer than the VPC's the
	// prefixes of subnets laid out by default are: the first of sixteen parts
	// is cut into sixteen public subnets, the others are private ones.
	privateBits, publicBits = 4, 8
	// maxAutoLayoutBits is the longest VPC prefix that can be laid out by
	// default, which leaves public subnets of /27.
	maxAutoLayoutBits = 19
	// minSubnetBits and maxSubnetBits bound VPC and subnet prefixes:
	// https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
	minSubnetBits, maxSubnetBits = 16, 28
	// maxPublicBits is what an Application Load Balancer needs:
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
	maxPublicBits = 27
)

// choosyRegions are those with a zone that many accounts lack, and zones that
// an account can have there: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
var choosyRegions = map[string]string{
	"ap-northeast-1": "[ap-northeast-1a, ap-northeast-1c]",
	"us-west-1":      "[us-west-1a, us-west-1c]",
}

// WithDefaults returns the network with every unset field that has a default
// in this region filled in. The receiver and what it points to stay as they are.
func (n Network) WithDefaults(region string) Network {
	if n.Existing != nil {
		return n
	}
	setDefault(&n.CIDR, defaultCIDR)
	setDefault(&n.NAT, NATPerAZ)
	if _, choosy := choosyRegions[region]; n.AvailabilityZones == nil && !choosy && isRegion(region) {
		n.AvailabilityZones = []string{region + "a", region + "b"}
	}
	vpc, err := netip.ParsePrefix(n.CIDR)
	if err != nil || !vpc.Addr().Is4() || vpc.Bits() < minSubnetBits || vpc.Bits() > maxAutoLayoutBits {
		return n // validation names the fault
	}
	if n.PublicSubnets == nil {
		n.PublicSubnets = carve(vpc, publicBits, 0, n.AvailabilityZones)
	}
	if n.PrivateSubnets == nil {
		n.PrivateSubnets = carve(vpc, privateBits, 1, n.AvailabilityZones)
	}
	return n
}

// zones is how many availability zones the network spans; a subnet that exists
// counts as one.
func (n Network) zones() int {
	if n.Existing != nil {
		return len(n.Existing.PrivateSubnets)
	}
	return len(n.AvailabilityZones)
}

// carve returns a subnet of the VPC for each zone, whose prefix is longer than
// the VPC's by bits. Its place follows from the zone's letter, offset for the
// first, so that another list of zones moves nobody's subnet.
func carve(vpc netip.Prefix, bits, offset int, zones []string) []string {
	length := vpc.Bits() + bits
	base := vpc.Masked().Addr().As4()
	subnets := make([]string, len(zones))
	for i, letter := range zoneLetters(zones) {
		var addr [4]byte
		place := uint32(offset+letter) << (32 - length)
		binary.BigEndian.PutUint32(addr[:], binary.BigEndian.Uint32(base[:])+place)
		subnets[i] = netip.PrefixFrom(netip.AddrFrom4(addr), length).String()
	}
	return subnets
}

// zoneLetters counts each zone's letter from a. Zones that are none, or not
// distinct, have faults of their own, and are simply numbered.
func zoneLetters(zones []string) []int {
	const most = 'o' - 'a' // private subnets begin at the second of sixteen parts
	var letters, numbers []int
	sound := true
	for i, zone := range zones {
		letter := i
		if formats["zone"].matches(zone) {
			letter = int(zone[len(zone)-1] - 'a')
		}
		sound = sound && letter <= most && !slices.Contains(letters, letter)
		letters, numbers = append(letters, letter), append(numbers, i)
	}
	if sound {
		return letters
	}
	return numbers
}

// Validate reports every broken rule of a network on its own as a check.Errors
// with paths below network. It looks at the fields as they are: call
// WithDefaults before it.
func (n Network) Validate(region string) error {
	var tags check.Errors
	var rules relations
	checkTags(&tags, "network", n)
	n.validate(&rules, region)
	return joined(tags, rules, nothingBroken).Err()
}

func (n Network) validate(faults *relations, region string) {
	if n.Existing != nil {
		n.validateExisting(faults)
		return
	}
	if !formats["cidr"].matches(n.CIDR) {
		return // the format rule has reported it
	}
	vpc := netip.MustParsePrefix(n.CIDR)
	if vpc.Bits() < minSubnetBits || vpc.Bits() > maxSubnetBits {
		faults.Add("network.cidr", quote(n.CIDR), fmt.Sprintf("a prefix of /%d to /%d", minSubnetBits, maxSubnetBits))
		return // no subnet could fit
	}
	faults.Require(n.PublicSubnets != nil && n.PrivateSubnets != nil, "network.cidr", quote(n.CIDR),
		fmt.Sprintf("a prefix of /%d to /%d, or public_subnets and private_subnets beside it", minSubnetBits, maxAutoLayoutBits),
		"network.public_subnets", "network.private_subnets")
	n.validateZones(faults, region)
	if n.AvailabilityZones != nil { // or else that fault would be told thrice
		n.validateSubnets(faults, vpc)
	}
}

func (n Network) validateExisting(faults *relations) {
	const existing, want = "network.existing", "unset, because network.existing is set"
	faults.Require(n.CIDR == "", "network.cidr", quote(n.CIDR), want, existing)
	faults.Require(n.NAT == "", "network.nat", quote(n.NAT), want, existing)
	for path, list := range map[string][]string{
		"network.availability_zones": n.AvailabilityZones,
		"network.public_subnets":     n.PublicSubnets,
		"network.private_subnets":    n.PrivateSubnets,
	} {
		faults.Require(list == nil, path, quoteAll(list), want, existing)
	}
	const public, private = "network.existing.public_subnet_ids", "network.existing.private_subnet_ids"
	checkDistinct(faults, public, n.Existing.PublicSubnets)
	checkDistinct(faults, private, n.Existing.PrivateSubnets)
	for i, id := range n.Existing.PrivateSubnets {
		if j := slices.Index(n.Existing.PublicSubnets, id); j >= 0 {
			faults.Add(check.Index(private, i), quote(id), "another subnet than "+check.Index(public, j), check.Index(public, j))
		}
	}
}

func (n Network) validateZones(faults *relations, region string) {
	const path = "network.availability_zones"
	if example, choosy := choosyRegions[region]; n.AvailabilityZones == nil && choosy {
		faults.Add(path, "", "the zones of your account in "+region+", where many lack one, such as "+example)
	}
	for i, zone := range n.AvailabilityZones {
		faults.Require(!isRegion(region) || zone[:max(0, len(zone)-1)] == region,
			check.Index(path, i), quote(zone), fmt.Sprintf("a zone of %s, such as %sa", region, region))
	}
	checkDistinct(faults, path, n.AvailabilityZones)
}

// validateSubnets requires one public and one private subnet a zone, all
// inside the VPC and apart from each other.
func (n Network) validateSubnets(faults *relations, vpc netip.Prefix) {
	type placed struct {
		path   string
		prefix netip.Prefix
	}
	var seen []placed
	for _, list := range []struct {
		path    string
		subnets []string
		maxBits int
	}{
		{"network.public_subnets", n.PublicSubnets, maxPublicBits},
		{"network.private_subnets", n.PrivateSubnets, maxSubnetBits},
	} {
		if list.subnets == nil {
			continue // reported with the CIDR
		}
		if zones := len(n.AvailabilityZones); len(list.subnets) != zones {
			faults.Add(list.path, fmt.Sprintf("a list of %d", len(list.subnets)), fmt.Sprintf("%d, one for each availability zone", zones),
				"network.availability_zones")
			continue
		}
		for i, text := range list.subnets {
			path := check.Index(list.path, i)
			if !formats["cidr"].matches(text) {
				continue // the format rule has reported it
			}
			subnet := netip.MustParsePrefix(text)
			switch overlap := slices.IndexFunc(seen, func(other placed) bool { return other.prefix.Overlaps(subnet) }); {
			case !vpc.Contains(subnet.Addr()) || subnet.Bits() < vpc.Bits():
				faults.Add(path, quote(text), "a range inside the VPC's "+n.CIDR, "network.cidr")
				continue
			case subnet.Bits() > list.maxBits:
				faults.Add(path, quote(text), fmt.Sprintf("a prefix of /%d to /%d", minSubnetBits, list.maxBits))
			case overlap >= 0:
				faults.Add(path, quote(text), fmt.Sprintf("a range apart from %s, %s", seen[overlap].path, seen[overlap].prefix), seen[overlap].path)
			}
			seen = append(seen, placed{path, subnet})
		}
	}
}
