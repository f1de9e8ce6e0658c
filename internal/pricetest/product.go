package pricetest

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Product is an entry of the price list.
type Product struct {
	// Service is its service code, AmazonEC2 for example.
	Service string
	SKU     string
	// Family is its product family, which some have not.
	Family string
	// Attributes are what filters match, regionCode and usagetype among them.
	Attributes map[string]string
	// Terms are its on-demand terms. None: it has no price.
	Terms []Term
}

// Term is a price from a day on.
type Term struct {
	// From is when it takes effect, as 2006-01-02T15:04:05Z.
	From string
	// Currency is USD or CNY.
	Currency string
	// Tiers are prices, by the number of units from which each is charged.
	Tiers map[string]string
}

// since is when the terms of the constructors below began.
const since = "2024-04-01T00:00:00Z"

// USD is a term with one price for all units.
func USD(amount string) Term { return Term{since, "USD", map[string]string{"0": amount}} }

// CNY is USD in China.
func CNY(amount string) Term { return Term{since, "CNY", map[string]string{"0": amount}} }

// Instance is a Linux instance type in a region.
func Instance(region, instanceType, vcpus, memory string, terms ...Term) Product {
	return Product{"AmazonEC2", "SKU-" + region + "-" + instanceType, "Compute Instance", map[string]string{
		"regionCode": region, "instanceType": instanceType, "vcpu": vcpus, "memory": memory,
		"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
		"marketoption": "OnDemand", "usagetype": "BoxUsage:" + instanceType,
	}, terms}
}

// Usage is what a service charges for in a region by a usage type. Attributes
// are further ones.
func Usage(service, family, region, usageType string, attributes map[string]string, terms ...Term) Product {
	all := map[string]string{"regionCode": region, "usagetype": usageType}
	maps.Copy(all, attributes)
	return Product{service, "SKU-" + region + "-" + usageType, family, all, terms}
}

// With is the product with other attributes and terms.
func (p Product) With(attributes map[string]string, terms ...Term) Product {
	p.Terms = terms
	p.Attributes = maps.Clone(p.Attributes)
	maps.Copy(p.Attributes, attributes)
	p.SKU += fmt.Sprint(attributes)
	return p
}

func (p Product) matches(q getProducts) (bool, error) {
	if p.Service != q.ServiceCode {
		return false, nil
	}
	for _, f := range q.Filters {
		if f.Type != "TERM_MATCH" || f.Field == "" || f.Value == "" {
			return false, fmt.Errorf("filter %v", f)
		}
		value := p.Attributes[f.Field]
		if f.Field == "productFamily" {
			value = p.Family
		}
		if value != f.Value {
			return false, nil
		}
	}
	return true, nil
}

// String is the product as GetProducts returns it: JSON in a string.
func (p Product) String() string {
	terms := map[string]any{}
	for i, t := range p.Terms {
		code := fmt.Sprintf("%s.TERM%d", p.SKU, i)
		dimensions := map[string]any{}
		for begin, amount := range t.Tiers {
			dimensions[code+"."+begin] = map[string]any{
				"rateCode": code + "." + begin, "unit": "Hrs", "beginRange": begin, "endRange": "Inf", "appliesTo": []string{},
				"description": "a price", "pricePerUnit": map[string]string{t.Currency: amount},
			}
		}
		terms[code] = map[string]any{
			"sku": p.SKU, "offerTermCode": fmt.Sprintf("TERM%d", i), "effectiveDate": t.From,
			"priceDimensions": dimensions, "termAttributes": map[string]string{},
		}
	}
	product := map[string]any{"sku": p.SKU, "attributes": p.Attributes}
	if p.Family != "" {
		product["productFamily"] = p.Family
	}
	text, err := json.Marshal(map[string]any{
		"serviceCode": p.Service, "product": product, "version": "20260101000000", "publicationDate": "2026-01-01T00:00:00Z",
		"terms": map[string]any{"OnDemand": terms, "Reserved": map[string]any{}},
	})
	if err != nil {
		panic(err) // strings and maps of them always have a form
	}
	return string(text)
}

// Region is all that tandem reads of a region: instances and services, beside
// products that only look like these. Code is that of the region's usage types
// with a dash, "EU-" for example, and empty in us-east-1.
func Region(region, code string, price func(amount string) Term) []Product {
	load := "Load Balancer-Application"
	gp3 := map[string]string{"volumeApiName": "gp3"}
	standard := map[string]string{"volumeType": "Standard"}
	address := map[string]string{"group": "VPCPublicIPv4Address"}
	m5 := Instance(region, "m5.large", "2", "8 GiB", price("0.1070000000"))
	return []Product{
		m5,
		m5.With(map[string]string{"capacitystatus": "UnusedCapacityReservation"}, price("0.9")),
		m5.With(map[string]string{"operatingSystem": "Windows"}, price("0.9")),
		m5.With(map[string]string{"tenancy": "Dedicated"}, price("0.9")),
		m5.With(map[string]string{"preInstalledSw": "SQL Std"}, price("0.9")),
		m5.With(map[string]string{"marketoption": "CapacityBlock"}, price("0.9")),
		Instance(region, "m5.24xlarge", "96", "1,384 GiB", price("5.1360000000")),
		Instance(region, "c5.large", "2", "4 GiB", price("0.0960000000")),
		Instance(region, "x1.32xlarge", "128", "1,952 GiB", price("13.338")),
		Usage("AWSELB", load, region, code+"LoadBalancerUsage", nil, price("0.0252000000")),
		Usage("AWSELB", load, region, code+"TS-LoadBalancerUsage", nil, price("0.0056")),
		Usage("AWSELB", load, region, code+"Outposts-LoadBalancerUsage", nil, price("0.5")),
		Usage("AWSELB", "Load Balancer-Network", region, code+"LoadBalancerUsage", nil, price("0.9")),
		Usage("AWSELB", load, region, code+"LCUUsage", nil, price("0.008")),
		Usage("AmazonEC2", "NAT Gateway", region, code+"NatGateway-Hours", nil, price("0.048")),
		Usage("AmazonEC2", "NAT Gateway", region, code+"NatGateway-Bytes", nil, price("0.048")),
		Usage("AmazonEC2", "Storage", region, code+"EBS:VolumeUsage.gp3", gp3, price("0.088")),
		Usage("AmazonEC2", "Storage", region, code+"EBS:VolumeUsage.gp2", map[string]string{"volumeApiName": "gp2"}, price("0.11")),
		Usage("AmazonCloudWatch", "Metric", region, code+"CW:MetricMonitorUsage", nil,
			Term{since, price("0").Currency, map[string]string{"0": "0.3000000000", "10000": "0.1", "250000": "0.05"}}),
		Usage("AmazonCloudWatch", "Alarm", region, code+"CW:AlarmMonitorUsage", nil, price("0.1")),
		Usage("AmazonCloudWatch", "Alarm", region, code+"CW:HighResAlarmMonitorUsage", nil, price("0.3")),
		Usage("AmazonS3", "Storage", region, code+"TimedStorage-ByteHrs", standard,
			Term{since, price("0").Currency, map[string]string{"0": "0.023", "51200": "0.022"}}),
		Usage("AmazonVPC", "", region, code+"PublicIPv4:InUseAddress", address, price("0.005")),
		Usage("AmazonVPC", "", region, code+"PublicIPv4:IdleAddress", address, price("0.005")),
	}
}
