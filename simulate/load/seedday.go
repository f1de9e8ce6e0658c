package load

// SeedDay is the name of the preset: a day of a telephony service.
const SeedDay = "seed-day"

const (
	// SeedDayCalls are the preset's calls a day.
	SeedDayCalls = 4_000_000
	// SeedDayRequestsPerCall is an assumption: a call asks the web tier at its
	// start, when it rings, is answered and ends, for its routing and for its
	// bill.
	SeedDayRequestsPerCall = 6
	// SeedDayCPUPerRequest is an assumption, in core-seconds: 10 ms, that of a
	// small dynamic page. The preset counts requests; this is what a model
	// that has nothing better may take for one.
	SeedDayCPUPerRequest = 0.010
)

// seedDayHours are the calls of each hour relative to one another, at the full
// hour: an assumption, after the curve of business telephony. Nearly none at
// night, a steep morning, the busiest hour before noon, a dip at lunch and a
// second, lower hump in the afternoon. The busiest hour has 9.0 % of the day's
// calls, the quietest 0.2 %.
var seedDayHours = [24]float64{
	8, 6, 5, 4, 4, 6, 15, 35, 75, 125, 165, 170,
	150, 130, 140, 155, 160, 150, 125, 95, 65, 40, 22, 12,
}

// seedDay is calls a day times requests per call, spread over the hours.
func seedDay(calls, requestsPerCall, midnight float64) profile {
	total := 0.0
	for _, weight := range seedDayHours {
		total += weight
	}
	hours := seedDayHours
	for h := range hours {
		// Straight lines between full hours make the day's mean that of its hours.
		hours[h] *= calls * requestsPerCall / (total * 3600)
	}
	return newProfile(hours, midnight)
}
