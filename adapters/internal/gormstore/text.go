package gormstore

import (
	"strconv"
	"strings"

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
	plain     form = iota
	successor      // {s} of Dialect
	listItem       // {i} of Dialect
)

// A printer writes one statement. Operands are numbered as gather collects
// them; printing a filter consumes its operands in that order.
type printer struct {
	strings.Builder
	dialect *Dialect
	table   *table
	vars    gorm.Statement // counts the parameters for BindVarTo
	slots   []slot
	next    int // the operand that the filter takes next
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
	p.vars.Vars = append(p.vars.Vars, nil)
	p.dialect.Gorm.BindVarTo(p, &p.vars, nil)
	p.slots = append(p.slots, slot{operand, as})
}

// template appends a template of the dialect about the column and the operand.
func (p *printer) template(template, column string, operand int) {
	for {
		text, rest, found := strings.Cut(template, "{")
		p.write(text)
		if !found {
			return
		}
		switch rest[0] {
		case 'c':
			p.write(column)
		case 'v':
			p.bind(operand, plain)
		case 's':
			p.bind(operand, successor)
		case 'i':
			p.bind(operand, listItem)
		}
		template = rest[2:]
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

// limit appends a LIMIT, as a literal so that the planner knows it.
func (p *printer) limit(n int) { p.write(" LIMIT ", strconv.Itoa(n)) }

// args returns what the statement's parameters take out of the operands.
func (s *Statement) args(operands []record.Value) []Arg {
	args := make([]Arg, len(s.slots))
	for i, slot := range s.slots {
		arg := ArgOf(operands[slot.operand])
		switch slot.as {
		case successor:
			arg.text = after(arg.text)
		case listItem:
			item := record.AppendValue([]byte{','}, operands[slot.operand])
			arg = Arg{Kind: TextKind, text: string(append(item, ','))}
		}
		args[i] = arg
	}
	return args
}

// after returns the least text, by octets, that comes after all texts that
// begin with prefix. UTF-8 has no octet 0xFF, so the last can be counted up.
func after(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string([]byte{prefix[last] + 1})
}
