//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// printShared writes what Redis and the database had to do with.
func (r *report) printShared(out io.Writer) {
	fmt.Fprint(out, "\n| # | work | program | CPU µs | × limit | goal | Redis CPU µs | × limit | database CPU µs | × limit | requests/s | × limit | goal | p50 µs | p99 µs | allocations | |\n",
		"|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, c := range r.shared {
		limit := c.standings[0]
		for _, s := range c.standings {
			cpu, rate := float64(s.cpu)/float64(limit.cpu), s.perSecond/limit.perSecond
			redis, database := s.helpers[0], s.helpers[1]
			fmt.Fprintf(out, "| %s | %s | %s | %.1f | %.2f | %s | %.1f | %s | %.1f | %s | %.0f | %.2f | %s | %d | %d | %.0f | %s |\n",
				c.goal, c.work, s.what, micros(s.cpu), cpu, bound("≤", s.most), micros(redis), ratio(redis, limit.helpers[0]), micros(database), ratio(database, limit.helpers[1]),
				s.perSecond, rate, bound("≥", s.least), s.p50.Microseconds(), s.p99.Microseconds(), s.allocations,
				verdict(s.most+s.least > 0, (s.most == 0 || cpu <= s.most) && rate >= s.least))
		}
	}
}

// ratio writes how much more it is, of a limit that takes something.
func ratio(is, limit time.Duration) string {
	if limit < time.Microsecond {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(is)/float64(limit))
}

func printBursts(out io.Writer, bursts []burst) {
	fmt.Fprintf(out, "\n| %d readers at once of one record, over %d instances | times | reads of the database: median | at most | goal | the last answer after, median ms | |\n|---|--:|--:|--:|--:|--:|---|\n", burstReaders, burstInstances)
	for _, b := range bursts {
		most := slices.Max(b.reads)
		goal := ""
		if b.most > 0 {
			goal = "≤ " + strconv.Itoa(b.most)
		}
		fmt.Fprintf(out, "| %s | %d | %d | %d | %s | %.0f | %s |\n", b.what, len(b.reads), median(b.reads, func(n int) int { return n }), most, goal,
			median(b.last, func(d time.Duration) float64 { return micros(d) / 1000 }), verdict(b.most > 0, most <= b.most))
	}
}

func printEntries(out io.Writer, all []entries) {
	fmt.Fprintf(out, "\n| memory for 100,000 cached records, of %d that were read | the server | Redis |\n|---|--:|--:|\n", all[0].n)
	for _, e := range all {
		each := func(octets int64) string {
			if octets == 0 {
				return ""
			}
			return mebibytes(octets * mostEntries / int64(e.n))
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", e.what, each(e.server), each(e.redis))
	}
}
