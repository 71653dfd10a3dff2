//go:build linux

// Package drive sends HTTP requests as fast as they are answered, at as little
// cost as can be: one thread, a fixed number of keep-alive connections, each with
// one request under way. What it measures is the server, so the client does no
// more than a server has a right to expect. Start at [Run].
package drive

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Load is what to send, and for how long.
type Load struct {
	Address     string        // host:port, numeric
	Connections int           // how many requests are under way at once
	Duration    time.Duration // how long requests are begun; those under way then are waited for

	// Next appends a whole request to dst. It is called by one goroutine.
	Next func(dst []byte) []byte
}

// A Result is what became of a Load.
type Result struct {
	Requests int           // answered, whatever the answer
	Failed   int           // answered with anything but 2xx
	Failure  string        // the beginning of the first answer that failed
	Last     string        // the beginning of one of the last answers
	Elapsed  time.Duration // from the first request to the last answer
	Bytes    int64         // of bodies
	P50, P99 time.Duration // from the request to the whole answer
}

// PerSecond returns how many requests were answered in a second.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// patience is how long an answer may take. A server that takes longer has stopped.
const patience = 20 * time.Second

// Run sends the load. It returns an error if a connection fails, an answer is no
// HTTP/1.1 with a Content-Length, or nothing arrives for 20 seconds; an answer
// that is a failure is counted, and is no error.
func Run(ctx context.Context, load Load) (Result, error) {
	l, err := newLoop(load)
	if err != nil {
		return Result{}, err
	}
	defer l.close()
	begun := time.Now()
	if err := l.run(ctx, begun.Add(load.Duration)); err != nil {
		return Result{}, fmt.Errorf("after %d answers of %s: %w", l.result.Requests, load.Address, err)
	}
	l.result.Elapsed = time.Since(begun)
	slices.Sort(l.latencies)
	l.result.P50, l.result.P99 = quantile(l.latencies, 50), quantile(l.latencies, 99)
	return l.result, nil
}

// quantile returns the value that so many of a hundred sorted ones are not above.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100]
}
