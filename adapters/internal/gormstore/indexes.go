package gormstore

import (
	"context"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// Unserved returns those of the collection's declared indexes that its
// unmanaged table does not have, or cannot use because it stores a field of
// theirs otherwise than it is compared: what is sorted that way is sorted anew
// for every page. Of a managed table it returns none.
func (s *Store) Unserved(ctx context.Context, c *schema.Collection) ([]schema.Index, error) {
	if !c.Table.Unmanaged {
		return nil, nil
	}
	t, err := s.table(ctx, c)
	if err != nil {
		return nil, err
	}
	var existing *Existing
	err = s.engine.Migrate(ctx, func(db *gorm.DB) error {
		existing, err = s.dialect.Describe(db, t.path)
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "Unserved", err)
	}
	var unserved []schema.Index
	for _, index := range c.Indexes {
		served := existing != nil && existing.has(t.keysOf(index))
		for _, key := range index {
			served = served && !t.columns[key.Field].converted
		}
		if !served {
			unserved = append(unserved, index)
		}
	}
	return unserved, nil
}

// keysOf returns a declared index, complete as the orders are that it serves.
func (t *table) keysOf(index schema.Index) Keys {
	order := make([]query.Key, len(index))
	for i, key := range index {
		order[i] = query.Key(key)
	}
	var keys Keys
	for _, key := range query.Complete(order, t.ID) {
		keys.Columns = append(keys.Columns, t.Fields[key.Field].Name)
		keys.Desc = append(keys.Desc, key.Desc)
	}
	_, name := cutLast(t.path)
	for i, column := range keys.Columns {
		name += "_" + column
		if keys.Desc[i] {
			name += "_desc"
		}
	}
	keys.Name = name
	return keys
}

// has reports whether there is an index with the same keys.
func (e *Existing) has(want Keys) bool {
	for _, index := range e.Indexes {
		if index.Partial || index.Folded || index.Unordered || len(index.Columns) < len(want.Columns) {
			continue
		}
		same := true
		for i := range want.Columns {
			same = same && index.Columns[i] == want.Columns[i] && index.Desc[i] == want.Desc[i]
		}
		if same {
			return true
		}
	}
	return false
}
