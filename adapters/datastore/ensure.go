package datastore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

// Ensure notes which columns the kinds have, and gives those that are new to the
// entities from before: without the property, no index would know of them. It may be
// stopped in between; whoever calls it again goes on where it was.
func (s *Store) Ensure(ctx context.Context, collections []*schema.Collection) error {
	const op = "datastore.Ensure"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	var made *comparison
	err := s.write(ctx, op, func(v snapshot) (err error) {
		if made, err = s.compared(v, op, collections); err != nil {
			return err
		}
		for kind := range made.changed {
			if _, err := v.tx.Put(s.key(columnsKind, kind), made.stored[kind]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range made.managed {
		if made.stored[c.TableName()].columns.filling() {
			if err := s.fill(ctx, op, c, made.stored[c.TableName()].columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check returns the error that Ensure would, and changes nothing.
func (s *Store) Check(ctx context.Context, collections []*schema.Collection) error {
	const op = "datastore.Check"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	return s.read(ctx, op, func(v snapshot) error {
		_, err := s.compared(v, op, collections)
		return err
	})
}

// A comparison is of kinds with collections that fit them.
type comparison struct {
	managed []*schema.Collection
	stored  map[string]*kindEntry // by kind, with what the collections add
	changed map[string]bool       // kinds to which they add something
}

// compared compares what the kinds hold with the collections, and returns
// fault.Conflict if these do not fit.
func (s *Store) compared(v snapshot, op string, collections []*schema.Collection) (*comparison, error) {
	managed, differences := shared(collections)
	kinds := make([]string, 0, len(collections))
	for _, c := range collections {
		kinds = append(kinds, c.TableName())
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	found, err := s.entries(v.tx, kinds)
	if err != nil {
		return nil, err
	}
	made := &comparison{managed: managed, stored: map[string]*kindEntry{}, changed: map[string]bool{}}
	for i, kind := range kinds {
		made.stored[kind] = found[i]
	}
	for _, c := range slices.Concat(managed, unmanaged(collections)) {
		look := s.owned
		if c.Table.Unmanaged {
			look = s.seen
		}
		more, err := look(v, made, c)
		if err != nil {
			return nil, err
		}
		differences = append(differences, more...)
	}
	if len(differences) > 0 {
		return nil, fault.New(fault.Conflict, op, "what is stored does not fit the collections").
			Coded("schema-conflict").At(differences...).
			Hinting("give a changed field a new name, and copy the records over")
	}
	maps.DeleteFunc(made.changed, func(_ string, changed bool) bool { return !changed })
	return made, nil
}

// owned compares a managed collection with its kind, to which it is added.
func (s *Store) owned(v snapshot, made *comparison, c *schema.Collection) ([]fault.Place, error) {
	kind := c.TableName()
	entry := made.stored[kind]
	if entry == nil || entry.Foreign {
		taken, err := entry != nil, error(nil)
		if !taken {
			taken, err = s.any(v, kind)
		}
		if taken || err != nil {
			return []fault.Place{{Pointer: c.Name, Code: "foreign-kind",
				Detail: fmt.Sprintf("the kind %s has entities that Portolan has not made; with table: {managed: false} they are served as they are", kind)}}, err
		}
		made.stored[kind], made.changed[kind] = newEntry(c), true
		made.stored[kind].add(c, false)
		return nil, nil
	}
	differences := entry.compare(c) // before what differs is added
	made.changed[kind] = entry.add(c, true)
	return differences, nil
}

// shared returns the managed collections, and a place for each whose kind is that of
// another one.
func shared(collections []*schema.Collection) (managed []*schema.Collection, differences []fault.Place) {
	owners := map[string]string{}
	for _, c := range collections {
		if c.Table.Unmanaged {
			continue
		}
		if owner, taken := owners[c.TableName()]; taken {
			differences = append(differences, fault.Place{Pointer: c.Name, Code: "table-shared",
				Detail: fmt.Sprintf("the kind %s is that of the collection %s already", c.TableName(), owner)})
			continue
		}
		owners[c.TableName()] = c.Name
		managed = append(managed, c)
		if kind := c.TableName(); reserved(kind) || kind == columnsKind || kind == progressKind {
			differences = append(differences, fault.Place{Pointer: c.Name, Code: "reserved-name", Detail: "no kind can be called " + kind})
		}
		for i := range c.Fields {
			if name := c.Fields[i].Name; reserved(name) {
				differences = append(differences, fault.Place{Pointer: c.Name + "/" + name, Code: "reserved-name",
					Detail: "Datastore keeps names for itself that begin and end with two underscores"})
			}
		}
	}
	return managed, differences
}

// compare returns where the kind cannot hold the collection.
func (k *kindEntry) compare(c *schema.Collection) (differences []fault.Place) {
	differ := func(f *schema.Field, code, format string, args ...any) {
		differences = append(differences, fault.Place{Pointer: c.Name + "/" + f.Name, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	if id := c.IDField(); k.ID != id.Name {
		differ(id, "other-id", "what is stored has the id %s", k.ID)
	} else if k.IDType != id.Type.String() {
		differ(id, "other-type", "it is stored as %s, not as %s", k.IDType, id.Type)
	}
	for i := range c.Fields {
		f, wanted := &c.Fields[i], columnOf(c, i)
		stored, known := k.columns[f.Name]
		switch {
		case !known || i == c.ID:
		case stored.Type != wanted.Type:
			differ(f, "other-type", "it is stored as %s, not as %s", stored.Type, wanted.Type)
		case stored.Items != wanted.Items:
			differ(f, "other-type", "it is stored as a list of %s, not of %s", stored.Items, wanted.Items)
		case stored.Scale != wanted.Scale:
			differ(f, "other-scale", "it is stored with a scale of %d, not of %d", stored.Scale, wanted.Scale)
		}
	}
	return differences
}

// add adds what the kind lacks of the collection, which has to be filled in if there
// are entities from before.
func (k *kindEntry) add(c *schema.Collection, fill bool) (added bool) {
	for i := range c.Fields {
		name, wanted := c.Fields[i].Name, columnOf(c, i)
		if stored, known := k.columns[name]; i == c.ID || known && (stored.Indexed || !wanted.Indexed) {
			continue // an index stays: servers of another version may use it
		}
		wanted.Filling = fill
		k.columns[name] = wanted
		added = true
	}
	return added
}

// seenBy returns what an unmanaged collection does not find.
func (k *kindEntry) seenBy(c *schema.Collection) (differences []fault.Place) {
	if k == nil {
		return []fault.Place{{Pointer: c.Name, Code: "missing-table", Detail: "there is no entity of the kind " + c.TableName()}}
	}
	for i := range c.Fields {
		if _, known := k.columns[c.Fields[i].Name]; !known && i != c.ID {
			differences = append(differences, fault.Place{Pointer: c.Name + "/" + c.Fields[i].Name, Code: "missing-field",
				Detail: "the kind has no such field, and is not altered"})
		}
	}
	return append(differences, k.compare(c)...)
}
