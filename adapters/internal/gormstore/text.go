package gormstore

import (
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// A slot says which operand a parameter takes, and how.
type slot struct {
	operand int
	as      form
}

// A form is what becomes of an operand on its way into a parameter.
type form uint8

const (
	plain       form = iota
	successor        // {s} of Dialect
	listItem         // {i} of Dialect
	octets           // {o}
	octetsAfter      // {e}
	instant          // {t}
)

// A printer writes one statement. Operands are numbered as gather collects
// them; printing a filter consumes its operands in that order.
type printer struct {
	strings.Builder
	dialect *Dialect
	table   *table
	vars    gorm.Statement // counts the parameters for BindVarTo
	slots   []slot
	next    int          // the operand that the filter takes next
	named   map[slot]int // the parameters by what they take, if they may be written again
}

func (d *Dialect) print(t *table) *printer { return &printer{dialect: d, table: t} }

// statement returns what was printed.
func (p *printer) statement() Statement { return Statement{Text: p.String(), slots: p.slots} }

// write appends texts.
func (p *printer) write(texts ...string) {
	for _, text := range texts {
		p.WriteString(text)
	}
}

// bind appends a parameter that takes the operand.
func (p *printer) bind(operand int, as form) {
	takes := slot{operand, as}
	if place, known := p.named[takes]; known {
		p.dialect.Gorm.BindVarTo(p, &gorm.Statement{Vars: p.vars.Vars[:place]}, nil)
		return
	}
	p.vars.Vars = append(p.vars.Vars, nil)
	p.dialect.Gorm.BindVarTo(p, &p.vars, nil)
	p.slots = append(p.slots, takes)
	if p.dialect.Named {
		if p.named == nil {
			p.named = map[slot]int{}
		}
		p.named[takes] = len(p.slots)
	}
}

// forms are the letters of templates that stand for an operand.
var forms = map[byte]form{'v': plain, 's': successor, 'i': listItem, 'o': octets, 'e': octetsAfter, 't': instant}

// template appends a template of the dialect about the column and the operand.
func (p *printer) template(template, column string, operand int) {
	p.about(template, column, column, operand)
}

// about is template for a column whose text is read by another name.
func (p *printer) about(template, column, name string, operand int) {
	for {
		text, rest, found := strings.Cut(template, "{")
		p.write(text)
		if !found {
			return
		}
		switch rest[0] {
		case 'c':
			p.write(column)
		case 'n':
			p.write(name)
		default:
			p.bind(operand, forms[rest[0]])
		}
		template = rest[2:]
	}
}

// lookup appends that a record has the id of the operand.
func (p *printer) lookup(id int) {
	p.write(p.table.key, " = ")
	p.against(p.table.ID, id)
	if p.table.seek != "" {
		p.write(" AND ", p.table.seek, " = ")
		p.template(p.table.sought, "", id)
	}
}

// lookups appends that a record has one of the n ids from the first on.
func (p *printer) lookups(first, n int) {
	p.write(p.table.key, " IN (")
	p.list(n, func(i int) { p.against(p.table.ID, first+i) })
	p.write(")")
	if p.table.seek != "" {
		p.write(" AND ", p.table.seek, " IN (")
		p.list(n, func(i int) { p.template(p.table.sought, "", first+i) })
		p.write(")")
	}
}

// list appends n things with commas between.
func (p *printer) list(n int, one func(i int)) {
	for i := range n {
		if i > 0 {
			p.write(", ")
		}
		one(i)
	}
}

// order appends ORDER BY.
func (p *printer) order(keys []query.Key) {
	p.write(" ORDER BY ")
	p.list(len(keys), func(i int) {
		p.write(p.table.columns[keys[i].Field].read, p.dialect.direction(keys[i].Desc, keys[i].Field != p.table.ID && !p.table.columns[keys[i].Field].notNull))
	})
}

// direction returns what comes behind a key of an order or an index.
func (d *Dialect) direction(desc, nullable bool) string {
	switch {
	case nullable && desc:
		return d.Descending
	case nullable:
		return d.Ascending
	case desc:
		return " DESC"
	}
	return ""
}

// top appends SELECT, and how many rows it has at most if the engine wants to know
// it there; as a literal, so that the planner knows it.
func (p *printer) top(n int) {
	p.write("SELECT ")
	if p.dialect.Top && n > 0 {
		p.write("TOP (", strconv.Itoa(n), ") ")
	}
}

// limit appends a LIMIT, unless top said it.
func (p *printer) limit(n int) {
	if !p.dialect.Top {
		p.write(" LIMIT ", strconv.Itoa(n))
	}
}

// args returns what the statement's parameters take out of the operands.
func (s *Statement) args(operands []record.Value) []Arg {
	args := make([]Arg, len(s.slots))
	for i, slot := range s.slots {
		if slot.as == listItem {
			item := record.AppendValue([]byte{','}, operands[slot.operand])
			args[i] = Arg{Kind: TextKind, text: string(append(item, ','))}
			continue
		}
		args[i] = slot.as.of(ArgOf(operands[slot.operand]))
	}
	return args
}

// of returns the arg in the form. What is null stays null.
func (f form) of(arg Arg) Arg {
	if arg.Kind == NullKind {
		return arg
	}
	if f == successor || f == octetsAfter {
		arg.text = after(arg.text)
	}
	switch f {
	case octets, octetsAfter:
		arg.Kind = BlobKind
	case instant:
		arg = Arg{Kind: TextKind, text: time.UnixMicro(arg.num).UTC().Format("2006-01-02T15:04:05.000000")}
	}
	return arg
}

// after returns the least text, by octets, that comes after all texts that
// begin with prefix. UTF-8 has no octet 0xFF, so the last can be counted up.
func after(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string([]byte{prefix[last] + 1})
}
