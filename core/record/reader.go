package record

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// A Reader reads one JSON text (RFC 8259) strictly, value by value, in a single
// pass. It refuses what the grammar refuses, and beyond that invalid UTF-8,
// lone surrogates, the NUL character, more than MaxDepth levels and more than
// MaxMembers members. Whether keys repeat is for whoever reads an object to
// see; [Reader.AppendCanonical] does.
//
// The caller asks for the kind of the next value with Peek and then consumes
// it, with the method for its kind or with Skip. The first mistake ends the
// text: from then on Peek returns 0, loops end, and Err returns it. Strings
// that the Reader returns share memory with its copy of the text. A Reader is
// not safe for concurrent use.
type Reader struct {
	text    string
	pos     int
	members int // of objects and arrays so far
	path    []step
	spans   []span // stack of AppendCanonical
	err     *fault.Error
}

// A step is one object or array that the Reader is in.
type step struct {
	key   string // of the current member, in an object
	count int    // members begun
	array bool
}

// The kinds of value that [Reader.Peek] tells apart, each named by the octet
// it can begin with.
const (
	NullKind   byte = 'n'
	TrueKind   byte = 't'
	FalseKind  byte = 'f'
	NumberKind byte = '0'
	StringKind byte = '"'
	ArrayKind  byte = '['
	ObjectKind byte = '{'
)

// NewReader returns a Reader of the text, of which it makes one copy.
func NewReader(text []byte) *Reader { return readerOf(string(text)) }

func readerOf(text string) *Reader { return &Reader{text: text, path: make([]step, 0, 4)} }

// Err returns the first mistake, or nil. It is fault.Invalid with one Place.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Pointer returns the JSON pointer (RFC 6901) of the value that is next, or
// was last, within the object or array that the Reader is in.
func (r *Reader) Pointer() string {
	var pointer []byte
	for _, s := range r.path {
		switch {
		case s.count == 0: // no member has begun: the container itself
		case s.array:
			pointer = strconv.AppendInt(append(pointer, '/'), int64(s.count-1), 10)
		default:
			pointer = append(append(pointer, '/'), pointerToken(s.key)...)
		}
	}
	return string(pointer)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointerToken returns key as a part of a JSON pointer.
func pointerToken(key string) string {
	if strings.ContainsAny(key, "~/") {
		return pointerEscapes.Replace(key)
	}
	return key
}

// Peek returns the kind of the value that is next, without consuming it, or 0
// if there is none.
func (r *Reader) Peek() byte {
	r.space()
	if r.pos == len(r.text) {
		r.fail("malformed-json", "the text ends where a value belongs")
		return 0
	}
	switch c := r.text[r.pos]; {
	case c == '"', c == '{', c == '[':
		return c
	case c == '-', '0' <= c && c <= '9':
		return NumberKind
	case c == 'n' && r.at("null"), c == 't' && r.at("true"), c == 'f' && r.at("false"):
		return c
	}
	if r.at("NaN") || r.at("Infinity") {
		r.fail("not-finite", "NaN and Infinity are no numbers in JSON")
	} else {
		r.fail("malformed-json", "there is no value at octet %d", r.pos+1)
	}
	return 0
}

// Null consumes a null.
func (r *Reader) Null() {
	if r.expect(NullKind) {
		r.pos += len("null")
	}
}

// Bool consumes true or false.
func (r *Reader) Bool() bool {
	switch r.Peek() {
	case TrueKind:
		r.pos += len("true")
		return true
	case FalseKind:
		r.pos += len("false")
		return false
	}
	r.expect(FalseKind)
	return false
}

// EnterObject consumes the beginning of an object. Its members follow, each
// with NextMember, whose last call leaves it.
func (r *Reader) EnterObject() { r.enter(ObjectKind) }

// EnterArray consumes the beginning of an array. Its items follow, each with
// NextItem, whose last call leaves it.
func (r *Reader) EnterArray() { r.enter(ArrayKind) }

func (r *Reader) enter(kind byte) {
	if !r.expect(kind) {
		return
	}
	if len(r.path) == MaxDepth {
		r.fail("too-deep", "objects and arrays are nested more than %d deep", MaxDepth)
		return
	}
	r.pos++
	r.path = append(r.path, step{array: kind == ArrayKind})
}

// NextMember begins the next member of the object that the Reader is in, and
// returns its key; its value is next. At the end of the object it leaves it
// and returns false.
func (r *Reader) NextMember() (key string, ok bool) {
	if !r.next('}') {
		return "", false
	}
	r.space()
	if r.pos == len(r.text) || r.text[r.pos] != '"' {
		r.fail("malformed-json", "there is no key in quotes at octet %d", r.pos+1)
		return "", false
	}
	inside := r.path
	r.path = inside[:len(inside)-1] // a mistake in the key is one of the object
	key = r.scanString()
	r.path = inside
	if r.err != nil {
		return "", false
	}
	top := &r.path[len(r.path)-1]
	top.key = key
	top.count++
	r.space()
	if r.pos == len(r.text) || r.text[r.pos] != ':' {
		r.fail("malformed-json", "there is no colon at octet %d", r.pos+1)
		return "", false
	}
	r.pos++
	return key, r.counted()
}

// NextItem begins the next item of the array that the Reader is in. At the end
// of the array it leaves it and returns false.
func (r *Reader) NextItem() bool {
	if !r.next(']') {
		return false
	}
	r.path[len(r.path)-1].count++
	return r.counted()
}

// next consumes the comma before a further member, or the end and leaves.
func (r *Reader) next(end byte) bool {
	if r.err != nil {
		return false
	}
	r.space()
	top := &r.path[len(r.path)-1]
	switch {
	case r.pos == len(r.text):
		r.fail("malformed-json", "the text ends inside an object or array")
		return false
	case r.text[r.pos] == end:
		r.pos++
		r.path = r.path[:len(r.path)-1]
		return false
	case top.count == 0:
		return true
	case r.text[r.pos] == ',':
		r.pos++
		return true
	}
	r.fail("malformed-json", "there is no comma at octet %d", r.pos+1)
	return false
}

// counted counts one more member of the text.
func (r *Reader) counted() bool {
	r.members++
	if r.members > MaxMembers {
		r.fail("too-many-members", "objects and arrays have more than %d members in total", MaxMembers)
	}
	return r.err == nil
}

// Skip consumes the next value, whatever it is.
func (r *Reader) Skip() {
	switch r.Peek() {
	case NullKind:
		r.Null()
	case TrueKind, FalseKind:
		r.Bool()
	case NumberKind:
		r.Number()
	case StringKind:
		r.Text()
	case ArrayKind:
		r.EnterArray()
		for r.NextItem() {
			r.Skip()
		}
	case ObjectKind:
		r.EnterObject()
		for _, ok := r.NextMember(); ok; _, ok = r.NextMember() {
			r.Skip()
		}
	}
}

// End requires that nothing follows, and returns the first mistake, or nil.
func (r *Reader) End() error {
	r.space()
	if r.pos < len(r.text) {
		r.fail("trailing-data", "something follows the JSON text at octet %d", r.pos+1)
	}
	return r.Err()
}

// expect reports whether the next value is of the given kind; else it fails.
func (r *Reader) expect(kind byte) bool {
	got := r.Peek()
	if got != kind && r.err == nil {
		r.fail("wrong-type", "the value at octet %d is of the wrong type", r.pos+1)
	}
	return got == kind
}

// at reports whether the rest of the text begins with word.
func (r *Reader) at(word string) bool { return strings.HasPrefix(r.text[r.pos:], word) }

// space passes over white space.
func (r *Reader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\n', '\t', '\r':
			r.pos++
		default:
			return
		}
	}
}

// fail notes the first mistake and ends the text.
func (r *Reader) fail(code, format string, args ...any) {
	r.failAt(r.Pointer(), code, format, args...)
}

func (r *Reader) failAt(pointer, code, format string, args ...any) {
	if r.err == nil {
		place := fault.Place{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)}
		r.err = fault.New(fault.Invalid, "record.Reader", "%s", place.Detail).Coded(code).At(place)
	}
	r.text, r.pos = "", 0
}
