package gormstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// revisionColumn holds the revision in managed tables. No field may be called
// so.
const revisionColumn = "_rev"

// A table is where a collection is kept. It is immutable but for its plans.
type table struct {
	*schema.Collection
	dialect  *Dialect
	path     string // its name, perhaps qualified, not quoted
	name     string // quoted
	columns  []column
	revision string               // the expression that reads the revision; empty if the hash of the record serves
	stored   string               // the quoted column that a write puts the revision in, or empty
	counted  string               // the quoted column of revisions that a write counts up, or empty
	begun    bool                 // and that an insert must begin, because nothing else does
	whole    *record.Encoder      // of all fields, for the hash
	key      string               // the expression by which ids are looked up
	seek     string               // and that by which an index finds them, if the key is another; or empty
	sought   string               // the template of what seek is compared with
	valid    func(id string) bool // which ids a record can have; nil if all
	plans    plans
}

// A column is where a field is kept.
type column struct {
	name      string // quoted
	read      string // the expression that is selected, compared and sorted by
	write     string // a template with {v}
	same      string // the expression that is compared for equality
	operand   string // a template with {v}, of what is compared with either
	converted bool   // read is no column, so that no index serves it
	foreign   bool   // the text in it may not be canonical
	notNull   bool
	keeps     func(record.Value) (must string) // as Mapped has it
	text      string                           // {n} of Dialect, where it is not the name
	beside    Beside
}

// own reports whether the table makes its own revisions.
func (t *table) own() bool { return t.stored == "" }

// quote returns a name as the engine wants it, each part of a qualified one by itself.
func (d *Dialect) quote(name string) string {
	var b strings.Builder
	d.Gorm.QuoteTo(&b, name)
	return b.String()
}

// qualified returns the name of a table with that of its schema, if it is known.
func (d *Dialect) qualified(table string) string {
	if d.Schema == "" || strings.Contains(table, ".") {
		return table
	}
	return d.Schema + "." + table
}

// managed returns the table that the store makes for the collection.
func (d *Dialect) managed(c *schema.Collection) *table {
	t := d.bare(c)
	for i := range c.Fields {
		f, name := &c.Fields[i], d.quote(c.Fields[i].Name)
		t.columns[i] = column{name: name, read: name, same: name, operand: "{v}", write: "{v}"}
		if d.Managed != nil {
			t.columns[i] = d.Managed(f).column(name)
		}
		if d.Beside != nil {
			t.columns[i].beside = d.Beside(f, i == c.ID)
		}
	}
	t.key = t.columns[c.ID].same
	t.revision = d.quote(revisionColumn)
	t.stored = t.revision
	return t
}

func (d *Dialect) bare(c *schema.Collection) *table {
	path := d.qualified(c.TableName())
	return &table{
		Collection: c,
		dialect:    d,
		path:       path,
		name:       d.quote(path),
		columns:    make([]column, len(c.Fields)),
		whole:      record.NewEncoder(c.Names(c.All())),
	}
}

// unmanaged returns how the existing table serves the collection, or all that
// keeps it from it.
func (d *Dialect) unmanaged(c *schema.Collection, existing *Existing) (*table, []fault.Place) {
	t := d.bare(c)
	if existing == nil {
		return nil, []fault.Place{{Pointer: pointer(c, ""), Code: "table-missing",
			Detail: "there is no table " + t.path + ", and an unmanaged one is not created"}}
	}
	var places []fault.Place
	for i := range c.Fields {
		f := &c.Fields[i]
		found := existing.column(f.Name)
		if code, detail := d.absent(t, i, existing, found); code != "" {
			places = append(places, fault.Place{Pointer: pointer(c, f.Name), Code: code, Detail: detail})
			continue
		}
		if i == c.ID && f.Type == record.StringType && f.MaxLength == 0 {
			bounded := *f
			bounded.MaxLength = maxID
			f = &bounded
		}
		mapped, why := d.Map(f, *found)
		if why != "" {
			places = append(places, fault.Place{Pointer: pointer(c, f.Name), Code: "column-type", Detail: d.unlike(t, i, found, why)})
			continue
		}
		t.columns[i] = mapped.column(d.quote(found.Name))
		t.columns[i].notNull = found.NotNull
		t.columns[i].foreign = f.Type == record.JSONType || f.Type == record.ListType
		if i == c.ID {
			t.key, t.valid = t.columns[i].same, mapped.Valid
			if mapped.Key != "" {
				t.key = strings.ReplaceAll(mapped.Key, "{c}", t.columns[i].name)
			}
			t.seek, t.sought = strings.ReplaceAll(mapped.Seek, "{c}", t.columns[i].name), mapped.SeekOperand
		}
	}
	places = append(places, existing.unfit(c, t.path)...)
	if name := c.Table.Revision; name != "" {
		found := existing.column(name)
		if found == nil {
			places = append(places, fault.Place{Pointer: pointer(c, ""), Code: "column-missing",
				Detail: missing(t.path, name, existing.names())})
			return nil, places
		}
		t.revised(found)
	}
	return t, places
}

// absent says that there is no column for the field, or none that takes null where that
// is written of encrypted fields.
func (d *Dialect) absent(t *table, position int, existing *Existing, found *Column) (code, detail string) {
	name, sealed := t.Fields[position].Name, t.SealedFor(position) >= 0
	switch {
	case found == nil && sealed: // whose name nobody has written
		return "column-missing", missing(t.path, name, nil) + d.sealing(t, position)
	case found == nil:
		return "column-missing", missing(t.path, name, existing.names())
	case found.NotNull && (sealed || t.Emptied(position)):
		return "column-mandatory", "the column " + name + " of " + t.path + " is NOT NULL, and of an encrypted field one of two columns is null"
	}
	return "", ""
}

// unlike says that the column cannot hold the field, and why.
func (d *Dialect) unlike(t *table, position int, found *Column, why string) string {
	if t.SealedFor(position) >= 0 && !found.Generated {
		why = found.Type + d.sealing(t, position) // the field cannot be given a max
	}
	return "the column " + found.Name + " of " + t.path + " is " + why
}

// sealing says what column that has to be which holds what is encrypted.
func (d *Dialect) sealing(t *table, position int) string {
	of := t.Fields[t.SealedFor(position)].Name
	return "; what is encrypted of " + of + " needs it to be " + d.Type(&t.Fields[position], false) + " and to take null"
}

// maxID is how many octets an id has at most.
const maxID = 450

// revised makes the column that of the table's revisions. A counter of which
// nothing is known yet stands at 0.
func (t *table) revised(found *Column) {
	name := t.dialect.quote(found.Name)
	t.revision = t.dialect.Revision(name, *found)
	if !t.dialect.Counts(*found) {
		return
	}
	t.counted = name
	_, field := t.Position(found.Name)
	t.begun = found.Mandatory && !field
}

func (m Mapped) column(name string) column {
	made := column{name: name, read: name, operand: cmp.Or(m.Operand, "{v}"), write: "{v}", keeps: m.Keeps}
	if m.Read != "" {
		made.converted = !m.Indexed
		made.read = strings.ReplaceAll(m.Read, "{c}", name)
	}
	made.text = strings.ReplaceAll(cmp.Or(m.Text, "{c}"), "{c}", name)
	made.same = made.read
	if m.Same != "" {
		made.same = strings.ReplaceAll(m.Same, "{c}", name)
	}
	if m.Write != "" {
		made.write = m.Write
	}
	return made
}

// unfit returns what keeps records from being written to the table one by one
// under their id.
func (e *Existing) unfit(c *schema.Collection, path string) []fault.Place {
	id := e.column(c.IDField().Name)
	switch {
	case id == nil:
		return nil
	case e.folded(id):
		return []fault.Place{{Pointer: pointer(c, id.Name), Code: "id-collation",
			Detail: "the column " + id.Name + " of " + path + " has a collation that takes different ids for equal"}}
	case e.deferred(id):
		return []fault.Place{{Pointer: pointer(c, id.Name), Code: "id-deferrable",
			Detail: "the column " + id.Name + " of " + path + " has a key that is DEFERRABLE, so that a write is not told at once whether the id is taken"}}
	case !e.unique(id):
		return []fault.Place{{Pointer: pointer(c, id.Name), Code: "id-not-unique",
			Detail: "the column " + id.Name + " of " + path + " is neither its primary key nor alone in a unique index"}}
	}
	return nil
}

// folded reports whether ids that differ cannot both be in the table.
func (e *Existing) folded(id *Column) bool {
	for _, index := range e.Indexes {
		if index.Unique && index.Folded && len(index.Columns) == 1 && index.Columns[0] == id.Name {
			return true
		}
	}
	return false
}

// deferred reports whether a key of the id alone is checked only later.
func (e *Existing) deferred(id *Column) bool {
	return slices.ContainsFunc(e.Indexes, func(index Keys) bool {
		return index.Deferred && len(index.Columns) == 1 && index.Columns[0] == id.Name
	})
}

// unique reports whether no two rows have the same value in the column.
func (e *Existing) unique(id *Column) bool {
	keys := 0
	for _, column := range e.Columns {
		if column.Key > 0 {
			keys++
		}
	}
	if id.Key == 1 && keys == 1 {
		return true
	}
	for _, index := range e.Indexes {
		if index.Unique && !index.Partial && len(index.Columns) == 1 && index.Columns[0] == id.Name {
			return true
		}
	}
	return false
}

func (e *Existing) column(name string) *Column {
	for i := range e.Columns {
		if e.Columns[i].Name == name {
			return &e.Columns[i]
		}
	}
	return nil
}

func (e *Existing) names() []string {
	names := make([]string, len(e.Columns))
	for i, column := range e.Columns {
		names[i] = column.Name
	}
	return names
}

func missing(path, name string, candidates []string) string {
	detail := path + " has no column " + name
	if nearest := fault.Nearest(name, candidates); nearest != "" {
		return detail + "; did you mean " + nearest + "?"
	}
	return detail
}

// pointer names a collection, or a field of it.
func pointer(c *schema.Collection, field string) string {
	if field == "" {
		return c.Name
	}
	return c.Name + "/" + field
}

// idValue returns the value of an id, and false if no record can have it.
func (t *table) idValue(id record.ID) (record.Value, bool) {
	if t.IDField().Type == record.StringType {
		return record.String(string(id)), t.valid == nil || t.valid(string(id))
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return record.Int(n), err == nil && strconv.FormatInt(n, 10) == string(id)
}

// kept returns an error if a column would keep other values than these. Which ids
// there can be is said by valid.
func (t *table) kept(op string, fields []record.Value) error {
	var places []fault.Place
	for i := range t.columns {
		if i == t.ID || t.columns[i].keeps == nil || fields[i].IsNull() {
			continue
		}
		if must := t.columns[i].keeps(fields[i]); must != "" {
			name := t.Fields[i].Name
			places = append(places, fault.Place{Pointer: "/" + name, Code: "not-kept", Detail: name + " " + must})
		}
	}
	if len(places) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, op, "the table of %s would keep other values than these", t.Collection.Name).Coded("not-kept").At(places...)
}

// table returns where the collection is kept. An unmanaged table is looked at
// the first time.
func (s *Store) table(ctx context.Context, c *schema.Collection) (*table, error) {
	if known, ok := s.tables.Load(c); ok {
		return known.(*table), nil
	}
	if !c.Table.Unmanaged {
		made, _ := s.tables.LoadOrStore(c, s.dialect.managed(c))
		return made.(*table), nil
	}
	var t *table
	err := s.engine.Migrate(ctx, func(db *gorm.DB) error {
		existing, err := s.dialect.Describe(db, s.dialect.qualified(c.TableName()))
		if err != nil {
			return err
		}
		var places []fault.Place
		if t, places = s.dialect.unmanaged(c, existing); len(places) > 0 {
			return conflict(s.op("Ensure"), places)
		}
		return nil
	})
	if err != nil {
		return nil, s.fail(ctx, "Ensure", err)
	}
	s.tables.Store(c, t)
	return t, nil
}
