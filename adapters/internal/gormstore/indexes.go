package gormstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

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
	parts := make([]string, len(keys.Columns))
	for i, column := range keys.Columns {
		parts[i] = column
		if keys.Desc[i] {
			parts[i] += " desc"
		}
		name += "_" + strings.ReplaceAll(parts[i], " ", "_")
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{t.path}, parts...), "\x00")))
	keys.Name = name + "_" + hex.EncodeToString(sum[:NameHash])
	return keys
}

// NameHash is how many octets of a hash, each in two digits, the name of an index
// ends in: that of user over address_city begins as that of user_address over city.
const NameHash = 4

// named objects to the indexes to be made whose names are taken: by what is there, or
// by a table that is to be made.
func (m *migration) named() error {
	for _, index := range m.made {
		path := index.table.path
		_, name := cutLast(m.dialect.IndexName(path, index.keys.Name))
		taken := false
		for other := range m.taken {
			_, table := cutLast(other)
			taken = taken || strings.EqualFold(table, name)
		}
		if !taken && m.dialect.Taken != nil {
			var err error
			if taken, err = m.dialect.Taken(m.db, path, name); err != nil {
				return err
			}
		}
		if taken {
			m.object(index.table.Collection, "", "index-name-taken", "the index of %s over %s is to be called %s, and something else is called so",
				path, strings.Join(index.keys.Columns, ", "), name)
		}
	}
	return nil
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
