package bearer

import (
	"math"
	"strconv"

	"github.com/portolan-io/portolan/core/record"
)

// object reads a JSON object (RFC 8259) strictly: no member twice, valid UTF-8, at
// most 64 levels and 10,000 members. Values are what policy.Principal has as
// claims.
func object(text []byte) (map[string]any, bool) {
	r := record.NewReader(text)
	if r.Peek() != record.ObjectKind {
		return nil, false
	}
	value, ok := valueOf(r)
	if r.End() != nil || !ok {
		return nil, false
	}
	members, ok := value.(map[string]any)
	return members, ok
}

// valueOf reads the next value, and reports whether that and all in it is of use.
func valueOf(r *record.Reader) (any, bool) {
	switch r.Peek() {
	case record.StringKind:
		return r.Text(), true
	case record.NumberKind:
		number, err := strconv.ParseFloat(r.Number(), 64)
		return number, err == nil && !math.IsInf(number, 0)
	case record.TrueKind, record.FalseKind:
		return r.Bool(), true
	case record.NullKind:
		r.Null()
		return nil, true
	case record.ArrayKind:
		return items(r)
	case record.ObjectKind:
		return members(r)
	}
	return nil, false
}

func items(r *record.Reader) (any, bool) {
	list := []any{}
	r.EnterArray()
	for r.NextItem() {
		item, ok := valueOf(r)
		if !ok {
			return nil, false
		}
		list = append(list, item)
	}
	return list, true
}

func members(r *record.Reader) (any, bool) {
	all := make(map[string]any)
	r.EnterObject()
	for key, more := r.NextMember(); more; key, more = r.NextMember() {
		if _, twice := all[key]; twice {
			return nil, false
		}
		value, ok := valueOf(r)
		if !ok {
			return nil, false
		}
		all[key] = value
	}
	return all, true
}
