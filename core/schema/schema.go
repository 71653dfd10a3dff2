// Package schema says what a collection is: its fields, their types and rules,
// and how a record of it is checked and decoded. Start at [Collection].
package schema

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"

	"github.com/portolan-io/portolan/core/record"
)

// A Collection is a named, typed set of records. It is built by [New] and
// immutable from then on; it is compared by pointer.
type Collection struct {
	Name      string
	Fields    []Field // in declared order; the id is one of them
	ID        int     // the position of the id field in Fields
	Generated bool    // the id is a UUIDv7 that the server makes
	Indexes   []Index
	MaxScan   int // rows that one page may read when the store cannot filter
	Table     Table
	Base      *Collection // of a view: the collection whose records it shows; see View
	From      []int       // of a view: by field, the position in Base

	positions map[string]int
	atRest    *Collection // see AtRest; nil is the collection itself
	sealed    []int       // of one at rest: the encrypted fields, in the order of the last fields, which hold their values
}

// A Field is one named, typed part of a record, with the rules for its values.
type Field struct {
	Name       string
	Type       record.Type
	Items      record.Type  // of a list: the type of its items
	Required   bool         // null is refused
	ReadOnly   bool         // set by the server alone
	MaxLength  int          // characters of a string, octets of bytes, items of a list; 0 is no limit
	Min, Max   record.Value // bounds of a number or time, both included; null is no bound
	Format     string       // of a string: uri, email, uuid or date
	Enum       []string     // of a string: the values allowed, if any
	Precision  int          // of a decimal: digits in all, at most 18
	Scale      int          // of a decimal: digits behind the point
	Derive     string       // the expression that computes it on each write, or empty
	References string       // the collection whose id it holds, or empty
	Enforce    bool         // the reference is checked on write, and the referenced record kept
	Encrypted  bool         // stores are given it encrypted alone; see AtRest
	Relation   string       // what the record that it refers to is called, where that is shown; or empty
}

// An Index is a declared index over some fields, in this order.
type Index []IndexKey

// An IndexKey is one field of an index.
type IndexKey struct {
	Field int // position in Collection.Fields
	Desc  bool
}

// A Table says which table of a store holds a collection. The zero Table is a
// managed one with the collection's name.
type Table struct {
	Name      string // may be qualified, amazon.products; empty is the collection's name
	Unmanaged bool   // it existed before, and is never altered
	Revision  string // of an unmanaged table: the column that changes with each write, or empty

	// RevisionKey keys the revisions of an unmanaged table without such a column, which are
	// made of the whole record: who sees them could else try what the fields are that he does
	// not see. Empty keys nothing.
	RevisionKey []byte
}

// Digest returns 32 octets of which the revision of a record is made whose content it is.
func (t *Table) Digest(content []byte) []byte {
	if len(t.RevisionKey) == 0 {
		sum := sha256.Sum256(content)
		return sum[:]
	}
	mac := hmac.New(sha256.New, t.RevisionKey)
	mac.Write(content) // which never fails
	return mac.Sum(nil)
}

// Position returns where in Fields the field of the given name is.
func (c *Collection) Position(name string) (int, bool) {
	i, ok := c.positions[name]
	return i, ok
}

// TableName returns the name of the table that holds the collection, perhaps
// qualified.
func (c *Collection) TableName() string {
	if c.Table.Name != "" {
		return c.Table.Name
	}
	return c.Name
}

// TableIndexes returns the indexes of a managed table: the declared ones, and one
// for each enforced reference with which none of these begins, because deleting
// what it refers to looks for who does. The caller must not change them.
func (c *Collection) TableIndexes() []Index {
	indexes := slices.Clip(c.Indexes)
	for i := range c.Fields {
		begins := func(index Index) bool { return index[0].Field == i }
		if c.Fields[i].Enforce && i != c.ID && !slices.ContainsFunc(c.Indexes, begins) {
			indexes = append(indexes, Index{{Field: i}})
		}
	}
	return indexes
}

// IDField returns the field that is the id.
func (c *Collection) IDField() *Field { return &c.Fields[c.ID] }

// Names returns the names of the fields at the given positions.
func (c *Collection) Names(positions []int) []string {
	names := make([]string, len(positions))
	for i, p := range positions {
		names[i] = c.Fields[p].Name
	}
	return names
}

// All returns the positions of all fields.
func (c *Collection) All() []int {
	positions := make([]int, len(c.Fields))
	for i := range positions {
		positions[i] = i
	}
	return positions
}

// System reports whether the collection is the server's own, never reachable
// from outside.
func (c *Collection) System() bool { return c.Name[0] == '_' }

// Reserved are names that no collection may have: the paths of the server.
var Reserved = []string{"jobs", "auth", "consents", "subjects", "openapi.json", "docs"}

// sortable reports whether values of t have an order that a query may ask for.
func sortable(t record.Type) bool {
	return !slices.Contains([]record.Type{record.JSONType, record.ListType, record.BytesType}, t)
}

// Sortable reports whether records may be ordered and compared by the field.
func (f *Field) Sortable() bool { return sortable(f.Type) && !f.Encrypted }
