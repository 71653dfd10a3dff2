package repositorytest

import (
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// concurrentReferences deletes a record, if none refers to it, while others are stored
// that do, if it is there. Whoever comes first, none refers to nothing afterwards, and
// somebody succeeds.
func concurrentReferences(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	ctx := t.Context()
	for round := range 40 {
		id := int64(round + 1)
		apply(t, s, put(numbers(), number(id, "referred to")))
		refer := eq(fieldInt, record.Int(id))
		succeeded := make([]bool, 4)
		for err := range gather(len(succeeded), func(i int) error {
			batch := []repository.Mutation{
				put(things(), thing(fmt.Sprint("refers", round, "-", i), set{fieldInt: record.Int(id)})),
				check(numbers(), number(id, "").ID, repository.Present),
			}
			if i == 0 {
				batch = []repository.Mutation{
					remove(numbers(), number(id, "").ID, repository.Present),
					{Op: repository.Check, Collection: things(), NoneOf: &refer},
				}
			}
			_, err := s.Apply(ctx, batch)
			succeeded[i] = err == nil
			return err
		}) {
			var failed *repository.BatchError
			if err != nil && !errors.Is(err, fault.Unavailable) && !errors.As(err, &failed) {
				t.Errorf("round %d: %v, want a *BatchError", round, err)
			}
		}
		left := get(t, s, numbers(), number(id, "").ID)
		page, err := find(ctx, s, query.Query{View: everything(things(), refer), Order: byID(things()), Limit: 10})
		if err != nil {
			t.Fatalf("Find of what refers to it: %v", err)
		}
		if len(left) == 0 && len(page.Rows) > 0 || len(left) == 0 != succeeded[0] {
			t.Fatalf("round %d: the deletion succeeded: %t; %d records are left of the one, and %d refer to it", round, succeeded[0], len(left), len(page.Rows))
		}
		if len(page.Rows) == 0 && !succeeded[0] {
			t.Fatalf("round %d: neither the deletion nor any reference was stored", round)
		}
	}
}
