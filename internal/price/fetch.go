package price

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
)

// pageSize is the most products that GetProducts returns at once.
const pageSize = 100

// Query is what Fetch asks for.
type Query struct {
	// Regions are the regions whose prices are wanted. At least one.
	Regions []string
	// Families are the instance families, m5 among them. At least one.
	Families []string
	// Now is the time at which the prices have to be in effect.
	Now time.Time
}

// Fetched is what the price list had.
type Fetched struct {
	// Skipped are the products of which no price could be told.
	Skipped []Skipped

	now              time.Time
	regions          map[string]region
	vcpus, memoryGiB map[string]float64
}

// Skipped is a product that the price list names without a usable price.
type Skipped struct {
	Region string `json:"region"`
	// Name is an instance type or a Service.
	Name string `json:"name"`
	Why  string `json:"why"`
}

// EndpointRegion is the region whose endpoint knows the prices of regions. It
// is a check.InputError where these are of China and of elsewhere: each has
// accounts and a price list of its own.
// https://docs.aws.amazon.com/general/latest/gr/billing.html
func EndpointRegion(regions []string) (string, error) {
	china := 0
	for _, r := range regions {
		if awsregion.Partition(r) == "aws-cn" {
			china++
		}
	}
	switch china {
	case 0:
		return "us-east-1", nil
	case len(regions):
		return "cn-northwest-1", nil
	}
	return "", check.InputErrorf("the regions %s have two price lists, want those of China by themselves", strings.Join(regions, ", "))
}

// listing is one search of the price list and what it is to find.
type listing struct {
	service string
	filters map[string]string
	// usages are the usage types without their region.
	usages map[string]Service
}

// listings are what Fetch reads of a region besides instances.
func listings() []listing {
	return []listing{
		{"AWSELB", map[string]string{"productFamily": "Load Balancer-Application"},
			map[string]Service{"LoadBalancerUsage": ALBHour, "LCUUsage": ALBCapacityUnitHour}},
		{"AmazonEC2", map[string]string{"productFamily": "NAT Gateway"},
			map[string]Service{"NatGateway-Hours": NATGatewayHour, "NatGateway-Bytes": NATGatewayGB}},
		{"AmazonEC2", map[string]string{"productFamily": "Storage", "volumeApiName": "gp3"},
			map[string]Service{"EBS:VolumeUsage.gp3": GP3Month}},
		{"AmazonCloudWatch", map[string]string{"productFamily": "Metric"},
			map[string]Service{"CW:MetricMonitorUsage": MetricMonth}},
		{"AmazonCloudWatch", map[string]string{"productFamily": "Alarm"},
			map[string]Service{"CW:AlarmMonitorUsage": AlarmMonth, "CW:HighResAlarmMonitorUsage": HighResolutionAlarmMonth}},
		{"AmazonS3", map[string]string{"productFamily": "Storage", "volumeType": "Standard"},
			map[string]Service{"TimedStorage-ByteHrs": S3StandardMonth}},
		{"AmazonVPC", map[string]string{"group": "VPCPublicIPv4Address"},
			map[string]Service{"PublicIPv4:InUseAddress": PublicIPv4Hour}},
	}
}

// linux are the filters that leave one product an instance type: Linux without
// licences, on shared hardware, in use and not reserved.
var linux = map[string]string{
	"productFamily":   "Compute Instance",
	"operatingSystem": "Linux",
	"tenancy":         "Shared",
	"preInstalledSw":  "NA",
	"capacitystatus":  "Used",
	"marketoption":    "OnDemand",
}

// Fetch asks the AWS Price List for the prices of the regions. It returns all
// that was asked for or an error, a region without any instances among them.
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
func Fetch(ctx context.Context, client pricing.GetProductsAPIClient, q Query) (Fetched, error) {
	f := Fetched{now: q.Now, regions: map[string]region{}, vcpus: map[string]float64{}, memoryGiB: map[string]float64{}}
	for _, name := range q.Regions {
		read := reader{client: client, region: name, now: q.Now}
		instances, err := read.instances(ctx, q.Families, &f)
		if err == nil && len(instances) == 0 {
			err = check.InputErrorf("the price list has no instances of %s there: is it a region?", strings.Join(q.Families, ", "))
		}
		if err != nil {
			return Fetched{}, fmt.Errorf("prices of %s: %w", name, err)
		}
		services, err := read.services(ctx)
		if err != nil {
			return Fetched{}, fmt.Errorf("prices of %s: %w", name, err)
		}
		f.regions[name] = region{
			OnDemand: block[string]{Prices: instances},
			Services: block[Service]{Prices: services},
		}
		f.Skipped = append(f.Skipped, read.skipped...)
	}
	return f, nil
}

// reader reads one region.
type reader struct {
	client  pricing.GetProductsAPIClient
	region  string
	now     time.Time
	skipped []Skipped
}

func (r *reader) instances(ctx context.Context, families []string, sizes *Fetched) (map[string]float64, error) {
	found := map[string]float64{}
	out := newPrices(r, found)
	err := r.each(ctx, "AmazonEC2", linux, func(p product) {
		name := p.Product.Attributes["instanceType"]
		if !slices.Contains(families, Family(name)) {
			return
		}
		vcpus, gib, err := p.size()
		if err != nil {
			r.skip(name, err.Error())
			return
		}
		sizes.vcpus[name], sizes.memoryGiB[name] = vcpus, gib
		out.add(name, p)
	})
	out.finish()
	return found, err
}

func (r *reader) services(ctx context.Context) (map[Service]float64, error) {
	found := map[Service]float64{}
	out := newPrices(r, found)
	for _, l := range listings() {
		err := r.each(ctx, l.service, l.filters, func(p product) {
			for usage, service := range l.usages {
				if p.usage(usage) {
					out.add(service, p)
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	out.finish()
	for _, s := range Services() {
		if _, ok := found[s]; !ok && !out.told[s] {
			r.skip(string(s), "the price list does not have it")
		}
	}
	return found, nil
}

// each calls visit with every product of a service that the filters leave.
func (r *reader) each(ctx context.Context, service string, filters map[string]string, visit func(product)) error {
	input := &pricing.GetProductsInput{
		ServiceCode:   &service,
		FormatVersion: aws.String("aws_v1"),
		MaxResults:    aws.Int32(pageSize),
		Filters:       []types.Filter{match("regionCode", r.region)},
	}
	for _, field := range slices.Sorted(maps.Keys(filters)) {
		input.Filters = append(input.Filters, match(field, filters[field]))
	}
	pages := pricing.NewGetProductsPaginator(r.client, input, func(o *pricing.GetProductsPaginatorOptions) {
		o.StopOnDuplicateToken = true
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, text := range page.PriceList {
			p, err := decodeProduct(text)
			if err != nil {
				return err
			}
			visit(p)
		}
	}
	return nil
}

func match(field, value string) types.Filter {
	return types.Filter{Type: types.FilterTypeTermMatch, Field: &field, Value: &value}
}

func (r *reader) skip(name, why string) {
	r.skipped = append(r.skipped, Skipped{r.region, name, why})
}

// prices collects one price a name. Where the list has two, neither is taken.
type prices[K ~string] struct {
	*reader
	found map[K]float64
	// why is of names without a price so far, told of those that are skipped.
	why  map[K]string
	told map[K]bool
}

func newPrices[K ~string](r *reader, found map[K]float64) *prices[K] {
	return &prices[K]{r, found, map[K]string{}, map[K]bool{}}
}

func (ps *prices[K]) add(name K, p product) {
	amount, err := p.price(Currency(ps.region), ps.now)
	if err != nil {
		ps.why[name] = fmt.Sprintf("%v (SKU %s)", err, p.Product.SKU)
		return
	}
	if other, twice := ps.found[name]; ps.told[name] || twice && other != amount {
		delete(ps.found, name)
		if !ps.told[name] {
			ps.told[name] = true
			ps.skip(string(name), fmt.Sprintf("the price list has two prices, %v and %v", min(other, amount), max(other, amount)))
		}
		return
	}
	ps.found[name] = amount
}

// finish tells of the names for which no product had a price.
func (ps *prices[K]) finish() {
	for _, name := range slices.SortedFunc(maps.Keys(ps.why), cmp.Compare[K]) {
		if _, ok := ps.found[name]; !ok && !ps.told[name] {
			ps.told[name] = true
			ps.skip(string(name), ps.why[name])
		}
	}
}
