package price_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/tandem-iac/tandem/internal/price"
)

func builtIn(t *testing.T) *price.Catalog {
	t.Helper()
	catalog, err := price.Default()
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// TestLookups are figures of AWS's own page.
func TestLookups(t *testing.T) {
	catalog := builtIn(t)
	if got, ok := catalog.OnDemand("us-east-1", "m4.large"); !ok || got != 0.1 {
		t.Errorf("m4.large in us-east-1 is %v, %v, want 0.1", got, ok)
	}
	for _, region := range catalog.Regions() {
		for _, service := range price.Services() {
			if _, ok := catalog.Service(region, service); !ok {
				t.Errorf("%s has no %s", region, service)
			}
		}
		for _, instanceType := range []string{"m4.large", "m4.4xlarge", "t3.small", "c5.xlarge"} {
			hour, ok := catalog.OnDemand(region, instanceType)
			low, typical, high, assumed := catalog.Spot(region, instanceType)
			if !ok || !assumed || !(0 < low && low < typical && typical < high && high < hour) {
				t.Errorf("%s in %s costs %v, as spot %v, %v, %v", instanceType, region, hour, low, typical, high)
			}
		}
		if got, _ := catalog.DetailedMonitoringMonth(region); got < 2.0999 || got > 2.1001 {
			t.Errorf("detailed monitoring in %s is %v, want 7 × 0.3", region, got)
		}
		if _, ok := catalog.ServiceSource(region); !ok {
			t.Errorf("services of %s have no source", region)
		}
	}
	if got, ok := catalog.VCPUs("c5.2xlarge"); !ok || got != 8 {
		t.Errorf("c5.2xlarge has %v vCPUs, %v, want 8", got, ok)
	}
	if got, ok := catalog.Memory("c4.large"); !ok || got != 3.75 {
		t.Errorf("c4.large has %v GiB, %v, want 3.75", got, ok)
	}
}

// TestUnknown proves that nothing is made up.
func TestUnknown(t *testing.T) {
	catalog := builtIn(t)
	for _, at := range []struct{ region, instanceType string }{
		{"us-east-1", "m4.huge"}, {"mars-north-1", "m4.large"}, {"", ""},
	} {
		if got, ok := catalog.OnDemand(at.region, at.instanceType); ok {
			t.Errorf("%s in %s costs %v, want unknown", at.instanceType, at.region, got)
		}
		if low, _, _, ok := catalog.Spot(at.region, at.instanceType); ok {
			t.Errorf("%s in %s costs %v as spot, want unknown", at.instanceType, at.region, low)
		}
		if _, ok := catalog.VCPUs(at.instanceType); ok && at.region != "mars-north-1" {
			t.Errorf("%s has vCPUs, want unknown", at.instanceType)
		}
	}
	if _, ok := catalog.Service("mars-north-1", price.ALBHour); ok {
		t.Error("mars has a load balancer")
	}
	if _, ok := catalog.DetailedMonitoringMonth("mars-north-1"); ok {
		t.Error("mars has CloudWatch")
	}
}

// TestFileIsAsEncoded keeps the file in the form that updates write, so that
// their differences are of prices alone.
func TestFileIsAsEncoded(t *testing.T) {
	want, err := os.ReadFile("prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := builtIn(t).Encode(&got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("prices.json is not as Encode writes it:\n%s", got.String())
	}
}
