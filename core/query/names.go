package query

import (
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

// Names are what a text may speak of.
type Names struct {
	Collection *schema.Collection
	Hidden     []bool // by position: fields that are as unknown as those that do not exist; nil is none
	Claims     bool   // @claims may be used, because this is a row policy
}

// hides reports whether the field at the position is hidden.
func (n Names) hides(position int) bool { return n.Hidden != nil && n.Hidden[position] }

// position returns where the field is, unless it is hidden.
func (n Names) position(name string) (int, bool) {
	position, ok := n.Collection.Position(name)
	return position, ok && !n.hides(position)
}

// Visible returns the positions of the fields that are not hidden.
func (n Names) Visible() []int {
	var visible []int
	for i := range n.Collection.Fields {
		if !n.hides(i) {
			visible = append(visible, i)
		}
	}
	return visible
}

// Unknown adds to err, the error for a field that is not there, a hint that names
// the nearest and the fields that are, and returns err. It never names a hidden one.
func (n Names) Unknown(err *fault.Error, name string) *fault.Error {
	names := n.Collection.Names(n.Visible())
	if near := fault.Nearest(name, names); near != "" {
		return err.Hinting("did you mean %s? the fields are %s", near, strings.Join(names, ", "))
	}
	return err.Hinting("the fields are %s", strings.Join(names, ", "))
}
