package simulate

import (
	"hash/fnv"
	"math"
)

// draws is a stream of random numbers (SplitMix64). Streams are named, so that
// what one part of a run draws does not depend on how much another has drawn.
type draws struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// stream begins at the seed and a name.
func stream(seed uint64, name string) draws {
	h := fnv.New64a()
	// A hash never fails to write.
	_, _ = h.Write([]byte(name))
	return draws{mix(seed) ^ h.Sum64()}
}

// at is the stream's n-th branch.
func (d draws) at(n int) draws { return draws{mix(d.state + uint64(n)*golden)} }

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform is in [0, 1).
func (d *draws) uniform() float64 {
	d.state += golden
	return float64(mix(d.state)>>11) * 0x1p-53
}

// exponential has mean 1.
func (d *draws) exponential() float64 { return -math.Log1p(-d.uniform()) }

// normal has mean 0 and standard deviation 1 (Box-Muller).
func (d *draws) normal() float64 {
	radius := math.Sqrt(2 * d.exponential())
	return radius * math.Cos(2*math.Pi*d.uniform())
}
