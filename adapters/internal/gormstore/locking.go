package gormstore

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// lockingOrder returns the positions of the mutations in an order that all batches
// have in common, so that two of them do not lock each other's records.
func lockingOrder(tables []*table, batch []repository.Mutation) []int {
	order := make([]int, len(batch))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(tables[a].path, tables[b].path), cmp.Compare(batch[a].ID, batch[b].ID))
	})
	return order
}

// sendingOrder returns the positions of the mutations in the order in which they are
// sent, which is theirs but for this: writes of one table that stand side by side are
// sent by their ids, because what is absent cannot be locked before it is inserted. A
// Check stays where it is, as it may be about what was written before it, and so do
// writes of an unmanaged table, in which a foreign key may want one before another.
func sendingOrder(tables []*table, batch []repository.Mutation) []int {
	order := make([]int, len(batch))
	for i := range order {
		order[i] = i
	}
	for from, to := 0, 0; from < len(order); from = to {
		to = from + 1
		if batch[from].Op == repository.Check || tables[from].own() {
			continue
		}
		for to < len(order) && batch[to].Op != repository.Check && tables[to] == tables[from] {
			to++
		}
		slices.SortStableFunc(order[from:to], func(a, b int) int { return cmp.Compare(batch[a].ID, batch[b].ID) })
	}
	return order
}

// A target is a record of a table.
type target struct {
	table *table
	id    record.ID
}
