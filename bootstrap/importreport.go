package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// importReport is the summary of an import, as JSON has it.
type importReport struct {
	Job        string           `json:"job"`
	Rows       int64            `json:"rows"`
	Loaded     int64            `json:"loaded"`
	Rejected   int64            `json:"rejected"`
	ByCode     map[string]int64 `json:"rejectedByCode,omitempty"`
	Rejects    string           `json:"rejectsFile,omitempty"`
	Seconds    float64          `json:"seconds"`
	Resumed    bool             `json:"resumed"`
	Finished   bool             `json:"finishedBefore"`
	DryRun     bool             `json:"dryRun"`
	Duplicates bool             `json:"duplicatesLookedFor"` // whether ids that occur twice were found out
	Hint       string           `json:"hint,omitempty"`

	elapsed time.Duration
	anew    bool
}

func reportOf(s ingest.Summary, rejects string) importReport {
	return importReport{
		Job: s.Job, Rows: s.Rows, Loaded: s.Loaded, Rejected: s.Rejected, ByCode: s.ByCode, Rejects: rejects,
		Seconds: s.Elapsed.Seconds(), Resumed: s.Resumed, Finished: s.Finished, DryRun: s.DryRun, Duplicates: !s.DryRun,
		elapsed: s.Elapsed, anew: s.Anew,
	}
}

// importFirst says which collections to import first, if every row was rejected
// because what it refers to is not there; else it is empty.
func (s *settings) importFirst(collection string, summary ingest.Summary) string {
	if summary.Rejected == 0 || summary.ByCode[ingest.NoReference] != summary.Rows {
		return ""
	}
	var referred []string
	for _, entry := range s.Collections {
		for _, field := range entry.Value.Fields {
			to := field.Value.References
			if entry.Name == collection && field.Value.Enforce && to != collection && !slices.Contains(referred, to) {
				referred = append(referred, to)
			}
		}
	}
	if len(referred) == 0 {
		return ""
	}
	return fmt.Sprintf("every row refers to records that are not there; import %s first", enumerate(referred, "and"))
}

// summarise says what an import did, if it did anything, and ends the program as
// that asks for.
func (p *program) summarise(r importReport, failure error) error {
	switch {
	case failure != nil && r.Rows == 0 && !r.Finished:
	case p.json:
		if err := p.printJSON(r); err != nil {
			return errors.Join(failure, err)
		}
	default:
		p.printSummary(r)
	}
	switch {
	case errors.Is(failure, context.Canceled):
		return fault.New(fault.Unavailable, "bootstrap.import", "the import was interrupted").Hinting("the same command with --resume goes on")
	case failure != nil:
		return failure
	case r.Rejected > 0:
		return &exitError{code: exitRejects}
	}
	return nil
}

func (p *program) printSummary(r importReport) {
	if r.Finished {
		fmt.Fprintln(p.out, "this import had finished already; nothing was done")
	}
	if r.anew {
		fmt.Fprintln(p.out, "an earlier import of this file was not finished; this one began again, without --resume")
	}
	verb := "loaded"
	if r.DryRun {
		verb = "valid"
	}
	fmt.Fprintf(p.out, "%s %d, rejected %d, of %d rows in %s\n", verb, r.Loaded, r.Rejected, r.Rows, r.elapsed.Round(time.Millisecond))
	for _, code := range slices.Sorted(maps.Keys(r.ByCode)) {
		fmt.Fprintf(p.out, "  %-20s %d\n", code, r.ByCode[code])
	}
	if r.DryRun {
		fmt.Fprintln(p.out, "nothing was stored; ids that occur twice were not looked for")
	}
	if r.Rejected > 0 && r.Rejects != "" {
		fmt.Fprintf(p.out, "the rejected rows are in %s\n", r.Rejects)
	}
	if r.Hint != "" {
		fmt.Fprintln(p.out, r.Hint)
	}
}
