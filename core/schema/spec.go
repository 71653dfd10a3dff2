package schema

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A Spec describes a collection as a configuration writes it. [New] checks it.
type Spec struct {
	Name    string
	ID      string // the field that is the id; empty puts a generated UUIDv7 "id" before the others
	Fields  []FieldSpec
	Indexes [][]string // each key a field, "stars", or "stars desc"
	MaxScan int        // rows that one page may read; 0 is 10,000
	Table   Table
}

// A FieldSpec describes a field as a configuration writes it.
type FieldSpec struct {
	Name, Type         string
	Items              string // of a list: the type of its items
	Required, ReadOnly bool
	Min, Max           string // as written; Max of a string, bytes or a list is its length
	Format             string // of a string: uri, email, uuid or date
	Enum               []string
	Precision, Scale   int // of a decimal, or a list of them; Precision 0 is 18
	Derive, References string
	Enforce            bool
}

// New returns the collection that spec describes.
func New(spec Spec) (*Collection, error) { return nil, unready }

// System returns one of the server's own collections.
func System(spec Spec) (*Collection, error) { return nil, unready }

var unready = fault.New(fault.Unsupported, "schema", "not yet")

// Decode returns the values of a new record.
func (c *Collection) Decode(body []byte, hidden, readOnly []bool) ([]record.Value, error) {
	return nil, unready
}

// Restore decodes a record as it was exported: every field may be given, those
// included that only the server sets.
func (c *Collection) Restore(body []byte) ([]record.Value, error) { return nil, unready }

// Merge applies a JSON merge patch (RFC 7396).
func (c *Collection) Merge(current []record.Value, patch []byte, hidden, readOnly []bool) ([]record.Value, error) {
	return nil, unready
}

// Check returns what of fields breaks the rules.
func (c *Collection) Check(fields []record.Value) []fault.Place { return nil }

// ParseID returns the id that text writes.
func (c *Collection) ParseID(text string) (record.ID, error) { return "", unready }

// IDOf returns the id of a record with the given fields.
func (c *Collection) IDOf(fields []record.Value) (record.ID, error) { return "", unready }

// IDValue returns the value of the id field of the record with the given id.
func (c *Collection) IDValue(id record.ID) record.Value { return record.String(string(id)) }

// FromText returns the value that text writes.
func (f *Field) FromText(text string) (record.Value, error) { return record.Null, unready }

// FromJSON returns the value that JSON text writes.
func (f *Field) FromJSON(raw []byte) (record.Value, error) { return record.Null, unready }
