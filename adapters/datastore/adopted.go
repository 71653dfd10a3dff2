package datastore

import (
	"math"
	"slices"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// unmanaged returns those of the collections that are.
func unmanaged(collections []*schema.Collection) []*schema.Collection {
	return slices.DeleteFunc(slices.Clone(collections), func(c *schema.Collection) bool { return !c.Table.Unmanaged })
}

// seen compares an unmanaged collection with its kind, which it may be the first to see.
func (s *Store) seen(v snapshot, made *comparison, c *schema.Collection) (_ []fault.Place, err error) {
	kind := c.TableName()
	if made.stored[kind] == nil {
		if made.stored[kind], err = s.adopted(v, c); err != nil {
			return nil, err
		}
		made.changed[kind] = made.stored[kind] != nil
	}
	if entry := made.stored[kind]; entry != nil && entry.Foreign {
		return s.foreignTo(v, c)
	}
	return made.stored[kind].seenBy(c), nil
}

// any reports whether there is an entity of the kind.
func (s *Store) any(v snapshot, kind string) (bool, error) {
	return s.found(v, datastore.NewQuery(kind))
}

func (s *Store) found(v snapshot, q *datastore.Query) (bool, error) {
	keys, err := s.client.GetAll(v.ctx, q.Namespace(s.cfg.Namespace).Transaction(v.tx).KeysOnly().Limit(1), nil)
	return len(keys) > 0, err
}

// adopted returns the entry of a kind that another program made; nil if there is none.
func (s *Store) adopted(v snapshot, c *schema.Collection) (*kindEntry, error) {
	kind := c.TableName()
	if reserved(kind) || kind == columnsKind || kind == progressKind {
		return nil, nil
	}
	there, err := s.any(v, kind)
	if err != nil || !there {
		return nil, err
	}
	return &kindEntry{Foreign: true}, nil
}

// foreignTo returns where a collection cannot see a kind that another program made. What
// its properties are, only each entity tells.
func (s *Store) foreignTo(v snapshot, c *schema.Collection) (differences []fault.Place, err error) {
	differ := func(pointer, code, detail string) {
		differences = append(differences, fault.Place{Pointer: pointer, Code: code, Detail: detail})
	}
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Type == record.DecimalType || f.Items == record.DecimalType {
			differ(c.Name+"/"+f.Name, "other-type", "a kind that another program made has no decimals; make it a float, or an int")
		}
	}
	if c.Table.Revision != "" {
		differ(c.Name, "no-revision", "no property is the revision of a kind: leave revision out, and the hash of all properties serves")
	}
	last := datastore.IDKey(c.TableName(), math.MaxInt64, nil) // names come behind all numbers
	last.Namespace = s.cfg.Namespace
	op, have := "<=", "a number"
	if c.IDField().Type == record.IntType {
		op, have = ">", "a name"
	}
	others, err := s.found(v, datastore.NewQuery(c.TableName()).FilterField("__key__", op, last))
	if err != nil {
		return nil, err
	}
	if others {
		differ(c.Name+"/"+c.IDField().Name, "other-type", "the kind has a key that is "+have+", which is no "+c.IDField().Type.String())
	}
	return differences, nil
}
