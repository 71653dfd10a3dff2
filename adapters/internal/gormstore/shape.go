package gormstore

import (
	"encoding/binary"
	"sync"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// A request is what a statement is looked up by: its shape, which decides the
// text, and the operands, which do not.
type request struct {
	shape    []byte
	operands []record.Value
}

// begin returns a request for the kind of statement.
func begin(kind byte) request { return request{shape: append(make([]byte, 0, 96), kind)} }

func (r *request) number(n int) { r.shape = binary.AppendVarint(r.shape, int64(n)) }

func (r *request) numbers(list []int) {
	r.number(len(list))
	for _, n := range list {
		r.number(n)
	}
}

// encoded adds what rows encode, and under which names.
func (r *request) encoded(view query.View) {
	r.numbers(view.Fields)
	r.number(len(view.As))
	for _, name := range view.As {
		r.number(len(name))
		r.shape = append(r.shape, name...)
	}
}

func (r *request) keys(order []query.Key) {
	r.number(len(order))
	for _, key := range order {
		n := key.Field << 1
		if key.Desc {
			n |= 1
		}
		r.number(n)
	}
}

// filter adds an expression, its operands in the order in which it is printed.
func (r *request) filter(e query.Expr) {
	r.shape = append(r.shape, byte(e.Op))
	switch e.Op {
	case query.All, query.None:
	case query.And, query.Or, query.Not:
		r.number(len(e.Kids))
		for _, kid := range e.Kids {
			r.filter(kid)
		}
	case query.In:
		r.number(e.Field)
		r.in(e.Values)
	default:
		v := e.Values[0]
		r.number(e.Field)
		r.number(int(presence(v)))
		r.operands = append(r.operands, v)
	}
}

func (r *request) in(values []record.Value) {
	n, null := items(values)
	r.number(n)
	r.shape = append(r.shape, 0)
	if null {
		r.shape[len(r.shape)-1] = 1
	}
	first := len(r.operands)
	for _, v := range values {
		if !v.IsNull() {
			r.operands = append(r.operands, v)
		}
	}
	for len(r.operands) < first+n {
		r.operands = append(r.operands, r.operands[len(r.operands)-1])
	}
}

// after adds the values of a cursor.
func (r *request) after(values []record.Value) {
	r.number(len(values))
	for _, v := range values {
		r.number(int(presence(v)))
	}
	r.operands = append(r.operands, values...)
}

// presence is what of an operand decides the text.
func presence(v record.Value) byte {
	switch {
	case v.IsNull():
		return 0
	case emptyText(v):
		return 1
	}
	return 2
}

// plans keeps the statements of one table by their shape. When there are too
// many it begins anew, so that no caller can fill the memory with shapes.
type plans struct {
	mu   sync.RWMutex
	kept map[string]*plan
}

const maxPlans = 1000

// find returns the plan of the shape, made if need be.
func (p *plans) find(shape []byte, make func() *plan) *plan {
	p.mu.RLock()
	found := p.kept[string(shape)]
	p.mu.RUnlock()
	if found != nil {
		return found
	}
	made := make()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil || len(p.kept) >= maxPlans {
		p.kept = map[string]*plan{}
	}
	p.kept[string(shape)] = made
	return made
}
