// Package record holds what a collection is made of: values, records, rows,
// and the one codec between them and canonical JSON. Start at [Value], then
// [Row] and [Encoder].
package record

// An ID names a record within its collection. It is text whatever the type of
// the id field: an int id is its decimal digits without sign or leading zeros.
type ID string

// A Revision changes with every write of a record. Revisions are opaque and
// compared for equality only; they hold no quote, dot or space.
type Revision string

// A Record is one decoded entry, for where something computes on it. Fields
// has one value for each field of the collection's schema, in its order.
type Record struct {
	ID       ID
	Revision Revision
	Fields   []Value
}

// A Row is what a store returns. JSON is the canonical encoding of the fields
// asked for; Values are, decoded, the fields that the asker needs to decide.
// The receiver owns both.
type Row struct {
	ID       ID
	Revision Revision
	JSON     []byte
	Values   []Value
}

// Limits that every store holds to, because the weakest does.
const (
	MaxIDBytes     = 450       // of UTF-8 in a string id
	MaxRecordBytes = 1_000_000 // of canonical JSON in a record
	MaxDepth       = 64        // of nesting in JSON that is read
	MaxMembers     = 10_000    // of objects and arrays, in total, in JSON that is read
)
