//go:build linux

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/portolan-io/portolan/test/load/drive"
)

// A contest is one kind of work, done by several programs in turn. The first is
// the limit, which the others are compared with.
type contest struct {
	name        string // of its profiles
	goal        string // its number in the table of goals
	work        string
	cached      bool // its answers come from the cache
	contestants []contestant
	helpers     []helper // other servers that work for the contestants
}

// A helper is a server beside those that are measured, whose work is told of too.
type helper interface {
	cpu() (time.Duration, error) // that it has used
}

// A contestant is a program that does the work.
type contestant struct {
	name   string // of its profile
	what   string
	server *process
	next   func(dst []byte) []byte // appends the next request
	most   float64                 // its goal: at most so many times the limit's CPU; 0 is none
	least  float64                 // its goal: at least so many times the limit's requests a second; 0 is none
}

// A standing is what was measured of a contestant.
type standing struct {
	contestant
	sample
	allocations float64 // for a request, net/http's included
}

// connections is how many requests are under way at once.
const connections = 32

// run lets the contestants work in turn, round for round, so that whatever else
// the machine does is spread over all of them.
func (c *contest) run(ctx context.Context, s settings) ([]standing, error) {
	standings := make([]standing, len(c.contestants))
	for i, one := range c.contestants {
		standings[i].contestant = one
		var err error
		if standings[i].allocations, err = one.warm(ctx, s.round); err != nil {
			return nil, err
		}
	}
	samples := make([][]sample, len(c.contestants))
	for range s.rounds {
		for i, one := range c.contestants {
			measured, err := one.measure(ctx, s.round, c.helpers)
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], measured)
		}
	}
	for i := range standings {
		standings[i].sample = medians(samples[i])
	}
	return standings, nil
}

// warm fills the caches and grows the heap to what the work needs, and counts
// allocations on the way.
func (c *contestant) warm(ctx context.Context, round time.Duration) (perRequest float64, err error) {
	if _, err := c.drive(ctx, round/2); err != nil {
		return 0, err
	}
	before, err := c.server.allocations(ctx)
	if err != nil {
		return 0, err
	}
	result, err := c.drive(ctx, round/2)
	if err != nil {
		return 0, err
	}
	after, err := c.server.allocations(ctx)
	return float64(after-before) / float64(result.Requests), err
}

// measure drives the contestant for one round.
func (c *contestant) measure(ctx context.Context, round time.Duration, helpers []helper) (sample, error) {
	all := append([]helper{c.server}, helpers...)
	before, err := spent(all)
	if err != nil {
		return sample{}, err
	}
	result, err := c.drive(ctx, round)
	if err != nil {
		return sample{}, err
	}
	each, err := spent(all)
	if err != nil {
		return sample{}, err
	}
	for i := range each {
		each[i] = (each[i] - before[i]) / time.Duration(result.Requests)
	}
	return sample{cpu: each[0], helpers: each[1:], perSecond: result.PerSecond(), p50: result.P50, p99: result.P99}, nil
}

// spent returns what each has used.
func spent(all []helper) ([]time.Duration, error) {
	each := make([]time.Duration, len(all))
	for i, one := range all {
		var err error
		if each[i], err = one.cpu(); err != nil {
			return nil, err
		}
	}
	return each, nil
}

// drive sends requests for that long. An answer that is no success is an error:
// what refuses is fast, and no figure.
func (c *contestant) drive(ctx context.Context, duration time.Duration) (drive.Result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // of two processors the server gets one to itself
	result, err := drive.Run(ctx, drive.Load{Address: c.server.address, Connections: connections, Duration: duration, Next: c.next})
	if err == nil && result.Failed > 0 {
		err = fmt.Errorf("%d of %d answers were failures, the first:\n%s", result.Failed, result.Requests, result.Failure)
	}
	if err != nil {
		return result, fmt.Errorf("%s: %w", c.what, err)
	}
	return result, nil
}
