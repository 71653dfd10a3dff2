package gormstore

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Ensure looks at every table, and changes them all in one transaction or none.
func (s *Store) Ensure(ctx context.Context, collections []*schema.Collection) error {
	if err := s.ready(ctx, "Ensure"); err != nil {
		return err
	}
	return s.migrate(ctx, collections, true)
}

// Check returns the error that Ensure would return, and changes nothing. What
// Ensure would only have to add is no error.
func (s *Store) Check(ctx context.Context, collections []*schema.Collection) error {
	if err := s.ready(ctx, "Check"); err != nil {
		return err
	}
	return s.migrate(ctx, collections, false)
}

// migrate looks at every table, and changes them if apply is set.
func (s *Store) migrate(ctx context.Context, collections []*schema.Collection, apply bool) error {
	var m migration
	err := s.engine.Migrate(ctx, func(db *gorm.DB) error {
		m = migration{dialect: s.dialect, db: db, taken: map[string]string{}}
		if err := m.begin(); err != nil {
			return err
		}
		for _, c := range collections {
			if err := m.collection(c); err != nil {
				return err
			}
		}
		if err := m.named(); err != nil {
			return err
		}
		switch {
		case len(m.places) > 0:
			return conflict(s.op("Ensure"), m.places)
		case apply:
			return m.apply()
		}
		return nil
	})
	if err != nil {
		return s.fail(ctx, "Ensure", err)
	}
	for _, t := range m.unmanaged {
		s.tables.Store(t.Collection, t)
	}
	return nil
}

func conflict(op string, places []fault.Place) error {
	return fault.New(fault.Conflict, op, "the tables do not fit the collections, and only fields and indexes can be added to them").
		Coded("schema-mismatch").Hinting("change the tables by hand, or the collections to what the tables are").At(places...)
}

// A migration collects what has to be done, and what stands in the way.
type migration struct {
	dialect   *Dialect
	db        *gorm.DB
	types     map[typeKey]string // as they were kept
	taken     map[string]string  // managed tables, and whose they are
	made      []madeIndex
	ddl       []string
	added     []typeRow
	unmanaged []*table
	places    []fault.Place
}

// A madeIndex is an index that is to be made.
type madeIndex struct {
	table *table
	keys  Keys
}

// typesTable keeps the types of the fields of managed tables, because several
// are stored in one way: a decimal with two digits behind the point looks like
// one with three, and like an int.
const typesTable = "_portolan_types"

type typeKey struct{ Collection, Field string }

// A typeRow is one row of typesTable.
type typeRow struct {
	Tbl   string
	Field string
	Type  string
}

// begin reads the types that are kept, if there are any.
func (m *migration) begin() error {
	text := &schema.Field{Type: record.StringType, MaxLength: 200}
	columns := make([]string, 0, 4)
	for _, name := range []string{"tbl", "field", "type"} {
		columns = append(columns, m.dialect.quote(name)+" "+m.dialect.Type(text, true)+" NOT NULL")
	}
	columns = append(columns, "PRIMARY KEY ("+m.dialect.quote("tbl")+", "+m.dialect.quote("field")+")")
	types := m.dialect.qualified(typesTable)
	existing, err := m.dialect.Describe(m.db, types)
	if err != nil {
		return err
	}
	m.types = map[typeKey]string{}
	if existing == nil {
		create := "CREATE TABLE " + m.dialect.quote(types) + " (" + strings.Join(columns, ", ") + ")"
		m.ddl = append(m.ddl, create+m.dialect.TableSuffix)
		return nil
	}
	var rows []typeRow
	if err := m.db.Table(types).Find(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		m.types[typeKey{row.Tbl, row.Field}] = row.Type
	}
	return nil
}

// apply does all that was collected.
func (m *migration) apply() error {
	for _, ddl := range m.ddl {
		if err := m.db.Exec(ddl).Error; err != nil {
			return err
		}
	}
	if len(m.added) == 0 {
		return nil
	}
	return m.db.Table(m.dialect.qualified(typesTable)).CreateInBatches(m.added, 100).Error
}

// object collects something that stands in the way.
func (m *migration) object(c *schema.Collection, field, code, format string, args ...any) {
	m.places = append(m.places, fault.Place{
		Pointer: pointer(c, field), Code: code, Detail: fmt.Sprintf(format, args...),
	})
}

// collection collects what the collection needs.
func (m *migration) collection(c *schema.Collection) error {
	existing, err := m.dialect.Describe(m.db, m.dialect.qualified(c.TableName()))
	if err != nil {
		return err
	}
	if c.Table.Unmanaged {
		t, places := m.dialect.unmanaged(c, existing)
		m.places = append(m.places, places...)
		m.unmanaged = append(m.unmanaged, t)
		return nil
	}
	t := m.dialect.managed(c)
	if owner, taken := m.taken[t.path]; taken {
		m.object(c, "", "table-shared", "the table %s is that of the collection %s already", t.path, owner)
		return nil
	}
	m.taken[t.path] = c.Name
	if existing == nil {
		m.create(t)
		existing = &Existing{}
	} else {
		m.compare(t, existing)
		if err := m.compareSealed(t, existing); err != nil {
			return err
		}
	}
	m.indexes(t, existing)
	return nil
}

// create collects the making of a table.
func (m *migration) create(t *table) {
	if qualifier, _ := cutLast(t.path); qualifier != "" && m.dialect.Qualifier != nil {
		m.ddl = append(m.ddl, m.dialect.Qualifier(qualifier))
	}
	columns := make([]string, 0, len(t.columns)+1)
	for i := range t.columns {
		column, beside := t.columns[i].name+" "+m.dialect.Type(&t.Fields[i], i == t.ID), t.columns[i].beside
		switch {
		case i == t.ID && beside.Name != "": // the key is what ids are compared by
			column += " NOT NULL"
			beside.Definition += " NOT NULL PRIMARY KEY"
		case i == t.ID:
			column += " PRIMARY KEY NOT NULL"
		}
		columns = append(columns, column)
		if beside.Name != "" {
			columns = append(columns, beside.Name+" "+beside.Definition)
		}
		m.keep(t, i)
	}
	revision := &schema.Field{Type: record.StringType, MaxLength: 50}
	columns = append(columns, t.stored+" "+m.dialect.Type(revision, false)+" NOT NULL")
	m.ddl = append(m.ddl, "CREATE TABLE "+t.name+" ("+strings.Join(columns, ", ")+")"+m.dialect.TableSuffix)
}

// keep collects the keeping of a field's type.
func (m *migration) keep(t *table, field int) {
	f := &t.Fields[field]
	if m.types[typeKey{t.path, f.Name}] == "" {
		m.added = append(m.added, typeRow{t.path, f.Name, typeText(f)})
	}
}

// typeText returns what of a field's type decides how its values are stored.
func typeText(f *schema.Field) string {
	switch {
	case f.Type == record.DecimalType:
		return fmt.Sprintf("decimal(%d)", f.Scale)
	case f.Type == record.ListType && f.Items == record.DecimalType:
		return fmt.Sprintf("list(decimal(%d))", f.Scale)
	case f.Type == record.ListType:
		return fmt.Sprintf("list(%s)", f.Items)
	}
	return f.Type.String()
}

// compare collects the fields that the table lacks, and objects to what cannot
// be brought about by adding.
func (m *migration) compare(t *table, existing *Existing) {
	if !existing.Strict {
		m.object(t.Collection, "", "table-type", "the table %s was not made by this store: it takes values of any type", t.path)
	}
	if existing.column(revisionColumn) == nil {
		m.object(t.Collection, "", "column-missing", "the table %s was not made by this store: it has no column %s", t.path, revisionColumn)
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		switch found := existing.column(f.Name); {
		case found == nil && i == t.ID:
			m.object(t.Collection, f.Name, "column-missing", "%s, which is to be the id", missing(t.path, f.Name, existing.names()))
		case found == nil:
			m.ddl = append(m.ddl, "ALTER TABLE "+t.name+m.dialect.Add+t.columns[i].name+" "+m.dialect.Type(f, false))
			if beside := t.columns[i].beside; beside.Name != "" {
				m.ddl = append(m.ddl, "ALTER TABLE "+t.name+m.dialect.Add+beside.Name+" "+beside.Definition)
			}
			m.keep(t, i)
		default:
			m.compareColumn(t, i, found)
		}
	}
	m.places = append(m.places, existing.unfit(t.Collection, t.path)...)
	for _, column := range existing.Columns {
		_, declared := t.Position(column.Name)
		if !declared && column.Mandatory && column.Name != revisionColumn {
			m.object(t.Collection, "", "column-mandatory", "the column %s of %s must have a value, but is no field", column.Name, t.path)
		}
	}
}

func (m *migration) compareColumn(t *table, field int, found *Column) {
	f := &t.Fields[field]
	want, kept := m.dialect.Type(f, field == t.ID), m.types[typeKey{t.path, f.Name}]
	switch {
	case !strings.EqualFold(found.Type, want):
		m.object(t.Collection, f.Name, "column-type", "the column %s of %s is %s, and a field of type %s needs %s",
			f.Name, t.path, found.Type, f.Type, want)
	case kept != "" && kept != typeText(f):
		m.object(t.Collection, f.Name, "column-type", "the column %s of %s holds values of type %s, and the field is of type %s",
			f.Name, t.path, kept, typeText(f))
	default:
		m.keep(t, field)
	}
}

// compareSealed objects to a field that is encrypted no more while the table has values of it that are:
// they would be read as null, and be lost with the next write.
func (m *migration) compareSealed(t *table, existing *Existing) error {
	for i := range t.Fields {
		f := &t.Fields[i]
		name := f.SealedName()
		if _, declared := t.Position(name); declared || existing.column(name) == nil || m.types[typeKey{t.path, name}] != record.BytesType.String() {
			continue
		}
		var held []int
		if err := m.db.Table(t.path).Select("1").Where(m.dialect.quote(name) + " IS NOT NULL").Limit(1).Scan(&held).Error; err != nil {
			return err
		}
		if len(held) > 0 {
			m.object(t.Collection, f.Name, "encrypted-values", "the column %s of %s holds encrypted values of %s, which would be lost: leave it encrypted: true, or export the collection and import it into another",
				name, t.path, f.Name)
		}
	}
	return nil
}

// indexes collects the indexes that the table lacks.
func (m *migration) indexes(t *table, existing *Existing) {
	for _, index := range t.TableIndexes() {
		want := t.keysOf(index)
		if existing.has(want) {
			continue
		}
		if m.unindexed(t, want) {
			continue
		}
		existing.Indexes = append(existing.Indexes, want)
		m.made = append(m.made, madeIndex{t, want})
		columns := make([]string, len(want.Columns))
		for i, column := range want.Columns {
			name := m.dialect.quote(column)
			if position, ok := t.Position(column); ok && t.columns[position].beside.Name != "" {
				name = t.columns[position].beside.Name
			}
			columns[i] = name + m.dialect.direction(want.Desc[i], column != t.IDField().Name)
		}
		m.ddl = append(m.ddl, "CREATE INDEX "+m.dialect.quote(m.dialect.IndexName(t.path, want.Name))+
			" ON "+m.dialect.quote(m.dialect.IndexTable(t.path, want.Name))+" ("+strings.Join(columns, ", ")+")")
	}
}

// unindexed objects to an index that no engine of the kind can have.
func (m *migration) unindexed(t *table, want Keys) (found bool) {
	for _, column := range want.Columns {
		position, ok := t.Position(column)
		if !ok || position == t.ID || m.dialect.Indexed == nil {
			continue
		}
		if why := m.dialect.Indexed(&t.Fields[position]); why != "" {
			m.object(t.Collection, column, "index-key", "an index of %s cannot have the field %s, which is %s", t.path, column, why)
			found = true
		}
	}
	return found
}

// cutLast splits a qualified name into what qualifies it, and its last part.
func cutLast(path string) (qualifier, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
