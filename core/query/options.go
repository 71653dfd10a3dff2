package query

import (
	"slices"
	"strings"
	"unicode"

	"github.com/portolan-io/portolan/core/fault"
)

// ParseOrder returns the order that text says: fields separated by commas, each
// perhaps followed by asc or desc. It is completed with the id in the direction
// of the last key, and ends where it names the id, after which nothing can
// differ; the empty text is the id ascending.
//
// Every error is fault.Invalid, with the codes of Parse.
func ParseOrder(text string, names Names) ([]Key, error) {
	items, err := split(text)
	if err != nil {
		return nil, err
	}
	var order []Key
	seen := make(map[int]bool, len(items))
	for _, item := range items {
		key, err := names.key(text, item)
		if err != nil {
			return nil, err
		}
		if seen[key.Field] {
			return nil, failAt(text, item.At, "syntax", "%s is there twice", names.Collection.Fields[key.Field].Name)
		}
		seen[key.Field] = true
		order = append(order, key)
	}
	return Complete(order, names.Collection.ID), nil
}

// Complete returns the order with the id as its last key, so that no two records
// are equal in it. Keys behind the id decide nothing and are left out; an id that
// is not among the keys comes in the direction of the last one. Orders and
// declared indexes are completed alike, so that an index serves its order.
func Complete(order []Key, id int) []Key {
	if i := slices.IndexFunc(order, func(key Key) bool { return key.Field == id }); i >= 0 {
		return slices.Clone(order[:i+1])
	}
	last := Key{Field: id}
	if len(order) > 0 {
		last.Desc = order[len(order)-1].Desc
	}
	return append(slices.Clip(order), last)
}

// key returns the key that one item of an order says.
func (n Names) key(text string, item Node) (Key, error) {
	end := strings.IndexFunc(item.Text+" ", unicode.IsSpace)
	name, direction := item.Text[:end], strings.TrimSpace(item.Text[end:])
	position, err := n.option(text, item, name)
	if err != nil {
		return Key{}, err
	}
	f := &n.Collection.Fields[position]
	switch {
	case f.Encrypted:
		return Key{}, sealed(failAt(text, item.At, codeEncrypted, "%s is encrypted, so nothing is ordered by it", f.Name))
	case !f.Sortable():
		return Key{}, failAt(text, item.At, "wrong-type", "%s is of type %s, which has no order", f.Name, f.Type)
	case direction != "" && direction != "asc" && direction != "desc":
		return Key{}, failAt(text, item.At, "syntax", "behind a field stands asc or desc, not %s", direction)
	}
	return Key{position, direction == "desc"}, nil
}

// ParseSelect returns the positions of the fields that text names, separated by
// commas, in declared order. The empty text is every field that is not hidden.
//
// Every error is fault.Invalid, with the codes of Parse.
func ParseSelect(text string, names Names) ([]int, error) {
	items, err := split(text)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return names.Visible(), nil
	}
	var positions []int
	for _, item := range items {
		position, err := names.option(text, item, item.Text)
		if err != nil {
			return nil, err
		}
		if slices.Contains(positions, position) {
			return nil, failAt(text, item.At, "syntax", "%s is there twice", item.Text)
		}
		positions = append(positions, position)
	}
	slices.Sort(positions)
	return positions, nil
}

// option returns the position of the field that an item names.
func (n Names) option(text string, item Node, name string) (int, *fault.Error) {
	if name == "" {
		return 0, failAt(text, item.At, "syntax", "a field is missing")
	}
	position, ok := n.position(name)
	if !ok {
		return 0, n.Unknown(failAt(text, item.At, "unknown-field", "there is no field %s", name), name)
	}
	return position, nil
}

// split cuts a text at its commas, without the white space around the items.
func split(text string) ([]Node, error) {
	if err := readable(text, MaxURLBytes); err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var items []Node
	at := 0
	for item := range strings.SplitSeq(text, ",") {
		lead := len(item) - len(strings.TrimLeft(item, " \t\r\n"))
		items = append(items, Node{Kind: NameNode, Text: strings.TrimSpace(item), At: at + lead})
		at += len(item) + 1
	}
	return items, nil
}
