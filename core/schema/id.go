package schema

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// ParseID returns the id that text, of a path or a list of ids, writes: an int
// id as a decimal without sign or leading zeros, a string id as it is. What no
// record of the collection can have as its id is fault.Invalid with the code
// invalid-id.
func (c *Collection) ParseID(text string) (record.ID, error) {
	want := ""
	switch {
	case c.IDField().Type == record.IntType:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || text[0] == '0' || text[0] == '+' {
			want = "an id here is a whole number from 1, without sign or leading zeros"
		}
	default:
		want = wrongID(text)
	}
	if want != "" {
		return "", fault.New(fault.Invalid, "schema.ParseID", "%s", want).Coded("invalid-id")
	}
	return record.ID(text), nil
}

// wrongID returns a sentence about what forbids text as a string id, or
// nothing. The weakest store and the paths of URLs set the rules.
func wrongID(text string) string {
	switch {
	case text == "":
		return "an id cannot be empty"
	case len(text) > record.MaxIDBytes:
		return "an id has at most " + strconv.Itoa(record.MaxIDBytes) + " octets"
	case !utf8.ValidString(text):
		return "an id must be valid UTF-8"
	case strings.ContainsAny(text, `/\`) || strings.ContainsFunc(text, unicode.IsControl):
		return "an id holds no control characters, no slash and no backslash"
	case text[0] == '$':
		return "an id does not begin with a dollar sign"
	case text[len(text)-1] == ' ':
		return "an id does not end with a space"
	case text == "." || text == "..":
		return "an id is neither one dot nor two"
	case hides(text):
		return "an id does not hide, percent-encoded, what it may not hold"
	case len(text) >= 4 && strings.HasPrefix(text, "__") && strings.HasSuffix(text, "__"):
		return "an id does not both begin and end with two underscores"
	}
	return ""
}

// hides reports whether text, percent-decoded once more or several times, would
// be what no segment of a path may be: proxies on the way may decode it.
func hides(text string) bool {
	for {
		decoded, err := url.PathUnescape(text)
		if err != nil || decoded == text {
			return false
		}
		if strings.ContainsAny(decoded, `/\`) || strings.ContainsFunc(decoded, unicode.IsControl) ||
			decoded == "." || decoded == ".." || strings.HasPrefix(decoded, "$") {
			return true
		}
		text = decoded
	}
}

// IDOf returns the id of the record with the given fields. A missing id has the
// code required, any other that no record can have the code invalid-id; both
// are fault.Invalid with a Place.
func (c *Collection) IDOf(fields []record.Value) (record.ID, error) {
	f, v := c.IDField(), fields[c.ID]
	if place := c.checkID(v); place != nil {
		return "", fault.New(fault.Invalid, "schema.IDOf", "%s", place.Detail).Coded(place.Code).At(*place)
	}
	if f.Type == record.IntType {
		return record.ID(strconv.FormatInt(v.AsInt(), 10)), nil
	}
	return record.ID(v.AsString()), nil
}

// checkID returns what is wrong with v as an id of the collection.
func (c *Collection) checkID(v record.Value) *fault.Place {
	f := c.IDField()
	if v.IsNull() {
		return f.place("required", "the id is missing")
	}
	if v.Type() != f.Type {
		return f.place("wrong-type", "the id must be %s", f.want())
	}
	if f.Type == record.IntType {
		if v.AsInt() < 1 {
			return f.place("invalid-id", "an id here is a whole number from 1")
		}
		return nil
	}
	if want := wrongID(v.AsString()); want != "" {
		return f.place("invalid-id", "%s", want)
	}
	if c.Generated && (!isUUID(v.AsString()) || strings.ToLower(v.AsString()) != v.AsString()) {
		return f.place("invalid-id", "an id here is a UUID in small letters")
	}
	return nil
}

// IDValue returns the value that the id field of the record with the given id
// has. The id is one of ParseID or IDOf.
func (c *Collection) IDValue(id record.ID) record.Value {
	if c.IDField().Type != record.IntType {
		return record.String(string(id))
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	if err != nil {
		return record.Null // no id of this collection
	}
	return record.Int(n)
}
