package schema

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// DecodeAs is Decode for the record that is to have the given id: the body may
// leave the id out, but not name another.
func (c *Collection) DecodeAs(id record.ID, body []byte, hidden, readOnly []bool) ([]record.Value, error) {
	fields, err := c.Decode(body, hidden, readOnly)
	if err != nil {
		return nil, err
	}
	given := fields[c.ID]
	fields[c.ID] = c.IDValue(id)
	if !given.IsNull() && !record.Equal(given, fields[c.ID]) {
		place := fault.Place{Pointer: "/" + c.IDField().Name, Code: "id-mismatch", Detail: "the id here is not the one in the path"}
		return nil, fault.New(fault.Invalid, "schema.Decode", "the body names another record than the path").
			Coded("id-mismatch").At(place)
	}
	return fields, nil
}
