package price

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// product is one entry of the price list, as GetProducts returns it:
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
type product struct {
	Product struct {
		SKU        string            `json:"sku"`
		Attributes map[string]string `json:"attributes"`
	} `json:"product"`
	Terms struct {
		OnDemand map[string]term `json:"OnDemand"`
	} `json:"terms"`
}

type term struct {
	EffectiveDate   time.Time            `json:"effectiveDate"`
	PriceDimensions map[string]dimension `json:"priceDimensions"`
}

// dimension is the price of a range of units: the first tier begins at 0.
type dimension struct {
	BeginRange   string            `json:"beginRange"`
	PricePerUnit map[string]string `json:"pricePerUnit"`
}

func decodeProduct(text string) (product, error) {
	var p product
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("an entry of the price list is not as documented: %w", err)
	}
	return p, nil
}

// price is that of the first unit in the term that is in effect at now. What
// the product has no price for is told by the error.
func (p product) price(currency string, now time.Time) (float64, error) {
	current, ok := inEffect(p.Terms.OnDemand, now)
	if !ok {
		return 0, fmt.Errorf("no on-demand term is in effect")
	}
	for _, code := range slices.Sorted(maps.Keys(current.PriceDimensions)) {
		d := current.PriceDimensions[code]
		if begin := strings.TrimSpace(d.BeginRange); begin != "" && begin != "0" {
			continue
		}
		text, ok := d.PricePerUnit[currency]
		if !ok {
			return 0, fmt.Errorf("no price in %s", currency)
		}
		amount, err := strconv.ParseFloat(text, 64)
		if err != nil || !(amount >= 0) {
			return 0, fmt.Errorf("price is %q, want a number", text)
		}
		if amount == 0 {
			return 0, fmt.Errorf("price is 0, which is what AWS writes where it charges something else")
		}
		return amount, nil
	}
	return 0, fmt.Errorf("no price of the first unit")
}

// inEffect is the newest of the terms that has begun.
func inEffect(terms map[string]term, now time.Time) (newest term, ok bool) {
	for _, code := range slices.Sorted(maps.Keys(terms)) {
		t := terms[code]
		if !t.EffectiveDate.After(now) && (!ok || t.EffectiveDate.After(newest.EffectiveDate)) {
			newest, ok = t, true
		}
	}
	return newest, ok
}

// regionCode is what stands before a usage type outside of us-east-1, and
// before some there too: USW2-NatGateway-Hours.
var regionCode = regexp.MustCompile(`^[A-Z]+[0-9]?$`)

// usage tells whether the product is charged by the usage type want. TS- marks
// what a load balancer's trust store costs, and Outposts- what one there does.
func (p product) usage(want string) bool {
	name := p.Product.Attributes["usagetype"]
	if name == want {
		return true
	}
	region, ok := strings.CutSuffix(name, "-"+want)
	return ok && region != "TS" && regionCode.MatchString(region)
}

// size is what the product says of an instance type.
func (p product) size() (vcpus, gib float64, err error) {
	attributes := p.Product.Attributes
	vcpus, err = strconv.ParseFloat(attributes["vcpu"], 64)
	if err != nil {
		return 0, 0, fmt.Errorf("vcpu is %q, want a number", attributes["vcpu"])
	}
	text := strings.ReplaceAll(strings.TrimSuffix(attributes["memory"], " GiB"), ",", "")
	gib, err = strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("memory is %q, want a number of GiB", attributes["memory"])
	}
	return vcpus, gib, nil
}
