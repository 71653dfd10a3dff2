package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A parsedDocument is an OpenAPI document as tests look at it.
type parsedDocument struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]parsedSchema
	}
	text []byte
	all  any
}

type parsedSchema struct {
	Properties map[string]struct{ ReadOnly bool }
	Required   []string
}

// A parsedOperation is one operation with where it is.
type parsedOperation struct {
	Path, Method string
	ID           string `json:"operationId"`
	Security     []map[string][]string
	Responses    map[string]json.RawMessage
}

func parse(t *testing.T, text []byte) *parsedDocument {
	t.Helper()
	d := &parsedDocument{text: text}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatalf("the document is not JSON: %v", err)
	}
	all, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d.all = all
	return d
}

func (d *parsedDocument) operations() []parsedOperation {
	var all []parsedOperation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := parsedOperation{Path: path, Method: strings.ToUpper(method)}
			if method != "parameters" && json.Unmarshal(d.Paths[path][method], &op) == nil {
				all = append(all, op)
			}
		}
	}
	return all
}

// sections returns the names of the components that are referred to, by section.
func (d *parsedDocument) sections(t *testing.T) map[string][]string {
	t.Helper()
	var document struct {
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.text, &document); err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{}
	for section, components := range document.Components {
		if section != "securitySchemes" { // which requirements name without a reference
			sections[section] = slices.Collect(maps.Keys(components))
		}
	}
	return sections
}

// at returns what the JSON pointer leads to, or nil.
func (d *parsedDocument) at(pointer string) any {
	found := d.all
	for _, name := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		members, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		found = members[name]
		if target, ok := members["$ref"].(string); ok && found == nil {
			found = d.at(strings.TrimPrefix(target, "#") + "/" + name)
		}
	}
	if members, ok := found.(map[string]any); ok {
		if target, ok := members["$ref"].(string); ok && len(members) == 1 {
			return d.at(strings.TrimPrefix(target, "#"))
		}
	}
	return found
}

// pointer returns the JSON pointer of the given names.
func pointer(names ...string) string {
	text := ""
	for _, name := range names {
		text += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return text
}

// compile returns the schema at the JSON pointer, which checks formats too.
func (d *parsedDocument) compile(t *testing.T, at string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("document.json", d.all); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("document.json#" + at)
	if err != nil {
		t.Fatalf("the schema at %s: %v", at, err)
	}
	return compiled
}

// TestExamplesKeepTheirSchemas finds every schema that has examples beside or
// within it, and validates them.
func TestExamplesKeepTheirSchemas(t *testing.T) {
	for _, role := range []string{"anonymous", "maker", "mender", "admin"} {
		d := parse(t, documentOf(t, role, append(collections(t), gadgets(t))...))
		checked := 0
		check := func(at string, example any) {
			checked++
			if err := d.compile(t, at).Validate(example); err != nil {
				t.Errorf("%s: the example at %s: %v", role, at, err)
			}
		}
		walk(d.all, "", func(at string, o map[string]any) {
			examples, _ := o["examples"].([]any) // of a schema
			for _, example := range examples {
				check(at, example)
			}
			if _, described := o["schema"]; !described {
				return
			}
			if example, ok := o["example"]; ok {
				check(at+"/schema", example)
			}
			named, _ := o["examples"].(map[string]any)
			for _, example := range named {
				check(at+"/schema", example.(map[string]any)["value"])
			}
		})
		if checked < 50 {
			t.Errorf("%s: only %d examples were found", role, checked)
		}
	}
}

// walk calls visit with every object beneath v and its JSON pointer, but for
// what is within examples.
func walk(v any, at string, visit func(at string, o map[string]any)) {
	switch v := v.(type) {
	case []any:
		for i, each := range v {
			walk(each, at+"/"+strconv.Itoa(i), visit)
		}
	case map[string]any:
		visit(at, v)
		for name, each := range v {
			if name != "example" && name != "examples" {
				walk(each, at+pointer(name), visit)
			}
		}
	}
}
