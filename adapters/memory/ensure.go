package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Ensure implements repository.Store.
func (s *Store) Ensure(ctx context.Context, collections []*schema.Collection) error {
	const op = "memory.Ensure"
	return s.write(ctx, op, func(e *edit) error {
		var differences []fault.Place
		owners := make(map[string]string, len(collections))
		for _, c := range collections {
			name := c.TableName()
			owner, shared := owners[name]
			switch {
			case shared && !c.Table.Unmanaged:
				differences = append(differences, fault.Place{Pointer: c.Name, Code: "table-shared",
					Detail: fmt.Sprintf("the table %s is that of the collection %s already", name, owner)})
				continue
			case !c.Table.Unmanaged:
				owners[name] = c.Name
			}
			differences = append(differences, e.ensure(c)...)
		}
		if len(differences) == 0 {
			return nil
		}
		return fault.New(fault.Conflict, op, "what is stored does not fit the collections").
			Coded("schema-conflict").At(differences...).
			Hinting("give a changed field a new name, and copy the records over")
	})
}

// ensure makes the table of the collection fit it, or returns why it cannot.
func (e *edit) ensure(c *schema.Collection) []fault.Place {
	name := c.TableName()
	if e.tables[name] == nil {
		if c.Table.Unmanaged {
			return []fault.Place{{Pointer: c.Name, Code: "missing-table", Detail: "there is no table " + name}}
		}
		t := &table{columns: slices.Clone(c.Fields), id: c.ID}
		e.tables[name], e.owned[t] = t, true
		t.addIndex(e, []query.Key{{Field: c.ID}})
	}
	missing, differences := compareColumns(e.tables[name], c)
	if len(differences) > 0 || c.Table.Unmanaged {
		return differences
	}
	t := e.own(name)
	if len(missing) > 0 {
		t.addColumns(e, missing)
	}
	l, _ := newLens("memory.Ensure", t, c) // every column is there now
	for _, keys := range c.TableIndexes() {
		order := make([]query.Key, len(keys))
		for i, key := range keys {
			order[i] = query.Key(key)
		}
		t.addIndex(e, l.order(query.Complete(order, c.ID)))
	}
	return nil
}

// compareColumns returns the fields that t lacks, and where it cannot hold the
// collection's.
func compareColumns(t *table, c *schema.Collection) (missing []schema.Field, differences []fault.Place) {
	differ := func(f *schema.Field, code, format string, args ...any) {
		differences = append(differences, fault.Place{
			Pointer: c.Name + "/" + f.Name, Code: code, Detail: fmt.Sprintf(format, args...),
		})
	}
	if id, stored := c.IDField(), t.columns[t.id].Name; id.Name != stored {
		differ(id, "other-id", "what is stored has the id %s", stored)
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		at := t.column(f.Name)
		switch {
		case at < 0 && c.Table.Unmanaged:
			differ(f, "missing-field", "the table has no such field, and is not altered")
		case at < 0:
			missing = append(missing, *f)
		case f.Type != t.columns[at].Type:
			differ(f, "other-type", "it is stored as %s, not as %s", t.columns[at].Type, f.Type)
		case f.Items != t.columns[at].Items:
			differ(f, "other-type", "it is stored as a list of %s, not of %s", t.columns[at].Items, f.Items)
		case f.Scale != t.columns[at].Scale:
			differ(f, "other-scale", "it is stored with a scale of %d, not of %d", t.columns[at].Scale, f.Scale)
		}
	}
	return missing, differences
}

// addColumns adds columns that are null in every record.
func (t *table) addColumns(owner *edit, fields []schema.Field) {
	t.columns = slices.Concat(t.columns, fields)
	wider := make([]*entry, 0, t.size())
	byID := t.indexes[0]
	for e := range byID.between(place{}, byID.end()) {
		values := make([]record.Value, len(t.columns))
		copy(values, e.fields)
		wider = append(wider, &entry{e.id, e.revision, values})
	}
	indexes := t.indexes
	t.indexes = []index{{newSorted(owner, wider), byID.order}}
	for _, x := range indexes[1:] {
		t.addIndex(owner, x.order)
	}
}
