package price

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tandem-iac/tandem/internal/check"
)

// schema is the version of the file's form. It changes with any field that an
// older tandem would misread.
const schema = 1

//go:embed prices.json
var builtIn []byte

// file is prices.json. Its maps are written sorted, one price a line, so that
// what an update changes can be reviewed.
type file struct {
	Schema int `json:"schema"`
	// Date is the day the newest prices are of, as 2006-01-02.
	Date string `json:"date"`
	// Sources are what blocks of prices name, by their ids.
	Sources map[string]Source `json:"sources"`
	// VCPUs and MemoryGiB are the sizes of the instance types, which are the
	// same everywhere.
	VCPUs     map[string]float64 `json:"vcpus"`
	MemoryGiB map[string]float64 `json:"memory_gib"`
	Regions   map[string]region  `json:"regions"`
	Spot      spotAssumption     `json:"spot_assumption"`
}

// Source is where prices are from.
type Source struct {
	// What says in a sentence what was read and how.
	What string `json:"what"`
	// Date is the day it is of, as 2006-01-02.
	Date string `json:"date"`
	// URL is its page.
	URL string `json:"url"`
}

type region struct {
	OnDemand block[string]  `json:"on_demand_hour"`
	Services block[Service] `json:"services"`
}

// block is prices of one source.
type block[K ~string] struct {
	Source string        `json:"source"`
	Prices map[K]float64 `json:"prices"`
}

// spotAssumption is what spot is taken to cost where nobody has asked AWS.
type spotAssumption struct {
	Source     string `json:"source"`
	Everywhere Share  `json:"everywhere"`
	// Regions are exceptions from it.
	Regions map[string]Share `json:"regions"`
	// Typical are exceptions from the typical share, by region and family.
	Typical map[string]map[string]float64 `json:"typical"`
}

// Share is the price of spot as a share of on-demand, above 0 and at most 1.
type Share struct {
	Low     float64 `json:"low"`
	Typical float64 `json:"typical"`
	High    float64 `json:"high"`
}

// Default is the catalog that is built in. Callers share it. An error means
// that the build is broken.
func Default() (*Catalog, error) { return defaultCatalog() }

var defaultCatalog = sync.OnceValues(func() (*Catalog, error) {
	return Decode("prices.json", bytes.NewReader(builtIn))
})

// Load reads a file of prices.
func Load(path string) (*Catalog, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, check.InputError{Err: err}
	}
	defer f.Close()
	return Decode(path, f)
}

// Decode reads a file of prices; name is what its faults are told of. All
// faults of what it holds come as one check.Errors, and one of its form as a
// check.InputError.
func Decode(name string, r io.Reader) (*Catalog, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, check.InputErrorf("%s is not a file of prices: %w", name, err)
	}
	if version.Schema != schema {
		return nil, check.InputErrorf("%s: schema is %d, want %d: write it anew with 'tandem price update --output %s'", name, version.Schema, schema, name)
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, check.InputErrorf("%s is not a file of prices: %w", name, err)
	}
	faults := f.faults()
	for _, fault := range faults {
		fault.File = name
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return &Catalog{f}, nil
}

// Encode writes the catalog as Decode reads it: the same prices are always the
// same bytes.
func (c *Catalog) Encode(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(c.file)
}

func (f file) faults() (faults check.Errors) {
	checkDate(&faults, "date", f.Date)
	for id, source := range f.Sources {
		checkDate(&faults, check.Join(check.Join("sources", id), "date"), source.Date)
	}
	checkPositive(&faults, "vcpus", f.VCPUs)
	checkPositive(&faults, "memory_gib", f.MemoryGiB)
	for name, r := range f.Regions {
		path := check.Join("regions", name)
		checkBlock(&faults, path+".on_demand_hour", f.Sources, r.OnDemand)
		checkBlock(&faults, path+".services", f.Sources, r.Services)
		for _, t := range slices.Sorted(maps.Keys(r.OnDemand.Prices)) {
			_, known := f.VCPUs[t]
			faults.Require(known, check.Join(path+".on_demand_hour.prices", t), strconv.Quote(t), "a type that vcpus has")
		}
	}
	f.Spot.check(&faults, f.Sources)
	return faults
}

func checkDate(faults *check.Errors, path, date string) {
	_, err := time.Parse(time.DateOnly, date)
	faults.Require(err == nil, path, strconv.Quote(date), "a day such as 2026-01-31")
}

func checkPositive[K ~string](faults *check.Errors, path string, values map[K]float64) {
	for key, value := range values {
		faults.Require(value > 0, check.Join(path, string(key)), strconv.FormatFloat(value, 'f', -1, 64), "above 0: leave out what is not known")
	}
}

func checkBlock[K ~string](faults *check.Errors, path string, sources map[string]Source, b block[K]) {
	_, known := sources[b.Source]
	faults.Require(known || len(b.Prices) == 0, path+".source", strconv.Quote(b.Source), "one of sources")
	checkPositive(faults, path+".prices", b.Prices)
}

func (s spotAssumption) check(faults *check.Errors, sources map[string]Source) {
	const path = "spot_assumption"
	_, known := sources[s.Source]
	faults.Require(known, path+".source", strconv.Quote(s.Source), "one of sources")
	s.Everywhere.check(faults, path+".everywhere")
	for name, share := range s.Regions {
		share.check(faults, check.Join(path+".regions", name))
	}
	for name, families := range s.Typical {
		share, ok := s.Regions[name]
		if !ok {
			share = s.Everywhere
		}
		for family, typical := range families {
			share.Typical = typical
			share.check(faults, check.Join(check.Join(path+".typical", name), family))
		}
	}
}

func (s Share) check(faults *check.Errors, path string) {
	faults.Require(0 < s.Low && s.Low <= s.Typical && s.Typical <= s.High && s.High <= 1, path,
		fmt.Sprintf("%v, %v, %v", s.Low, s.Typical, s.High), "0 < low <= typical <= high <= 1")
}
