package main

import "math"

// A day by minutes, and a burst in it: arithmetic tells how many rules the mean
// takes, but not how late rows are when more comes for a while.

const (
	minutes = 24 * 60
	// burstTimes is how much more than usual comes during the burst, which lasts
	// burstMinutes and begins when the day is at its height.
	burstTimes   = 3
	burstMinutes = 60
)

// outcome is what a day with a burst does.
type outcome struct {
	lag      float64 // the longest, in minutes
	late     float64 // minutes for which rows were more than a minute late
	backlog  float64 // the largest, in minutes of mean load
	caughtUp bool    // by the end of the day after
}

// simulate runs two days of a queue that takes in a curve of the day and gives
// out at most capacity, both as multiples of the day's mean. peak is the busiest
// minute's rate. What comes in first goes out first.
func simulate(capacity, peak float64, burst bool) outcome {
	var o outcome
	var came, went float64
	arrived := make([]float64, 0, 2*minutes) // sums by minute
	oldest := 0
	for m := range 2 * minutes {
		came += rate(m, peak, burst)
		arrived = append(arrived, came)
		went = math.Min(came, went+capacity)
		for oldest < m && arrived[oldest] <= went+1e-9 {
			oldest++
		}
		lag := 0.0
		if came-went > 1e-9 {
			lag = float64(m - oldest + 1)
		}
		o.lag = math.Max(o.lag, lag)
		o.backlog = math.Max(o.backlog, came-went)
		if lag > 1 {
			o.late++
		}
	}
	o.caughtUp = came-went < 1e-9
	return o
}

// rate is what comes in the minute: a wave around the mean, highest at noon.
func rate(minute int, peak float64, burst bool) float64 {
	r := 1 - (peak-1)*math.Cos(2*math.Pi*float64(minute)/minutes)
	if noon := minutes / 2; burst && minute >= noon && minute < noon+burstMinutes {
		r *= burstTimes
	}
	return r
}
