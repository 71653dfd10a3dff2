//go:build linux

package main

import (
	"cmp"
	"slices"
	"time"
)

// A sample is what one round measured of one program.
type sample struct {
	cpu       time.Duration   // of the server, for a request
	helpers   []time.Duration // likewise, of the other servers
	perSecond float64
	p50, p99  time.Duration
}

// medians returns the medians of the samples, each figure by itself.
func medians(samples []sample) sample {
	helpers := make([]time.Duration, len(samples[0].helpers))
	for i := range helpers {
		helpers[i] = median(samples, func(s sample) time.Duration { return s.helpers[i] })
	}
	return sample{
		cpu:       median(samples, func(s sample) time.Duration { return s.cpu }),
		helpers:   helpers,
		perSecond: median(samples, func(s sample) float64 { return s.perSecond }),
		p50:       median(samples, func(s sample) time.Duration { return s.p50 }),
		p99:       median(samples, func(s sample) time.Duration { return s.p99 }),
	}
}

// median returns the middle of one figure of the things, of which there is one
// at least: of an even number the lower of the two in the middle.
func median[T any, N cmp.Ordered](things []T, figure func(T) N) N {
	figures := make([]N, len(things))
	for i, thing := range things {
		figures[i] = figure(thing)
	}
	slices.Sort(figures)
	return figures[(len(figures)-1)/2]
}
