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

// A target is a record of a table.
type target struct {
	table *table
	id    record.ID
}
