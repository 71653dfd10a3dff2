package datastore

import (
	"encoding/json"
	"errors"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/schema"
)

// columnsKind is the kind in which the store keeps what the others hold: an entity
// for each, whose name is that of the kind. Datastore itself knows no columns.
const columnsKind = "_portolan_columns"

// A column is what all entities of a kind have a property for.
type column struct {
	Type    string `json:"type"`
	Items   string `json:"items,omitempty"`
	Scale   int    `json:"scale,omitempty"`
	Indexed bool   `json:"indexed,omitempty"`

	// Filling says that entities from before are still given the property, or its
	// index.
	Filling bool `json:"filling,omitempty"`
}

// columns are those of a kind, by name. The id is not among them: it is the key.
type columns map[string]column

// A kindEntry is the entity of columnsKind that speaks of one kind.
type kindEntry struct {
	ID      string // the name of the id
	IDType  string
	columns columns

	// Foreign says that another program made the kind. It is noted when there is an
	// entity, as a kind without any cannot be told from one that nobody made.
	Foreign bool
}

// Load reads the properties.
func (k *kindEntry) Load(properties []datastore.Property) error {
	for _, p := range properties {
		text, _ := p.Value.(string)
		switch p.Name {
		case "foreign":
			k.Foreign, _ = p.Value.(bool)
		case "id":
			k.ID = text
		case "id_type":
			k.IDType = text
		case "columns":
			k.columns = columns{}
			if err := json.Unmarshal([]byte(text), &k.columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// Save writes the properties.
func (k *kindEntry) Save() ([]datastore.Property, error) {
	text, err := json.Marshal(k.columns)
	return []datastore.Property{
		{Name: "id", Value: k.ID, NoIndex: true},
		{Name: "id_type", Value: k.IDType, NoIndex: true},
		{Name: "columns", Value: string(text), NoIndex: true},
		{Name: "foreign", Value: k.Foreign, NoIndex: true},
	}, err
}

// newEntry returns the entry of a kind that only has its id.
func newEntry(c *schema.Collection) *kindEntry {
	return &kindEntry{ID: c.IDField().Name, IDType: c.IDField().Type.String(), columns: columns{}}
}

// columnOf returns the column that the field at the position needs.
func columnOf(c *schema.Collection, position int) column {
	f := &c.Fields[position]
	made := column{Type: f.Type.String(), Scale: f.Scale, Indexed: indexed(c, position)}
	if f.Items != 0 {
		made.Items = f.Items.String()
	}
	return made
}

// filling reports whether entities from before have still to be given something.
func (c columns) filling() bool {
	for _, column := range c {
		if column.Filling {
			return true
		}
	}
	return false
}

// entries reads the entries of the kinds within the transaction; those of kinds that
// there are none of are nil.
func (s *Store) entries(tx *datastore.Transaction, kinds []string) ([]*kindEntry, error) {
	keys, found := make([]*datastore.Key, len(kinds)), make([]kindEntry, len(kinds))
	for i, kind := range kinds {
		keys[i] = s.key(columnsKind, kind)
	}
	entries := make([]*kindEntry, len(kinds))
	err := tx.GetMulti(keys, found)
	var each datastore.MultiError
	if err != nil && !errors.As(err, &each) {
		return nil, err
	}
	for i := range found {
		switch {
		case each == nil || each[i] == nil:
			entries[i] = &found[i]
		case !errors.Is(each[i], datastore.ErrNoSuchEntity):
			return nil, each[i]
		}
	}
	return entries, nil
}
