package gormstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Where in a row what is: the revision, and then the fields that are read, of
// which the id is the first.
const (
	revisionCell = 0
	idCell       = 1
)

// A plan is a statement that reads records, and where in its rows what is.
type plan struct {
	Statement
	table   *table
	encoder *record.Encoder
	read    []int // the fields read, by position, from idCell on
	whole   []int // cells of all fields, if the revision is the hash of them
	fields  []int // cells of the fields that rows encode
	needs   []int // cells of the fields that rows carry decoded
	order   []int // cells of the keys, of which the cursor is made

	// What the last result took, so that the next begins with room enough.
	lastJSON, lastNames, lastRows atomic.Int32
}

// reading returns a plan without its statement.
func (t *table) reading(view query.View, order []int) *plan {
	p := &plan{table: t, encoder: record.NewEncoder(view.Names())}
	cells := make([]int, len(t.Fields))
	p.cells(cells, []int{t.ID})
	if t.revision == "" {
		p.whole = p.cells(cells, t.All())
	}
	p.fields, p.needs, p.order = p.cells(cells, view.Fields), p.cells(cells, view.Needs), p.cells(cells, order)
	return p
}

// cells returns the cells of the fields at the positions. It reads those that
// were not read before; cells holds, by field, where.
func (p *plan) cells(cells, positions []int) []int {
	found := make([]int, len(positions))
	for i, position := range positions {
		if cells[position] == 0 {
			cells[position] = idCell + len(p.read)
			p.read = append(p.read, position)
		}
		found[i] = cells[position]
	}
	return found
}

// selection appends SELECT … FROM … as p reads it, of limit rows at most if that is
// not 0.
func (out *printer) selection(p *plan, limit int) {
	t := out.table
	out.top(limit)
	out.write(t.revision)
	if t.revision == "" {
		out.write("''")
	}
	for _, position := range p.read {
		out.write(", ", t.columns[position].read)
	}
	out.write(" FROM ", t.name)
}

// A rowReader collects rows. It keeps all their octets in one piece, and all
// their ids and revisions in another.
type rowReader struct {
	plan  *plan
	json  []byte
	names []byte
	spans []span
	rows  []record.Row
}

// A span says where in json and names the parts of a row end.
type span struct{ json, id, revision int }

// start returns a reader of rows of the plan.
func (p *plan) start() rowReader {
	rows := p.lastRows.Load()
	return rowReader{
		plan:  p,
		json:  make([]byte, 0, p.lastJSON.Load()),
		names: make([]byte, 0, p.lastNames.Load()),
		spans: make([]span, 0, rows),
		rows:  make([]record.Row, 0, rows),
	}
}

// add reads one row.
func (r *rowReader) add(cells Cells, needs []record.Value) error {
	var err error
	for i, cell := range r.plan.fields {
		r.json = r.plan.encoder.Key(r.json, i)
		if r.json, err = r.plan.append(r.json, cells, cell); err != nil {
			return err
		}
	}
	r.json = r.plan.encoder.End(r.json)
	r.names = appendName(r.names, cells, idCell)
	at := span{json: len(r.json), id: len(r.names)}
	if r.names, err = r.plan.revision(r.names, cells); err != nil {
		return err
	}
	at.revision = len(r.names)
	r.spans = append(r.spans, at)
	r.rows = append(r.rows, record.Row{Values: needs})
	return nil
}

// maxRoom is how many octets a result begins with at most, however long the
// last one was.
const maxRoom = 256 << 10

// finish returns the rows, which the caller then owns.
func (r *rowReader) finish() []record.Row {
	r.plan.lastJSON.Store(int32(min(len(r.json)+len(r.json)/16, maxRoom)))
	r.plan.lastNames.Store(int32(min(len(r.names)+len(r.names)/16, maxRoom)))
	r.plan.lastRows.Store(int32(min(len(r.rows), maxRoom/1024)))
	if cap(r.json) > 2*len(r.json)+1024 { // rows may be kept for long, and room with them
		r.json = slices.Clone(r.json)
	}
	names, json, name := string(r.names), 0, 0
	for i, at := range r.spans {
		row := &r.rows[i]
		row.JSON = r.json[json:at.json:at.json]
		row.ID = record.ID(names[name:at.id])
		row.Revision = record.Revision(names[at.id:at.revision])
		json, name = at.json, at.revision
	}
	return r.rows
}

// appendName appends a text as it is, or a number in digits.
func appendName(dst []byte, cells Cells, cell int) []byte {
	switch cells.Kind(cell) {
	case IntKind:
		return strconv.AppendInt(dst, cells.Int(cell), 10)
	case TextKind, BlobKind:
		return append(dst, cells.Bytes(cell)...)
	}
	return dst
}

// revision appends the revision of the row.
func (p *plan) revision(dst []byte, cells Cells) ([]byte, error) {
	if p.table.revision != "" {
		return appendName(dst, cells, revisionCell), nil
	}
	var whole []byte
	var err error
	for i, cell := range p.whole {
		whole = p.table.whole.Key(whole, i)
		if whole, err = p.append(whole, cells, cell); err != nil {
			return nil, err
		}
	}
	return hex.AppendEncode(dst, p.table.Table.Digest(p.table.whole.End(whole))[:10]), nil
}

// values returns the decoded values in the cells.
func (p *plan) values(cells Cells, which []int) ([]record.Value, error) {
	values := make([]record.Value, len(which))
	for i, cell := range which {
		var err error
		if values[i], err = p.value(cells, cell); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// kinds are how values of a type are stored.
var kinds = [...]Kind{
	record.BoolType: IntKind, record.IntType: IntKind, record.FloatType: FloatKind,
	record.DecimalType: IntKind, record.StringType: TextKind, record.TimeType: IntKind,
	record.BytesType: BlobKind, record.ListType: TextKind, record.JSONType: TextKind,
}

// reads reports whether values of the field come as the kind.
func (d *Dialect) reads(f *schema.Field, kind Kind) bool {
	return kind == kinds[f.Type] || d.Octets && kind == BlobKind && kinds[f.Type] == TextKind
}

// append appends the value in the cell as canonical JSON.
func (p *plan) append(dst []byte, cells Cells, cell int) ([]byte, error) {
	position := p.read[cell-idCell]
	f, kind := &p.table.Fields[position], cells.Kind(cell)
	if kind == NullKind {
		return append(dst, "null"...), nil
	}
	if !p.table.dialect.readable(f, cells, cell) {
		return nil, p.unreadable(f, cells, cell, nil)
	}
	if p.table.columns[position].foreign {
		v, err := p.foreign(f, cells, cell)
		return record.AppendValue(dst, v), err
	}
	switch f.Type {
	case record.BoolType:
		return strconv.AppendBool(dst, cells.Int(cell) != 0), nil
	case record.IntType:
		return strconv.AppendInt(dst, cells.Int(cell), 10), nil
	case record.FloatType:
		return appendFloat(dst, cells.Float(cell)), nil
	case record.DecimalType:
		return record.AppendDecimal(dst, cells.Int(cell), f.Scale), nil
	case record.StringType:
		return record.AppendString(dst, cells.Bytes(cell)), nil
	case record.TimeType:
		return record.AppendMicros(dst, cells.Int(cell)), nil
	case record.BytesType:
		return record.AppendBytes(dst, string(cells.Bytes(cell))), nil
	}
	return append(dst, cells.Bytes(cell)...), nil // lists and json are kept as they are read
}

// appendFloat appends a float. What JSON cannot say, which only another
// program can have stored, is null.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(dst, "null"...)
	}
	return record.AppendFloat(dst, f)
}

// value returns the decoded value in the cell.
func (p *plan) value(cells Cells, cell int) (record.Value, error) {
	position := p.read[cell-idCell]
	f, kind := &p.table.Fields[position], cells.Kind(cell)
	switch {
	case kind == NullKind:
		return record.Null, nil
	case !p.table.dialect.readable(f, cells, cell):
		return record.Null, p.unreadable(f, cells, cell, nil)
	case f.Type == record.ListType, p.table.columns[position].foreign:
		return p.foreign(f, cells, cell)
	}
	return scalar(f, cells, cell), nil
}

// readable reports whether the cell, which is not null, holds a value of the field's
// type: also none of the times that RFC 3339 has no form for.
func (d *Dialect) readable(f *schema.Field, cells Cells, cell int) bool {
	return d.reads(f, cells.Kind(cell)) && (f.Type != record.TimeType || schema.HoldsMicros(cells.Int(cell)))
}

// scalar returns the value of any type but a list.
func scalar(f *schema.Field, cells Cells, cell int) record.Value {
	switch f.Type {
	case record.BoolType:
		return record.Bool(cells.Int(cell) != 0)
	case record.IntType:
		return record.Int(cells.Int(cell))
	case record.FloatType:
		if f := cells.Float(cell); !math.IsInf(f, 0) && !math.IsNaN(f) {
			return record.Float(f)
		}
		return record.Null
	case record.DecimalType:
		return record.Decimal(cells.Int(cell), f.Scale)
	case record.StringType:
		return record.String(string(cells.Bytes(cell)))
	case record.TimeType:
		return record.Micros(cells.Int(cell))
	case record.BytesType:
		return record.Bytes(cells.Bytes(cell))
	}
	return record.JSON(string(cells.Bytes(cell)))
}

// foreign reads JSON that may not be canonical.
func (p *plan) foreign(f *schema.Field, cells Cells, cell int) (record.Value, error) {
	v, err := f.FromJSON(cells.Bytes(cell))
	if err != nil {
		return record.Null, p.unreadable(f, cells, cell, err)
	}
	return v, nil
}

// unreadable returns the error that the value in the cell is not of its field's
// type, which only another program can have written. The log says in which
// record.
func (p *plan) unreadable(f *schema.Field, cells Cells, cell int, cause error) error {
	err := fmt.Errorf("%s.%s holds %s", p.table.path, f.Name, kindNames[cells.Kind(cell)])
	if p.encoder != nil { // its rows are records, and not groups of them
		err = fmt.Errorf("%w in the record %q", err, appendName(nil, cells, idCell))
	}
	return fault.New(fault.Internal, p.table.dialect.Name+".read", "the table %s holds a value in %s that is no %s",
		p.table.path, f.Name, f.Type).Coded("stored-value").Because(errors.Join(err, cause))
}

// kindNames are what the log calls stored values.
var kindNames = [...]string{NullKind: "null", IntKind: "a whole number", FloatKind: "a float", TextKind: "a text", BlobKind: "octets"}
