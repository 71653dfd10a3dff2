package repositorytest

import (
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var loadCases = []Case{
	{Name: "Load/Replaces", Clause: "Load puts many records, in order, replacing what has the same id.", Run: loadReplaces},
	{Name: "Load/Seen", Clause: quotes("Get, Find and Aggregate see every Apply and Load that returned before they were called", "rows completed and committed, from the first"), Run: loadSeen},
	{Name: "Load/Repeated", Clause: quotes("A row whose id is held by a record that this Run stored earlier is not stored but reported as repeated.", "positions among those of rows not stored, because their id came before"), Run: loadRepeated},
	{Name: "Load/Runs", Clause: quotes("A row whose id is held by a record that this Run stored earlier is not stored but reported as repeated.", "names the import; not empty, and not the beginning of another's"), Run: loadRuns},
	{Name: "Load/Types", Clause: "Load puts many records, in order, replacing what has the same id.", Run: loadTypes},
	{Name: "Load/Empty", Clause: quotes("A Load of no rows does nothing, and does not call Mark.", "rows completed and committed, from the first"), Run: loadEmpty},
}

// inRun returns copies of the records whose revisions begin with the run.
func inRun(run string, records ...record.Record) []record.Record {
	copies := make([]record.Record, len(records))
	for i, r := range records {
		copies[i] = revised(r, record.Revision(fmt.Sprintf("%s-%d", run, i)), nil)
	}
	return copies
}

// load loads the rows of a run, which must succeed.
func load(t T, s repository.Store, l repository.Load) repository.Loaded {
	t.Helper()
	loaded, err := s.Load(t.Context(), l)
	if err != nil {
		t.Fatalf("Load of %d rows: %v", len(l.Rows), err)
	}
	if loaded.Done != len(l.Rows) {
		t.Errorf("Load of %d rows says that %d are done", len(l.Rows), loaded.Done)
	}
	return loaded
}

func wantRepeated(t T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s reports as repeated %v, want %v", what, got, want)
	}
}

func loadReplaces(t T, s repository.Store) {
	old := wholes("a", "b", "c")
	store(t, s, things(), old...)
	rows := inRun("run1", thing("d", nil), full("b"), thing("a", set{fieldText: record.String("new")}))
	loaded := load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1"})
	wantRepeated(t, "a first Load", loaded.Repeated, nil)
	wantStored(t, "after a Load", s, things(), old[2], rows[0], rows[1], rows[2])
}

func loadSeen(t T, s repository.Store) {
	ensure(t, s, things())
	rows := inRun("run1", numbered(3000)...)
	load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1"})
	wantStored(t, "after a Load of 3000", s, things(), rows...)
	wantGroups(t, s, "3000 loaded things", query.Aggregation{
		Collection: things(), Limit: 1,
		Measures: []query.Measure{{Func: query.Count, As: "n"}, {Func: query.Sum, Field: fieldInt, As: "sum"}},
	}, rows)
}

// loadRepeated has ids again within a Load, in a later Load of the run, and in
// a Load that is done again from its beginning.
func loadRepeated(t T, s repository.Store) {
	ensure(t, s, things())
	first := inRun("run1", thing("a", set{fieldInt: record.Int(1)}), thing("b", nil), thing("a", set{fieldInt: record.Int(2)}), thing("A", nil), thing("b", nil))
	loaded := load(t, s, repository.Load{Collection: things(), Rows: first, Run: "run1"})
	wantRepeated(t, "a Load with a and b again", loaded.Repeated, []int{2, 4})
	wantStored(t, "after it", s, things(), first[0], first[1], first[3])

	second := inRun("run1", thing("c", nil), thing("a", set{fieldInt: record.Int(3)}), thing("d", nil), thing("c", nil))
	loaded = load(t, s, repository.Load{Collection: things(), Rows: second, Run: "run1"})
	wantRepeated(t, "a later Load of the run", loaded.Repeated, []int{1, 3})
	want := []record.Record{first[0], first[1], first[3], second[0], second[2]}
	wantStored(t, "after it", s, things(), want...)

	loaded = load(t, s, repository.Load{Collection: things(), Rows: first, Run: "run1"})
	wantRepeated(t, "the same Load again", loaded.Repeated, []int{0, 1, 2, 3, 4})
	wantStored(t, "after it", s, things(), want...)

	many, positions := repeating(5000)
	loaded = load(t, s, repository.Load{Collection: things(), Rows: many, Run: "run1"})
	wantRepeated(t, "a Load of many", loaded.Repeated, positions)
}

// repeating returns n rows of run1 of which every seventh has the id of an
// earlier one, and where these are: in whatever parts a store does a Load, each
// has some.
func repeating(n int) (rows []record.Record, repeated []int) {
	fresh := numbered(n)
	for i := range n {
		if i%7 == 6 {
			repeated = append(repeated, i)
			rows = append(rows, rows[i/2])
			continue
		}
		rows = append(rows, fresh[i])
	}
	return inRun("run1", rows...), repeated
}

// loadRuns loads the same ids in several runs. What another run stored, or
// what was changed since, is replaced.
func loadRuns(t T, s repository.Store) {
	ensure(t, s, things())
	for _, run := range []string{"run1", "run2", "RUN1", "r%", "r_n1", "x"} {
		rows := inRun(run, numbered(5)...)
		loaded := load(t, s, repository.Load{Collection: things(), Rows: rows, Run: run})
		wantRepeated(t, "the run "+run, loaded.Repeated, nil)
		wantStored(t, "after the run "+run, s, things(), rows...)
	}
	changed := revised(numbered(5)[2], "other", set{fieldText: record.String("changed")})
	apply(t, s, put(things(), changed))
	rows := inRun("x", numbered(5)...)
	loaded := load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "x"})
	wantRepeated(t, "a run after a change of the third", loaded.Repeated, []int{0, 1, 3, 4})
	wantStored(t, "after it", s, things(), rows...)
}

func loadTypes(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", extremes()...)
	load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1"})
	wantStored(t, "extreme values that were loaded", s, things(), rows...)
	ints := inRun("run1", number(1<<53+1, "a"), number(1<<62, "b"), number(7, "c"))
	load(t, s, repository.Load{Collection: numbers(), Rows: ints, Run: "run1"})
	wantStored(t, "int ids that were loaded", s, numbers(), ints...)
}

func loadEmpty(t T, s repository.Store) {
	ensure(t, s, things())
	load(t, s, repository.Load{Collection: things(), Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
		t.Errorf("a Load of nothing asks for the mark of %d rows", n)
		return nil
	}})
	wantStored(t, "after a Load of nothing", s, things())
}
