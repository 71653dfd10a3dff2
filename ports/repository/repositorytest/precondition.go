package repositorytest

import (
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const preconditionFails = "If a mutation's precondition does not hold, Apply returns a *BatchError with its position, and its error is that of Precondition.Check."

var preconditionCases = []Case{
	{Name: "Precondition/Table", Clause: quotes(preconditionFails, "A Precondition is what must hold of a record for a mutation to be done.", "The zero Precondition always holds."), Run: preconditionTable},
	{Name: "Precondition/Check", Clause: "change nothing, but require If, or that no record matches NoneOf", Run: preconditionCheck},
	{Name: "Precondition/NoneOf", Clause: "NoneOf, of a Check without an ID, requires that no record of the collection matches it; else the batch fails with fault.Conflict and the code referenced.", Run: preconditionNoneOf},
	{Name: "Precondition/Revisions", Clause: preconditionFails, Run: preconditionRevisions},
}

// preconditionTable tries every precondition with every mutation, of a record
// that exists and of one that does not.
func preconditionTable(t T, s repository.Store) {
	for _, tt := range []struct {
		name   string
		If     repository.Precondition
		exists bool
		want   fault.Kind // empty if it holds
	}{
		{"Always", repository.Always, true, ""},
		{"Always", repository.Always, false, ""},
		{"the zero Precondition", repository.Precondition{}, true, ""},
		{"Absent", repository.Absent, true, fault.Exists},
		{"Absent", repository.Absent, false, ""},
		{"Present", repository.Present, true, ""},
		{"Present", repository.Present, false, fault.NotFound},
		{"At the revision", repository.At("r1"), true, ""},
		{"At another", repository.At("r0"), true, fault.Stale},
		{"At none", repository.At(""), true, fault.Stale},
		{"At any", repository.At("r1"), false, fault.Stale},
		{"At none", repository.At(""), false, fault.Stale},
	} {
		for _, op := range []repository.Op{repository.Put, repository.Delete, repository.Check} {
			what := fmt.Sprintf("operation %d of a record that exists (%t) if %s", op, tt.exists, tt.name)
			var before, after []record.Record
			ensure(t, s, things())
			apply(t, s, remove(things(), "a", repository.Always))
			if tt.exists {
				before = []record.Record{thing("a", nil)}
				apply(t, s, put(things(), before[0]))
			}
			m := putIf(things(), revised(full("a"), "r2", nil), tt.If)
			m.Op = op
			_, err := s.Apply(t.Context(), []repository.Mutation{m})
			switch {
			case tt.want != "" || op == repository.Check:
				after = before
			case op == repository.Put:
				after = []record.Record{revised(full("a"), "r2", nil)}
			}
			if fault.KindOf(err) != tt.want {
				t.Errorf("%s = %v, want %q", what, err, tt.want)
			}
			wantBatchError(t, what, err, 0)
			wantStored(t, "after "+what, s, things(), after...)
		}
	}
}

// wantBatchError reports an error that is not one of the mutation.
func wantBatchError(t T, what string, err error, index int) {
	t.Helper()
	var failed *repository.BatchError
	if err != nil && (!errors.As(err, &failed) || failed.Index != index) {
		t.Errorf("%s = %v, want a BatchError of %d", what, err, index)
	}
}

func preconditionCheck(t T, s repository.Store) {
	r := full("a")
	store(t, s, things(), r)
	apply(t, s, check(things(), "a", repository.At("r1")), check(things(), "a", repository.Present), check(things(), "b", repository.Absent))
	wantStored(t, "after Checks", s, things(), r)
}

func preconditionNoneOf(t T, s repository.Store) {
	records := wholes("a", "b", "c")
	store(t, s, things(), records...)
	for _, tt := range []struct {
		name   string
		filter query.Expr
		fails  bool
	}{
		{"whole eq 2", eq(fieldInt, record.Int(2)), true},
		{"whole eq 4", eq(fieldInt, record.Int(4)), false},
		{"text eq null", eq(fieldText, record.Null), true},
		{"text ne null", comparison(query.Ne, fieldText, record.Null), false},
		{"all", query.Expr{}, true},
		{"none", query.Expr{Op: query.None}, false},
	} {
		extra := thing("extra", set{fieldInt: record.Int(100), fieldText: record.Null})
		_, err := s.Apply(t.Context(), []repository.Mutation{
			check(things(), "a", repository.Present),
			{Op: repository.Check, Collection: things(), NoneOf: &tt.filter},
			put(things(), extra),
		})
		want := records
		if !tt.fails {
			want = append(want, extra)
		}
		if !tt.fails && err != nil {
			t.Errorf("Apply with a Check that none matches %s: %v", tt.name, err)
		}
		if tt.fails {
			wantKind(t, "Apply with a Check that none matches "+tt.name, err, fault.Conflict)
			wantBatchError(t, "Apply with a Check that none matches "+tt.name, err, 1)
			if err != nil && fault.Of(err).Code != "referenced" {
				t.Errorf("the code is %q, want referenced", fault.Of(err).Code)
			}
		}
		wantStored(t, "after a Check that none matches "+tt.name, s, things(), want...)
		apply(t, s, remove(things(), "extra", repository.Always))
	}
}

// preconditionRevisions compares revisions for equality only: neither case,
// nor spaces, nor a number's value matter.
func preconditionRevisions(t T, s repository.Store) {
	for _, pair := range [][2]record.Revision{{"a", "A"}, {"1", "01"}, {"1", "1-"}, {"10", "1e1"}, {"r", "ŕ"}, {"0", "00"}} {
		r := thing("a", nil)
		r.Revision = pair[0]
		store(t, s, things(), r)
		_, err := s.Apply(t.Context(), []repository.Mutation{check(things(), "a", repository.At(pair[1]))})
		wantKind(t, fmt.Sprintf("Check at %q of a record at %q", pair[1], pair[0]), err, fault.Stale)
		apply(t, s, check(things(), "a", repository.At(pair[0])))
	}
}
