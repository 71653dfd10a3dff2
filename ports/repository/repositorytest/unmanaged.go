package repositorytest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// An Existing is a store with a table that the store did not make.
type Existing struct {
	Store repository.Store

	// Table is unmanaged and empty. Its columns are id, a text that is its key, a,
	// a whole number, and b, a text; what else it has needs no value.
	Table schema.Table
}

// seen is the collection that the table holds.
func (e Existing) seen() *schema.Collection {
	return growing("seen", e.Table, nil,
		schema.FieldSpec{Name: "a", Type: "int"}, schema.FieldSpec{Name: "b", Type: "string", Max: "100"})
}

// RunUnmanaged runs the cases of tables that another program made. Open opens a
// store over a new one, which it also closes, with t.Cleanup.
func RunUnmanaged(t *testing.T, open func(t *testing.T) Existing) {
	t.Helper()
	contract.Run(t, UnmanagedCases(), open)
}

const ownRevision = "Put: the revision that the record gets, unless its table makes its own"

// UnmanagedCases returns the cases of [RunUnmanaged].
func UnmanagedCases() []contract.Case[Existing] {
	return []contract.Case[Existing]{
		{Name: "Unmanaged/Load", Clause: "An unmanaged table may not tell which Run stored a record: there a row whose id came earlier in the same Load is repeated at least, and one that an earlier Load stored may be replaced instead.", Run: unmanagedLoad},
		{Name: "Unmanaged/Revision", Clause: ownRevision, Run: unmanagedRevision},
		{Name: "Unmanaged/Conditional", Clause: quotes(ownRevision, "Of several concurrent writes that ask for the same revision, exactly one succeeds."), Run: unmanagedConditional},
	}
}

// stored returns what is in the table, by id and without revisions.
func (e Existing) stored(t T, c *schema.Collection) []string {
	t.Helper()
	var texts []string
	for _, row := range all(t, e.Store, c) {
		texts = append(texts, string(row.JSON))
	}
	return texts
}

// revision returns that of the record, which must be there.
func (e Existing) revision(t T, c *schema.Collection, id record.ID) record.Revision {
	t.Helper()
	rows := get(t, e.Store, c, id)
	if len(rows) != 1 {
		t.Fatalf("Get of %q returned %d rows, want 1", id, len(rows))
	}
	return rows[0].Revision
}

func unmanagedLoad(t T, e Existing) {
	c := e.seen()
	ensure(t, e.Store, c)
	row := func(id string, a int64) record.Record { return plain(id, record.Int(a), record.String("loaded")) }
	first := inRun("run1", row("x", 1), row("y", 2), row("x", 3), row("z", 4), row("y", 5))
	loaded := load(t, e.Store, repository.Load{Collection: c, Rows: first, Run: "run1"})
	wantRepeated(t, "a Load with x and y again", loaded.Repeated, []int{2, 4})
	wantTexts(t, "after it", e.stored(t, c), []string{
		`{"id":"x","a":1,"b":"loaded"}`, `{"id":"y","a":2,"b":"loaded"}`, `{"id":"z","a":4,"b":"loaded"}`,
	})
	second := inRun("run1", row("x", 6), row("w", 7), row("w", 8))
	loaded = load(t, e.Store, repository.Load{Collection: c, Rows: second, Run: "run1"})
	x := `{"id":"x","a":6,"b":"loaded"}`
	if slices.Contains(loaded.Repeated, 0) {
		x = `{"id":"x","a":1,"b":"loaded"}`
	}
	if !slices.Contains(loaded.Repeated, 2) || slices.Contains(loaded.Repeated, 1) {
		t.Errorf("a later Load with w twice reports as repeated %v, want 2 and not 1", loaded.Repeated)
	}
	wantTexts(t, "after it", e.stored(t, c), []string{
		`{"id":"w","a":7,"b":"loaded"}`, x, `{"id":"y","a":2,"b":"loaded"}`, `{"id":"z","a":4,"b":"loaded"}`,
	})
}

// written is the record x as the n-th write makes it.
func written(n int) record.Record {
	x := plain("x", record.Int(int64(n)), record.Null)
	x.Revision = record.Revision(fmt.Sprint("w", n))
	return x
}

// unmanagedRevision writes in every way there is. What is answered is what is
// read, and it is another one than before.
func unmanagedRevision(t T, e Existing) {
	c := e.seen()
	ensure(t, e.Store, c)
	seen := map[record.Revision]bool{"": true}
	wantNew := func(what string) record.Revision {
		t.Helper()
		now := e.revision(t, c, "x")
		if seen[now] {
			t.Errorf("the revision after %s is %q, want one that was not there before", what, now)
		}
		seen[now] = true
		return now
	}
	for i := range 4 {
		outcome := apply(t, e.Store, put(c, written(i)))[0]
		if now := wantNew("a Put"); outcome.Revision != now {
			t.Errorf("Put answers the revision %q, and Get says %q", outcome.Revision, now)
		}
	}
	load(t, e.Store, repository.Load{Collection: c, Rows: inRun("run1", plain("x", record.Int(4), record.Null)), Run: "run1"})
	wantNew("a Load")
}

// unmanagedConditional has eight writers that ask for the same revision, each
// with a value of its own.
func unmanagedConditional(t T, e Existing) {
	c := e.seen()
	ensure(t, e.Store, c)
	apply(t, e.Store, put(c, written(-1)))
	for round := range 5 {
		was := e.revision(t, c, "x")
		ctx, succeeded := t.Context(), 0
		for err := range gather(8, func(i int) error {
			_, err := e.Store.Apply(ctx, []repository.Mutation{
				putIf(c, written(8*round+i), repository.At(was)),
			})
			return err
		}) {
			switch {
			case err == nil:
				succeeded++
			case !errors.Is(err, fault.Stale):
				t.Errorf("one of 8 writes at the same revision: %v, want nil or %s", err, fault.Stale)
			}
		}
		if succeeded != 1 {
			t.Fatalf("of 8 writes at the same revision %d succeeded, want 1", succeeded)
		}
	}
}
