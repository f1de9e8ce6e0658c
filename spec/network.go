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
	// region's zones a and b.
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

func (n Network) withDefaults(region string) Network {
	if n.Existing != nil {
		return n
	}
	setDefault(&n.CIDR, defaultCIDR)
	setDefault(&n.NAT, NATPerAZ)
	if n.AvailabilityZones == nil && region != "" {
		n.AvailabilityZones = []string{region + "a", region + "b"}
	}
	vpc, err := netip.ParsePrefix(n.CIDR)
	if err != nil || !vpc.Addr().Is4() || vpc.Bits() < minSubnetBits || vpc.Bits() > maxAutoLayoutBits {
		return n // validation names the fault
	}
	if n.PublicSubnets == nil {
		n.PublicSubnets = carve(vpc, publicBits, 0, len(n.AvailabilityZones))
	}
	if n.PrivateSubnets == nil {
		n.PrivateSubnets = carve(vpc, privateBits, 1, len(n.AvailabilityZones))
	}
	return n
}

// carve returns count consecutive subnets of a VPC, from the first-th on,
// whose prefixes are longer than the VPC's by bits.
func carve(vpc netip.Prefix, bits, first, count int) []string {
	length := vpc.Bits() + bits
	base := vpc.Masked().Addr().As4()
	subnets := make([]string, count)
	for i := range subnets {
		var addr [4]byte
		offset := uint32(first+i) << (32 - length)
		binary.BigEndian.PutUint32(addr[:], binary.BigEndian.Uint32(base[:])+offset)
		subnets[i] = netip.PrefixFrom(netip.AddrFrom4(addr), length).String()
	}
	return subnets
}

func (n Network) validate(faults *check.Errors, region string) {
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
		fmt.Sprintf("a prefix of /%d to /%d, or public_subnets and private_subnets beside it", minSubnetBits, maxAutoLayoutBits))
	n.validateZones(faults, region)
	n.validateSubnets(faults, vpc)
}

func (n Network) validateExisting(faults *check.Errors) {
	const want = "unset, because network.existing is set"
	faults.Require(n.CIDR == "", "network.cidr", quote(n.CIDR), want)
	faults.Require(n.NAT == "", "network.nat", quote(n.NAT), want)
	for path, list := range map[string][]string{
		"network.availability_zones": n.AvailabilityZones,
		"network.public_subnets":     n.PublicSubnets,
		"network.private_subnets":    n.PrivateSubnets,
	} {
		faults.Require(list == nil, path, quoteAll(list), want)
	}
	for path, ids := range map[string][]string{
		"network.existing.public_subnet_ids":  n.Existing.PublicSubnets,
		"network.existing.private_subnet_ids": n.Existing.PrivateSubnets,
	} {
		checkDistinct(faults, path, ids)
	}
}

func (n Network) validateZones(faults *check.Errors, region string) {
	const path = "network.availability_zones"
	for i, zone := range n.AvailabilityZones {
		faults.Require(region == "" || zone[:max(0, len(zone)-1)] == region,
			check.Index(path, i), quote(zone), fmt.Sprintf("a zone of %s, such as %sa", region, region))
	}
	checkDistinct(faults, path, n.AvailabilityZones)
}

// validateSubnets requires one public and one private subnet a zone, all
// inside the VPC and apart from each other.
func (n Network) validateSubnets(faults *check.Errors, vpc netip.Prefix) {
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
			faults.Add(list.path, fmt.Sprintf("a list of %d", len(list.subnets)), fmt.Sprintf("%d, one for each availability zone", zones))
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
				faults.Add(path, quote(text), "a range inside the VPC's "+n.CIDR)
				continue
			case subnet.Bits() > list.maxBits:
				faults.Add(path, quote(text), fmt.Sprintf("a prefix of /%d to /%d", minSubnetBits, list.maxBits))
			case overlap >= 0:
				faults.Add(path, quote(text), fmt.Sprintf("a range apart from %s, %s", seen[overlap].path, seen[overlap].prefix))
			}
			seen = append(seen, placed{path, subnet})
		}
	}
}
