//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Goals of what is no contest.
const (
	mostReady = 500 * time.Millisecond
	mostIdle  = 40 << 20
	mostBusy  = 70 << 20
	cacheCap  = 64 << 20 // what the cache may take besides
)

// print writes the report as Markdown.
func (r *report) print(out io.Writer, s settings) {
	fmt.Fprintf(out, "Measured with %s on %s/%s, %d processors, %d products, %d connections, medians of rounds of %v, of which there were %d.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), s.rows, connections, s.round, s.rounds)
	if len(r.contests) > 0 {
		r.printContests(out)
	}
	if len(r.shared) > 0 {
		r.printShared(out)
	}
	if len(r.bursts) > 0 {
		printBursts(out, r.bursts)
	}
	if len(r.entries) > 0 {
		printEntries(out, r.entries)
	}
	if len(r.databases) > 0 {
		r.printDatabases(out)
	}
	if len(r.footprints) > 0 {
		r.printFootprints(out)
	}
	if len(r.loadings) > 0 {
		printLoadings(out, "SQLite", s.rows, r.loadings)
	}
	if len(r.copies) > 0 {
		printLoadings(out, "PostgreSQL", s.rows, r.copies)
	}
}

// mostDatabase is the goal of the database's CPU, against that for the limit.
const mostDatabase = 1.1

func (r *report) printDatabases(out io.Writer) {
	fmt.Fprint(out, "\n| # | work | program | CPU µs | × limit | goal | database CPU µs | × limit | requests/s | × limit | goal | p50 µs | p99 µs | allocations | |\n",
		"|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, c := range r.databases {
		limit := c.standings[0]
		for _, s := range c.standings {
			cpu, rate, database := float64(s.cpu)/float64(limit.cpu), s.perSecond/limit.perSecond, float64(s.helpers[0])/float64(limit.helpers[0])
			fmt.Fprintf(out, "| %s | %s | %s | %.1f | %.2f | %s | %.1f | %.2f | %.0f | %.2f | %s | %d | %d | %.0f | %s |\n",
				c.goal, c.work, s.what, micros(s.cpu), cpu, bound("≤", s.most), micros(s.helpers[0]), database,
				s.perSecond, rate, bound("≥", s.least), s.p50.Microseconds(), s.p99.Microseconds(), s.allocations,
				verdict(s.most+s.least > 0, (s.most == 0 || cpu <= s.most) && rate >= s.least && (c.goal == "6" || database <= mostDatabase)))
		}
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func (r *report) printContests(out io.Writer) {
	fmt.Fprint(out, "\n| # | work | program | CPU µs | × limit | goal | requests/s | × limit | goal | p50 µs | p99 µs | allocations | |\n",
		"|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, c := range r.contests {
		limit := c.standings[0]
		for _, s := range c.standings {
			cpu, rate := float64(s.cpu)/float64(limit.cpu), s.perSecond/limit.perSecond
			fmt.Fprintf(out, "| %s | %s | %s | %.1f | %.2f | %s | %.0f | %.2f | %s | %d | %d | %.0f | %s |\n",
				c.goal, c.work, s.what, micros(s.cpu), cpu, bound("≤", s.most),
				s.perSecond, rate, bound("≥", s.least), s.p50.Microseconds(), s.p99.Microseconds(), s.allocations,
				verdict(s.most+s.least > 0, (s.most == 0 || cpu <= s.most) && rate >= s.least))
		}
	}
}

// bound writes a goal, if there is one.
func bound(sign string, goal float64) string {
	if goal == 0 {
		return ""
	}
	return fmt.Sprintf("%s %.2f", sign, goal)
}

// verdict says whether a goal is met, if there is one.
func verdict(there, met bool) string {
	switch {
	case !there:
		return ""
	case met:
		return "met"
	}
	return "**not met**"
}

func (r *report) printFootprints(out io.Writer) {
	fmt.Fprint(out, "\n| # | server | idle | at 32 connections | start to first answer | |\n|---|---|--:|--:|--:|---|\n")
	for i, f := range r.footprints {
		busy := int64(mostBusy)
		if i > 0 { // the first has no cache
			busy += cacheCap
		}
		met := f.idle <= mostIdle && f.busy <= busy && f.ready <= mostReady
		fmt.Fprintf(out, "| 11, 12 | %s | %s (≤ %s) | %s (≤ %s) | %d ms (≤ %d ms) | %s |\n", f.what,
			mebibytes(f.idle), mebibytes(mostIdle), mebibytes(f.busy), mebibytes(busy),
			f.ready.Milliseconds(), mostReady.Milliseconds(), verdict(true, met))
	}
}

func mebibytes(octets int64) string { return fmt.Sprintf("%.0f MiB", float64(octets)/(1<<20)) }

func printLoadings(out io.Writer, into string, rows int, loadings []loading) {
	fmt.Fprintf(out, "\n| import of %d products into %s | rows/s | × limit | CPU µs a row | × limit | resident at most |\n|---|--:|--:|--:|--:|--:|\n", rows, into)
	limit := loadings[0]
	for _, l := range loadings {
		fmt.Fprintf(out, "| %s | %.0f | %.2f | %.1f | %.2f | %s |\n", l.what,
			float64(rows)/l.took.Seconds(), limit.took.Seconds()/l.took.Seconds(),
			float64(l.cpu.Microseconds())/float64(rows), l.cpu.Seconds()/limit.cpu.Seconds(), mebibytes(l.resident))
	}
}

// The lines of a file between which the measured part stands.
const (
	measuredBegin = "<!-- measured: begin -->\n"
	measuredEnd   = "<!-- measured: end -->\n"
)

// replace puts the text in the place of what was measured before.
func replace(path, text string) error {
	octets, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(octets), measuredBegin)
	_, after, ends := strings.Cut(rest, measuredEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no line %q with a line %q below it", path, strings.TrimSpace(measuredBegin), strings.TrimSpace(measuredEnd))
	}
	return os.WriteFile(path, []byte(before+measuredBegin+text+measuredEnd+after), 0o644)
}
