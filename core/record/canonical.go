package record

import (
	"cmp"
	"slices"
)

// Canonical returns strict JSON in its canonical text: the keys of objects
// sorted by octets, no white space, the escapes of [AppendString], numbers as
// they were written. Its errors are those of [Reader]; a key that repeats has
// the code duplicate-key.
func Canonical(raw []byte) (string, error) {
	r := NewReader(raw)
	out := r.AppendCanonical(make([]byte, 0, len(raw)))
	if err := r.End(); err != nil {
		return "", err
	}
	return string(out), nil
}

// A span is where a member of an object stands in the output.
type span struct {
	key        string
	begin, end int
}

// AppendCanonical consumes the next value and appends its canonical text. What
// it appends is of use only if Err is nil afterwards.
func (r *Reader) AppendCanonical(dst []byte) []byte {
	switch r.Peek() {
	case NullKind:
		r.Null()
		return append(dst, "null"...)
	case TrueKind:
		r.Bool()
		return append(dst, "true"...)
	case FalseKind:
		r.Bool()
		return append(dst, "false"...)
	case NumberKind:
		return append(dst, r.Number()...)
	case StringKind:
		return AppendString(dst, r.Text())
	case ArrayKind:
		return r.appendArray(dst)
	case ObjectKind:
		return r.appendObject(dst)
	}
	return dst
}

func (r *Reader) appendArray(dst []byte) []byte {
	dst = append(dst, '[')
	r.EnterArray()
	for first := true; r.NextItem(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = r.AppendCanonical(dst)
	}
	return append(dst, ']')
}

func (r *Reader) appendObject(dst []byte) []byte {
	dst = append(dst, '{')
	base, sorted := len(r.spans), true
	r.EnterObject()
	for key, ok := r.NextMember(); ok; key, ok = r.NextMember() {
		if n := len(r.spans); n > base {
			dst = append(dst, ',')
			sorted = sorted && r.spans[n-1].key < key
		}
		begin := len(dst)
		dst = append(AppendString(dst, key), ':')
		dst = r.AppendCanonical(dst)
		r.spans = append(r.spans, span{key, begin, len(dst)})
	}
	if !sorted && r.err == nil {
		r.sortMembers(dst, r.spans[base:])
	}
	r.spans = r.spans[:base]
	return append(dst, '}')
}

// sortMembers brings the members at the end of dst, which the spans describe,
// into the order of their keys.
func (r *Reader) sortMembers(dst []byte, members []span) {
	begin := members[0].begin
	written := slices.Clone(dst[begin:])
	slices.SortFunc(members, func(a, b span) int { return cmp.Compare(a.key, b.key) })
	out := dst[:begin]
	for i, m := range members {
		if i > 0 {
			if m.key == members[i-1].key {
				r.failAt(r.Pointer()+"/"+pointerToken(m.key), "duplicate-key", "the key is there more than once")
				return
			}
			out = append(out, ',')
		}
		out = append(out, written[m.begin-begin:m.end-begin]...)
	}
}
