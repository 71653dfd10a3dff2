package bootstrap

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/ports/secrets"
)

// maxNodes is how many nodes of YAML a configuration may have, with aliases
// followed: an alias of aliases would otherwise grow without bound.
const maxNodes = 200_000

// A decoder reads YAML into Go structs, strictly: an unknown key, a key given
// twice or a value of the wrong type is a mistake with its line, and reading
// goes on to find the others. Keys are the fields' yaml tags; a value may name
// variables of the environment and secrets.
//
// yaml.Node.Decode with KnownFields stops at the first mistake and names Go
// types, hence this.
type decoder struct {
	file   string
	env    func(name string) (string, bool)
	secret binding // nil leaves references to secrets as they are written
	found  *mistakes
	nodes  *int // decoded so far

	spelt map[string]string // the names of secrets as they were written first, by their lower case
}

// A binding looks a secret up: how to ask for it, and what it is now.
type binding func(ref secrets.Ref) (value secrets.Value, now string, err error)

// decodesNode is a type that reads itself from YAML.
type decodesNode interface {
	decodeNode(d *decoder, node *yaml.Node, path string)
}

// hasDefaults is a type whose fields have other values than zero if they are
// not given.
type hasDefaults interface{ setDefaults() }

// announces is a type some of whose keys are described but not there yet.
type announces interface{ announced() []string }

// decode reads the node into the value. tag is that of the struct field that
// the value is in.
func (d *decoder) decode(node *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	if *d.nodes++; *d.nodes > maxNodes {
		if *d.nodes == maxNodes+1 {
			d.mistake(node, path, "the configuration has more than %d values", maxNodes)
		}
		return
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if own, ok := into.Addr().Interface().(decodesNode); ok {
		own.decodeNode(d, node, path)
		return
	}
	if isScalar(into.Type()) {
		d.scalar(node, path, into, tag)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.decode(node, path, into.Elem(), tag)
	case reflect.Struct:
		d.structure(node, path, into)
	case reflect.Slice:
		d.list(node, path, into, tag)
	case reflect.Map:
		d.dictionary(node, path, into, tag)
	default:
		d.mistake(node, path, "a value of type %s cannot be configured", into.Type())
	}
}

func (d *decoder) mistake(node *yaml.Node, path, format string, args ...any) {
	d.found.add(d.file, node, path, format, args...)
}

// isNull reports whether nothing was written as the value.
func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// structure reads a mapping into a struct.
func (d *decoder) structure(node *yaml.Node, path string, into reflect.Value) {
	if withDefaults, ok := into.Addr().Interface().(hasDefaults); ok {
		withDefaults.setDefaults()
	}
	fields := fieldsOf(into.Type())
	given := make(map[string]bool)
	for key, value := range d.pairs(node, path) {
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if at < 0 {
			d.unknownKey(key, path, into, fields)
			continue
		}
		given[key.Value] = true
		d.decode(value, join(path, key.Value), into.FieldByIndex(fields[at].index), fields[at].tag)
	}
	for _, f := range fields {
		if f.required() && !given[f.key] && (node.Kind == yaml.MappingNode || isNull(node)) {
			d.mistake(node, path, "%s is missing", f.key)
		}
	}
}

// unknownKey notes a key that the struct does not have.
func (d *decoder) unknownKey(key *yaml.Node, path string, into reflect.Value, fields []field) {
	if later, ok := into.Addr().Interface().(announces); ok && slices.Contains(later.announced(), key.Value) {
		d.mistake(key, path, "%s is not available in this version; leave it out", key.Value)
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	if len(names) == 0 {
		d.mistake(key, path, "there is no key %s here; this section has no keys", key.Value)
		return
	}
	d.mistake(key, path, "there is no key %s here%s", key.Value, unknown(key.Value, "the keys", names))
}

// pairs yields the keys and values of a mapping, each key once. Nothing written
// is an empty mapping.
func (d *decoder) pairs(node *yaml.Node, path string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if isNull(node) {
			return
		}
		if node.Kind != yaml.MappingNode {
			d.mistake(node, path, "a mapping belongs here, keys with values, not %s", kindOf(node))
			return
		}
		lines := make(map[string]int)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch first, twice := lines[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				d.mistake(key, path, "a key must be a plain word")
			case key.Tag == "!!merge":
				d.mistake(key, path, "merging with << is not supported; write the keys out")
			case twice:
				d.mistake(key, path, "the key %s is given twice; it was first given in line %d", key.Value, first)
			default:
				lines[key.Value] = key.Line
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

// list reads a sequence into a slice.
func (d *decoder) list(node *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.mistake(node, path, "a list belongs here, [like, this], not %s", kindOf(node))
		return
	}
	items := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.decode(item, path, items.Index(i), tag)
	}
	into.Set(items)
}

// dictionary reads a mapping into a map with string keys.
func (d *decoder) dictionary(node *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	if into.Type().Key().Kind() != reflect.String {
		d.mistake(node, path, "a value of type %s cannot be configured", into.Type())
		return
	}
	entries := reflect.MakeMap(into.Type())
	for key, value := range d.pairs(node, path) {
		entry := reflect.New(into.Type().Elem()).Elem()
		d.decode(value, join(path, key.Value), entry, tag)
		entries.SetMapIndex(reflect.ValueOf(key.Value).Convert(into.Type().Key()), entry)
	}
	into.Set(entries)
}

// A field is one key of a struct.
type field struct {
	key   string
	index []int
	tag   reflect.StructTag
}

// required reports whether the key must be given.
func (f field) required() bool {
	return slices.Contains(strings.Split(f.tag.Get("jsonschema"), ","), "required")
}

// enumOf returns the values that a tag allows, or nil if all are.
func enumOf(tag reflect.StructTag) []string {
	var values []string
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		if value, ok := strings.CutPrefix(part, "enum="); ok {
			values = append(values, value)
		}
	}
	return values
}

// fieldsOf returns the keys of a struct type in declared order: the names in
// the yaml tags, else the fields' names in lower case, as yaml has it.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || f.Anonymous || key == "-" {
			continue
		}
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		fields = append(fields, field{key, f.Index, f.Tag})
	}
	return fields
}

func join(path, key string) string {
	switch {
	case path == "":
		return key
	case key == "":
		return path
	}
	return path + "." + key
}

// kindOf names what a node is, for a sentence.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if isNull(node) {
		return "nothing"
	}
	return "the value " + quoted(node.Value)
}

// quoted returns a value for a sentence, cut if it is long.
func quoted(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
