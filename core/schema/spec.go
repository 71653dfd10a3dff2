package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A Spec describes a collection as a configuration writes it. [New] checks it.
type Spec struct {
	Name    string
	ID      string // the field that is the id; empty puts a generated UUIDv7 called id before the others
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
	Precision, Scale   int // of a decimal, or of the decimals in a list; Precision 0 is 18
	Derive, References string
	Enforce            bool
	Encrypted          bool
	Expand             string // of a reference: what the record is called that it refers to; empty is the name without _id or Id
}

const (
	defaultScan   = 10_000
	maxNameLength = 63
	generatedID   = "id"
)

// New returns the collection that spec describes. What is wrong with spec is
// reported all at once: fault.Invalid with a Place for each mistake, whose
// pointer is the path in the configuration, "fields/price/scale".
//
// That a reference names a collection, and that an expression to derive is
// right, only whoever has all collections can tell.
func New(spec Spec) (*Collection, error) { return build(spec, false) }

// System returns one of the server's own collections, whose name begins with
// an underscore. It is New in all else.
func System(spec Spec) (*Collection, error) { return build(spec, true) }

// A builder makes a collection of a spec and gathers what is wrong with it.
type builder struct {
	*Collection
	places []fault.Place
}

func build(spec Spec, system bool) (*Collection, error) {
	b := &builder{Collection: &Collection{
		Name:      spec.Name,
		Generated: spec.ID == "",
		MaxScan:   spec.MaxScan,
		Table:     spec.Table,
		positions: make(map[string]int, len(spec.Fields)+1),
	}}
	b.checkName(system)
	b.addFields(spec)
	b.checkRelations(spec)
	b.findID(spec)
	b.checkEncrypted()
	for i, keys := range spec.Indexes {
		b.addIndex(i, keys)
	}
	b.checkLimits()
	return b.done()
}

// done returns the collection, or what is wrong with it.
func (b *builder) done() (*Collection, error) {
	if len(b.places) == 0 {
		b.atRest = b.rest()
		return b.Collection, nil
	}
	detail := fmt.Sprintf("the collection %q has %d mistakes", b.Name, len(b.places))
	if len(b.places) == 1 {
		detail = fmt.Sprintf("the collection %q has a mistake: %s", b.Name, b.places[0].Detail)
	}
	return nil, fault.New(fault.Invalid, "schema.New", "%s", detail).Coded("invalid-collection").At(b.places...)
}

func (b *builder) wrong(pointer, code, format string, args ...any) {
	b.places = append(b.places, fault.Place{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

func (b *builder) checkName(system bool) {
	name := b.Name
	switch {
	case slices.Contains(Reserved, name):
		b.wrong("", "reserved-name", "no collection may be called %s, which is a path of the server", name)
	case !system && strings.HasPrefix(name, "_"):
		b.wrong("", "reserved-name", "names that begin with an underscore are the server's own")
	case !collectionName(name, system):
		b.wrong("", "invalid-name", "the name of a collection is a small letter, then small letters, digits, - and _, at most %d in all", maxNameLength)
	}
}

// collectionName reports whether a collection may have the name.
func collectionName(name string, system bool) bool {
	if system {
		var ok bool
		if name, ok = strings.CutPrefix(name, "_"); !ok {
			return false
		}
	}
	return fits(name, "abcdefghijklmnopqrstuvwxyz", "0123456789-_")
}

// fits reports whether name is one of the octets first, then any of these or
// of rest, neither empty nor too long.
func fits(name, first, rest string) bool {
	if name == "" || len(name) > maxNameLength || !strings.Contains(first, name[:1]) {
		return false
	}
	return strings.Trim(name, first+rest) == ""
}

func (b *builder) addFields(spec Spec) {
	lower := map[string]string{}
	if b.Generated {
		lower[generatedID] = generatedID
		b.positions[generatedID] = 0
		b.Fields = append(b.Fields, Field{
			Name: generatedID, Type: record.StringType, Required: true, ReadOnly: true, MaxLength: 36, Format: "uuid",
		})
	}
	for _, f := range spec.Fields {
		pointer := "fields/" + f.Name
		folded := strings.ToLower(f.Name)
		other, taken := lower[folded]
		_, same := b.positions[f.Name]
		switch {
		case same && b.Generated && f.Name == generatedID:
			b.wrong(pointer, "duplicate-name", "a field called id must be named as the id of the collection, with id: id")
			continue
		case same:
			b.wrong(pointer, "duplicate-name", "there are two fields called %s", f.Name)
			continue
		case taken:
			b.wrong(pointer, "duplicate-name", "the name differs from %s in case only, which tables do not tell apart", other)
		case folded == "_rev":
			b.wrong(pointer, "reserved-name", "no field may be called %s, where stores keep the revision", f.Name)
		case !fieldName(f.Name):
			b.wrong(pointer, "invalid-name", "the name of a field is a letter or _, then letters, digits and _, at most %d in all", maxNameLength)
		}
		lower[folded] = f.Name
		b.positions[f.Name] = len(b.Fields)
		b.Fields = append(b.Fields, b.field(pointer, f))
	}
}

func fieldName(name string) bool {
	return fits(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", "0123456789")
}

// findID finds the id field and checks that it may be one.
func (b *builder) findID(spec Spec) {
	if b.Generated {
		return
	}
	i, ok := b.positions[spec.ID]
	if !ok {
		b.wrong("id", "unknown-field", "there is no field %q to be the id%s", spec.ID, nearest(spec.ID, b.names()))
		return
	}
	b.ID = i
	f := &b.Fields[i]
	f.Required = true
	pointer := "fields/" + f.Name
	if f.Type != record.StringType && f.Type != record.IntType {
		b.wrong(pointer+"/type", "invalid-rule", "an id is of type string or int, not %s", f.Type)
	}
	if f.Derive != "" {
		b.wrong(pointer+"/derive", "misplaced-rule", "an id cannot be derived")
	} else if f.ReadOnly {
		b.wrong(pointer+"/readOnly", "misplaced-rule", "an id that is not generated must be writable")
	}
}

func (b *builder) addIndex(i int, keys []string) {
	pointer := "indexes/" + strconv.Itoa(i)
	if len(keys) == 0 {
		b.wrong(pointer, "invalid-rule", "an index has at least one field")
	}
	var index Index
	for j, text := range keys {
		at := pointer + "/" + strconv.Itoa(j)
		words := strings.Fields(text)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
			b.wrong(at, "invalid-rule", "the key of an index is a field, then asc or desc if need be, not %q", text)
			continue
		}
		position, ok := b.positions[words[0]]
		switch {
		case !ok:
			b.wrong(at, "unknown-field", "there is no field %q%s", words[0], nearest(words[0], b.names()))
		case b.Fields[position].Encrypted:
			b.wrong(at, "encrypted-field", "the field %s is encrypted, so no index can have it", words[0])
		case !b.Fields[position].Sortable():
			b.wrong(at, "invalid-rule", "a field of type %s has no order to be indexed by", b.Fields[position].Type)
		case slices.ContainsFunc(index, func(k IndexKey) bool { return k.Field == position }):
			b.wrong(at, "invalid-rule", "the field %s is in the index twice", words[0])
		}
		index = append(index, IndexKey{Field: position, Desc: len(words) == 2 && words[1] == "desc"})
	}
	b.Indexes = append(b.Indexes, index)
}

func (b *builder) checkLimits() {
	switch {
	case b.MaxScan < 0:
		b.wrong("max_scan", "invalid-rule", "max_scan is a number of rows, at least 1")
	case b.MaxScan == 0:
		b.MaxScan = defaultScan
	}
	if b.Table.Revision != "" && !b.Table.Unmanaged {
		b.wrong("table/revision", "misplaced-rule", "only a table with managed: false has a revision column of its own")
	}
	if name := b.Table.Name; name != "" {
		for part := range strings.SplitSeq(name, ".") {
			if part == "" || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				b.wrong("table/name", "invalid-name", "%q is not the name of a table", name)
				break
			}
		}
	}
}

// names returns the names of all fields.
func (c *Collection) names() []string { return c.Names(c.All()) }

// nearest returns the end of a sentence that offers the candidate nearest to
// name and tells what is allowed.
func nearest(name string, candidates []string) string {
	const most = 40 // names that a sentence can bear
	text := ""
	if near := fault.Nearest(name, candidates); near != "" {
		text = "; did you mean " + near + "?"
	}
	if len(candidates) == 0 || len(candidates) > most {
		return text
	}
	return text + " (there are " + strings.Join(candidates, ", ") + ")"
}
