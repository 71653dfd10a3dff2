package schema

import "strings"

// A ViewSpec describes a view of a collection as a configuration writes it: the
// same records, with fewer fields or under other names. [Collection.View] checks
// it.
type ViewSpec struct {
	Name   string
	Fields []ViewField
}

// A ViewField is one field of a view.
type ViewField struct {
	Name   string
	From   string // the field of the collection that it shows; empty is the one of the same name
	Expand string // as in FieldSpec; empty is as the collection has it, or as the name says
}

// View returns the view of c that spec describes: a Collection whose Base is c.
// It shows the records of c, and nothing is ever stored as its own. What is wrong
// with spec is reported all at once, as New does.
func (c *Collection) View(spec ViewSpec) (*Collection, error) {
	b := &builder{Collection: &Collection{
		Name: spec.Name, ID: -1, Generated: c.Generated, MaxScan: c.MaxScan, Table: c.Table,
		Base: c, positions: make(map[string]int, len(spec.Fields)),
	}}
	b.checkName(false)
	if c.Base != nil {
		b.wrong("view_of", "invalid-rule", "%s is a view itself; name the collection %s", c.Name, c.Base.Name)
	}
	if len(spec.Fields) == 0 {
		b.wrong("fields", "required", "a view names the fields that it shows")
	}
	var shown Spec
	for _, f := range spec.Fields {
		if base := b.show(c, f); base != nil {
			shown.Fields = append(shown.Fields, FieldSpec{Name: f.Name, Expand: f.Expand})
		}
	}
	if b.ID < 0 && len(b.places) == 0 {
		b.wrong("fields", "required", "a view shows the id %s, perhaps under another name, because records are addressed by it", c.IDField().Name)
	}
	b.checkRelations(shown)
	return b.done()
}

// show adds one field to the view, and returns the field that it shows.
func (b *builder) show(c *Collection, f ViewField) *Field {
	pointer := "fields/" + f.Name
	from := f.From
	if from == "" {
		from = f.Name
	}
	position, ok := c.Position(from)
	if !ok {
		b.wrong(pointer, "unknown-field", "%s has no field %q%s", c.Name, from, nearest(from, c.names()))
		return nil
	}
	_, twice := b.positions[f.Name]
	switch {
	case twice:
		b.wrong(pointer, "duplicate-name", "there are two fields called %s", f.Name)
		return nil
	case strings.EqualFold(f.Name, "_rev"):
		b.wrong(pointer, "reserved-name", "no field may be called %s, where stores keep the revision", f.Name)
	case !fieldName(f.Name):
		b.wrong(pointer, "invalid-name", "the name of a field is a letter or _, then letters, digits and _, at most %d in all", maxNameLength)
	}
	base := &c.Fields[position]
	field := *base
	field.Name, field.Derive, field.Enforce, field.ReadOnly = f.Name, "", false, true
	if f.Expand != "" || f.Name != base.Name {
		field.Relation = relation(FieldSpec{Name: f.Name, References: base.References, Expand: f.Expand})
	}
	if position == c.ID {
		b.ID = len(b.Fields)
	}
	b.positions[f.Name] = len(b.Fields)
	b.Fields = append(b.Fields, field)
	b.From = append(b.From, position)
	return base
}
