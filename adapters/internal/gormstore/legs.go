package gormstore

import (
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// A leg is one of the ranges that together are what comes behind a cursor: the
// records that equal it in the first keys and come after it in the next. An
// index serves each leg by itself, where a single condition with OR would make
// the engine read everything from the start.
type leg struct {
	equal int  // how many keys equal the cursor's
	then  then // how the next one differs
}

type then uint8

const (
	anything then = iota // there is no cursor
	isGreater
	isLess
	isNothing
	isSomething
)

// legs returns the legs behind the cursor in the order of their records, so
// that they need no sorting: the more keys are equal, the nearer. Null comes
// before every other value: with an ascending key, everything else comes after
// it; with a descending one it comes after everything else, in a leg of its own.
func legs(order []query.Key, after []record.Value) []leg {
	if len(after) == 0 {
		return []leg{{}}
	}
	var list []leg
	for i := len(order) - 1; i >= 0; i-- {
		id := i == len(order)-1
		switch null := after[i].IsNull(); {
		case order[i].Desc && null: // nothing comes behind
		case order[i].Desc && id:
			list = append(list, leg{i, isLess})
		case order[i].Desc:
			list = append(list, leg{i, isLess}, leg{i, isNothing})
		case null:
			list = append(list, leg{i, isSomething})
		default:
			list = append(list, leg{i, isGreater})
		}
	}
	return list
}

// where appends the condition of the query within one leg behind the cursor's
// values, which are the operands from the given one on.
func (p *printer) where(q query.Query, l leg, after []record.Value, operand int) {
	joint := " WHERE "
	p.next = 0
	if q.Filter.Op != query.All {
		p.write(joint)
		p.filter(q.Filter, false)
		joint = " AND "
	}
	if l.then == anything {
		return
	}
	for i := range l.equal {
		column := &p.table.columns[q.Order[i].Field]
		if after[i].IsNull() {
			p.write(joint, column.read, isNull(true))
		} else {
			p.write(joint, column.same, " = ")
			p.against(q.Order[i].Field, operand+i)
		}
		joint = " AND "
	}
	p.write(joint, p.table.columns[q.Order[l.equal].Field].read)
	switch l.then {
	case isGreater:
		p.write(" > ")
		p.against(q.Order[l.equal].Field, operand+l.equal)
	case isLess:
		p.write(" < ")
		p.against(q.Order[l.equal].Field, operand+l.equal)
	default:
		p.write(isNull(l.then == isNothing))
	}
}
