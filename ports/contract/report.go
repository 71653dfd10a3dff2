package contract

import (
	"context"
	"slices"
	"time"
)

// A Report says what came of a suite over one adapter. As JSON it is what portolan
// contract writes, and what the author of another adapter may write.
type Report struct {
	Port   string   `json:"port"`   // "repository"
	Driver string   `json:"driver"` // as configurations name it
	Passed int      `json:"passed"`
	Failed int      `json:"failed"`
	Cases  []Result `json:"cases"`
}

// A Result says how a case ended.
type Result struct {
	Name     string   `json:"name"`
	Clause   string   `json:"clause"` // that it proves, word for word from the comment of the interface
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures,omitempty"`
	Millis   int64    `json:"millis"`
}

// Prove runs each case over a subject of its own and tells of each as it ends. What
// open opens it also closes, with t.Cleanup. If ctx is done the cases that were not
// run are left out. Told may be nil.
func Prove[S any](ctx context.Context, port, driver string, cases []Case[S], open func(t T) S, told func(Result)) Report {
	report := Report{Port: port, Driver: driver, Cases: []Result{}}
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		begun := time.Now()
		result := Result{Name: c.Name, Clause: c.Clause, Failures: run(ctx, c, open)}
		result.Passed, result.Millis = len(result.Failures) == 0, time.Since(begun).Milliseconds()
		if result.Passed {
			report.Passed++
		} else {
			report.Failed++
		}
		report.Cases = append(report.Cases, result)
		if told != nil {
			told(result)
		}
	}
	return report
}

// run runs one case and returns what failed.
func run[S any](ctx context.Context, c Case[S], open func(t T) S) []string {
	r := &recorder{ctx: ctx}
	r.do(func() { c.Run(r, open(r)) })
	for _, done := range slices.Backward(r.cleanups) {
		r.do(done)
	}
	return r.failures
}
