package load

import (
	"math"
	"time"
)

// noise multiplies a load by a factor that changes every so often: 1 plus the
// deviation times a value near a standard normal one.
type noise struct {
	seed      uint64
	deviation float64
	every     time.Duration
}

// factor is that of the n-th span of time since the start. It is a function of
// seed and n alone.
func (n noise) factor(span int64) float64 {
	bits := mix(n.seed ^ mix(uint64(span)))
	sum := 0.0
	for range 4 {
		sum += float64(bits&0xffff) + 0.5
		bits >>= 16
	}
	// Four uniform values have a variance of 1/3 together; beyond that it is
	// the middle of a bell that ends at 3.5 deviations.
	normal := (sum/65536 - 2) * math.Sqrt(3)
	return max(0, 1+n.deviation*normal)
}

// mix is the finalizer of SplitMix64, https://prng.di.unimi.it/splitmix64.c.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
