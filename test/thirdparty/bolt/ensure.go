package bolt

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A column is what the file knows about a field: what the values in it depend on.
type column struct {
	Type  string `json:"type"`
	Items string `json:"items,omitempty"`
	Scale int    `json:"scale,omitempty"`
	ID    bool   `json:"id,omitempty"`
}

// columnOf returns the column that the field needs.
func columnOf(c *schema.Collection, position int) column {
	f := &c.Fields[position]
	made := column{Type: f.Type.String(), Scale: f.Scale, ID: position == c.ID}
	if f.Type == record.ListType {
		made.Items = f.Items.String()
	}
	return made
}

// Ensure notes which columns the tables have. Records need no change: a field that
// they lack is null.
func (s *Store) Ensure(ctx context.Context, collections []*schema.Collection) error {
	const op = "bolt.Ensure"
	return s.write(ctx, op, func(tx *bbolt.Tx) error {
		var differences []fault.Place
		owners := map[string]string{}
		for _, c := range collections {
			if !c.Table.Unmanaged {
				if owner, shared := owners[c.TableName()]; shared {
					differences = append(differences, fault.Place{Pointer: c.Name, Code: "table-shared",
						Detail: fmt.Sprintf("the table %s is that of the collection %s already", c.TableName(), owner)})
					continue
				}
				owners[c.TableName()] = c.Name
			}
			more, err := fit(tx, c)
			if err != nil {
				return err
			}
			differences = append(differences, more...)
		}
		if len(differences) == 0 {
			return nil
		}
		return fault.New(fault.Conflict, op, "what is stored does not fit the collections").
			Coded("schema-conflict").At(differences...).Hinting("give a changed field a new name, and copy the records over")
	})
}

// fit makes the table fit the collection, or returns why it cannot.
func fit(tx *bbolt.Tx, c *schema.Collection) ([]fault.Place, error) {
	name, known := []byte(c.TableName()), map[string]column{}
	text := tx.Bucket(columnsBucket).Get(name)
	if text == nil && c.Table.Unmanaged {
		return []fault.Place{{Pointer: c.Name, Code: "missing-table", Detail: "there is no table " + c.TableName()}}, nil
	}
	if text != nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return nil, err
		}
	}
	differences := compare(known, c)
	if len(differences) > 0 || c.Table.Unmanaged {
		return differences, nil
	}
	for i := range c.Fields {
		known[c.Fields[i].Name] = columnOf(c, i)
	}
	text, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Bucket(recordsBucket).CreateBucketIfNotExists(name); err != nil {
		return nil, err
	}
	return nil, tx.Bucket(columnsBucket).Put(name, text)
}

// compare returns where the columns cannot hold the collection's fields.
func compare(known map[string]column, c *schema.Collection) (differences []fault.Place) {
	for i := range c.Fields {
		name := c.Fields[i].Name
		stored, there := known[name]
		want, place := columnOf(c, i), fault.Place{Pointer: c.Name + "/" + name}
		switch {
		case !there && c.Table.Unmanaged:
			place.Code, place.Detail = "missing-field", "the table has no such field, and is not altered"
		case !there && want.ID && len(known) > 0:
			place.Code, place.Detail = "other-id", "what is stored has another id"
		case there && stored != want:
			place.Code, place.Detail = "other-type", fmt.Sprintf("it is stored as %v, not as %v", stored, want)
		default:
			continue
		}
		differences = append(differences, place)
	}
	return differences
}
