package repositorytest

import (
	"fmt"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var outcomeCases = []Case{
	{Name: "Outcome/Table", Clause: quotes(
		"Apply returns one outcome for each mutation.",
		"An Outcome says what a mutation met and left.",
		"as it was before; empty if the record did not exist",
		"of Needs, as they were before; nil if the record did not exist",
		"as it is now; empty if there is no such record",
		"Put: the revision that the record gets, unless its table makes its own",
		"positions of the fields whose values, as they were, are wanted"), Run: outcomeTable},
	{Name: "Outcome/Needs", Clause: "of Needs, as they were before; nil if the record did not exist", Run: outcomeNeeds},
	{Name: "Outcome/InBatch", Clause: "Apply returns one outcome for each mutation.", Run: outcomeInBatch},
}

// outcomeText shows all of an outcome.
func outcomeText(o repository.Outcome) string {
	return fmt.Sprintf("existed %t, was %q %s, is %q", o.Existed, o.Was, valuesText(o.Values), o.Revision)
}

func outcomeTexts(outcomes []repository.Outcome) []string {
	texts := make([]string, len(outcomes))
	for i, o := range outcomes {
		texts[i] = outcomeText(o)
	}
	return texts
}

func outcomeTable(t T, s repository.Store) {
	old := thing("a", set{fieldInt: record.Int(7), fieldText: record.String("was")})
	next := revised(old, "r2", set{fieldInt: record.Int(8), fieldText: record.String("is")})
	needs := []int{fieldText, fieldInt}
	for _, tt := range []struct {
		name   string
		op     repository.Op
		exists bool
		want   repository.Outcome
	}{
		{"Put of a new record", repository.Put, false, repository.Outcome{Revision: "r2"}},
		{"Put over a record", repository.Put, true, repository.Outcome{Existed: true, Was: "r1", Values: pick(old.Fields, needs), Revision: "r2"}},
		{"Delete of nothing", repository.Delete, false, repository.Outcome{}},
		{"Delete of a record", repository.Delete, true, repository.Outcome{Existed: true, Was: "r1", Values: pick(old.Fields, needs)}},
		{"Check of nothing", repository.Check, false, repository.Outcome{}},
		{"Check of a record", repository.Check, true, repository.Outcome{Existed: true, Was: "r1", Values: pick(old.Fields, needs), Revision: "r1"}},
	} {
		ensure(t, s, things())
		apply(t, s, remove(things(), "a", repository.Always))
		if tt.exists {
			apply(t, s, put(things(), old))
		}
		m := put(things(), next)
		m.Op, m.Needs = tt.op, needs
		got := apply(t, s, m)[0]
		if outcomeText(got) != outcomeText(tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, outcomeText(got), outcomeText(tt.want))
		}
		if !tt.exists && got.Values != nil {
			t.Errorf("%s has Values, want nil", tt.name)
		}
		rows := get(t, s, things(), "a")
		if len(rows) == 1 && rows[0].Revision != got.Revision || (len(rows) == 1) != (got.Revision != "") {
			t.Errorf("%s says that the revision is %q, and Get found %d rows", tt.name, got.Revision, len(rows))
		}
	}
}

// outcomeNeeds wants values of every type as they were.
func outcomeNeeds(t T, s repository.Store) {
	old := full("a")
	ensure(t, s, things())
	for _, needs := range [][]int{things().All(), {fieldJSON}, {fieldLong, fieldID, fieldTime}, {}} {
		for _, op := range []repository.Op{repository.Put, repository.Delete, repository.Check} {
			apply(t, s, put(things(), old))
			m := put(things(), revised(thing("a", nil), "r2", nil))
			m.Op, m.Needs = op, needs
			got := apply(t, s, m)[0]
			if want := valuesText(pick(old.Fields, needs)); valuesText(got.Values) != want {
				t.Errorf("operation %d with Needs %v gives the values\n%s, want\n%s", op, needs, valuesText(got.Values), want)
			}
		}
	}
}

// outcomeInBatch has many mutations, each with another outcome.
func outcomeInBatch(t T, s repository.Store) {
	records := numbered(20)
	store(t, s, things(), records[:10]...)
	var batch []repository.Mutation
	var want []repository.Outcome
	for i, r := range records {
		m := put(things(), revised(r, "r2", set{fieldInt: record.Int(-1)}))
		m.Op, m.Needs = repository.Op(i%3), []int{fieldInt, fieldID}
		o := repository.Outcome{Existed: i < 10}
		if o.Existed {
			o.Was, o.Values = "r1", pick(r.Fields, m.Needs)
		}
		switch m.Op {
		case repository.Put:
			o.Revision = "r2"
		case repository.Check:
			o.Revision = o.Was
		}
		batch, want = append(batch, m), append(want, o)
	}
	wantTexts(t, "outcomes of a batch", outcomeTexts(apply(t, s, batch...)), outcomeTexts(want))
}
