package bootstrap

import (
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/schema"
)

// What may be written of a view, of its fields and of its grants: everything else
// is as the collection has it.
var (
	viewKeys      = []string{"view_of", "fields", "access", "audit", "deprecated"}
	viewFieldKeys = []string{"from", "expand"}
	viewGrantKeys = []string{"read", "hide", "allow_from"}
)

// JSONSchemaExtend says which fields need a type: those of collections that are
// no views.
func (Collection) JSONSchemaExtend(s *jsonschema.Schema) {
	typed := jsonschema.NewProperties()
	typed.Set("fields", &jsonschema.Schema{AdditionalProperties: &jsonschema.Schema{Required: []string{"type"}}})
	s.If = &jsonschema.Schema{Not: &jsonschema.Schema{Required: []string{"view_of"}}}
	s.Then = &jsonschema.Schema{Properties: typed}
}

// checkTypes notes fields without a type, which those of views do not have, and
// fields that show another without being those of a view.
func (s *settings) checkTypes(found *mistakes) {
	for _, entry := range s.Collections {
		if entry.Value.ViewOf != "" {
			continue
		}
		for _, field := range entry.Value.Fields {
			path := "collections." + entry.Name + ".fields." + field.Name
			if field.Value.Type == "" && child(field.node, "type") == nil && (field.node.Kind == yaml.MappingNode || isNull(field.node)) {
				found.add(entry.file, field.node, path, "type is missing")
			}
			if field.Value.From != "" {
				found.add(entry.file, within(field.node, []string{"from"}), path+".from", "only the fields of a view are from others; write view_of, or leave it out")
			}
		}
	}
}

// views adds the views to what is served, in the order of the configuration, or
// notes what is wrong with them.
func (s *settings) views(served []core.Collection, compiled map[string]*schema.Collection, found *mistakes) []core.Collection {
	names := s.Collections.names()
	for i := range s.Collections {
		entry := &s.Collections[i]
		if entry.Value.ViewOf == "" {
			continue
		}
		if view, ok := s.viewOf(entry, served, compiled, found); ok {
			served = append(served, view)
		}
	}
	slices.SortStableFunc(served, func(a, b core.Collection) int {
		return slices.Index(names, a.Schema.Name) - slices.Index(names, b.Schema.Name)
	})
	return served
}

// note notes a mistake at the keys below the entry of a collection.
func (e *Entry[T]) note(found *mistakes, keys []string, format string, args ...any) {
	found.add(e.file, within(e.node, keys), join("collections."+e.Name, strings.Join(keys, ".")), format, args...)
}

// viewOf returns the view that the entry describes, and false if it cannot be.
func (s *settings) viewOf(entry *Entry[Collection], served []core.Collection, compiled map[string]*schema.Collection, found *mistakes) (core.Collection, bool) {
	_, twice := compiled[entry.Name]
	if twice {
		found.add(entry.file, entry.key, "collections."+entry.Name, "another file has a collection called %s already", entry.Name)
		return core.Collection{}, false
	}
	only := func(keys, allowed []string, what string) {
		for _, key := range keysOf(within(entry.node, keys)) {
			if !slices.Contains(allowed, key) {
				entry.note(found, append(slices.Clone(keys), key), "%s has %s alone; the rest is as %s has it", what, enumerate(allowed, "and"), entry.Value.ViewOf)
			}
		}
	}
	only(nil, viewKeys, "a view")
	for _, field := range entry.Value.Fields {
		only([]string{"fields", field.Name}, viewFieldKeys, "a field of a view")
	}
	for _, grant := range entry.Value.Access {
		only([]string{"access", grant.Name}, viewGrantKeys, "a grant of a view, which is only read,")
	}
	base := compiled[entry.Value.ViewOf]
	at := slices.IndexFunc(served, func(c core.Collection) bool { return c.Schema == base })
	if base == nil || base.Base != nil || at < 0 {
		s.noBase(entry, found)
		return core.Collection{}, false
	}
	spec := schema.ViewSpec{Name: entry.Name}
	for _, field := range entry.Value.Fields {
		spec.Fields = append(spec.Fields, schema.ViewField{Name: field.Name, From: field.Value.From, Expand: field.Value.Expand})
	}
	view, err := base.View(spec)
	compiled[entry.Name] = view
	if err != nil {
		addFault(found, entry.file, entry.node, "collections."+entry.Name, err)
		return core.Collection{}, false
	}
	noted := served[at].Audit
	if entry.Value.Audit != "" {
		noted = auditOf(entry.Value.Audit)
	}
	return core.Collection{
		Schema: view, Access: compileAccess(entry, view, found), Cache: served[at].Cache, Audit: noted, Deprecated: deprecation(entry, found),
	}, true
}

// noBase notes why the view has no collection to show, unless that is wrong itself
// and was told.
func (s *settings) noBase(entry *Entry[Collection], found *mistakes) {
	name := entry.Value.ViewOf
	at := slices.IndexFunc(s.Collections, func(other Entry[Collection]) bool { return other.Name == name })
	switch {
	case name == entry.Name:
		entry.note(found, []string{"view_of"}, "a view is of another collection, not of itself")
	case at < 0:
		entry.note(found, []string{"view_of"}, "there is no collection called %s%s", name, unknown(name, "the collections", s.Collections.names()))
	case s.Collections[at].Value.ViewOf != "":
		entry.note(found, []string{"view_of"}, "%s is a view itself; name the collection %s", name, s.Collections[at].Value.ViewOf)
	}
}

// keysOf returns the keys of a mapping.
func keysOf(node *yaml.Node) []string {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var keys []string
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}
	return keys
}
