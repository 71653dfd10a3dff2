package httpapi

import (
	"bytes"
	"encoding/json"
)

// An object is a JSON object whose members stay in order, so that the document
// reads in the order of the configuration.
type object []member

// A member is one name of an object with its value, which encoding/json can
// write.
type member struct {
	name  string
	value any
}

// array is a JSON array.
type array []any

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, each := range o {
		if i > 0 {
			buf.WriteByte(',')
		}
		name, err := plainJSON(each.name)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(each.value)
		if err != nil {
			return nil, err
		}
		buf.Write(name)
		buf.WriteByte(':')
		buf.Write(value)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// plainJSON writes v without escaping what only HTML needs escaped.
func plainJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// with returns o with one more member.
func (o object) with(name string, value any) object {
	return append(o[:len(o):len(o)], member{name, value})
}

// ref returns the reference to a component.
func ref(section, name string) object {
	return object{{"$ref", "#/components/" + section + "/" + name}}
}
