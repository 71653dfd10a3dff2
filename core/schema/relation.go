package schema

import "strings"

// relation returns what the record that the field refers to is called: what the
// spec says, else the name of the field without _id or Id, else nothing.
func relation(spec FieldSpec) string {
	if spec.References == "" || spec.Expand != "" {
		return spec.Expand
	}
	for _, end := range []string{"_id", "Id"} {
		if name, ok := strings.CutSuffix(spec.Name, end); ok {
			return name
		}
	}
	return ""
}

// checkRelations notes relations without a reference, and those that cannot be a
// member of a record beside its fields.
func (b *builder) checkRelations(spec Spec) {
	expand := make(map[string]string, len(spec.Fields))
	for _, f := range spec.Fields {
		expand[f.Name] = f.Expand
	}
	taken := make(map[string]string)
	for i := range b.Fields {
		f := &b.Fields[i]
		if f.Relation == "" {
			continue
		}
		pointer := "fields/" + f.Name + "/references"
		if expand[f.Name] != "" {
			pointer = "fields/" + f.Name + "/expand"
		}
		_, field := b.positions[f.Relation]
		switch {
		case f.References == "":
			b.wrong(pointer, "misplaced-rule", "only a field with references can be expanded")
		case !fieldName(f.Relation):
			b.wrong(pointer, "invalid-name", "the name of a relation is a letter or _, then letters, digits and _, at most %d in all", maxNameLength)
		case field:
			b.wrong(pointer, "duplicate-name", "$expand=%s would collide with the field %s; name the relation with expand: another", f.Relation, f.Relation)
		case taken[f.Relation] != "":
			b.wrong(pointer, "duplicate-name", "$expand=%s is the relation of %s already; name this one with expand: another", f.Relation, taken[f.Relation])
		}
		taken[f.Relation] = f.Name
	}
}
