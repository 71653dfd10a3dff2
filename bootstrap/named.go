package bootstrap

import (
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Named are values with names, in the order in which they are written.
type Named[T any] []Entry[T]

// An Entry is one of several values with names, and where it is written.
type Entry[T any] struct {
	Name  string
	Value T

	file string
	key  *yaml.Node
	node *yaml.Node
}

// decodeNode reads a mapping of names to values.
func (n *Named[T]) decodeNode(d *decoder, node *yaml.Node, path string) {
	for key, value := range d.pairs(node, path) {
		entry := Entry[T]{Name: key.Value, file: d.file, key: key, node: value}
		d.decode(value, join(path, key.Value), reflect.ValueOf(&entry.Value).Elem(), "")
		*n = append(*n, entry)
	}
}

// names returns the names in their order.
func (n Named[T]) names() []string {
	names := make([]string, len(n))
	for i, entry := range n {
		names[i] = entry.Name
	}
	return names
}

// within returns the node at the given keys below node, as deep as there is
// one: an index of a list counts too.
func within(node *yaml.Node, keys []string) *yaml.Node {
	for _, key := range keys {
		next := child(node, key)
		if next == nil {
			return node
		}
		node = next
	}
	return node
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i, item := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode && key == index(i):
			return item
		case node.Kind == yaml.MappingNode && i%2 == 0 && item.Value == key && i+1 < len(node.Content):
			return node.Content[i+1]
		}
	}
	return nil
}

// each calls visit with each name and value.
func (n Named[T]) each(visit func(name string, value reflect.Value)) {
	for _, entry := range n {
		visit(entry.Name, reflect.ValueOf(entry.Value))
	}
}

// item returns an example of the values, from which a JSON Schema is made.
func (n Named[T]) item() reflect.Type { return reflect.TypeFor[T]() }
