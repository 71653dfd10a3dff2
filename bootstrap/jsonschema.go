package bootstrap

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/portolan-io/portolan/configs"
)

// schemaFile is the JSON Schema beside the configurations that are part of the
// program. It has the comments of the Go source as descriptions, which only
// the test that writes it can read.
const schemaFile = "portolan.schema.json"

// writeSchema writes the JSON Schema for the drivers of this program: what is
// kept beside the configurations if these are the built-in ones, else one that
// is made now, without descriptions.
func (p *program) writeSchema() error {
	if len(p.drivers) > len(builtin()) {
		return p.printJSON(schemaOf(p.drivers, &jsonschema.Reflector{}))
	}
	text, err := configs.Files.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}

// schemaOf returns the JSON Schema of configurations for the given drivers.
// reflector may bring comments.
func schemaOf(drivers []Driver, reflector *jsonschema.Reflector) *jsonschema.Schema {
	reflector.FieldNameTag = "yaml"
	reflector.RequiredFromJSONSchemaTags = true
	reflector.DoNotReference = true
	reflector.Anonymous = true
	reflector.Mapper = func(t reflect.Type) *jsonschema.Schema { return mapped(t, reflector) }
	schema := reflector.ReflectFromType(reflect.TypeFor[Config]())
	schema.Title = "The configuration of Portolan"
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		port := f.tag.Get("port")
		if port == "" {
			continue
		}
		property, _ := schema.Properties.Get(f.key)
		choice := choiceSchema(port, drivers, reflector)
		if property.Type == "array" {
			property.Items = choice
			continue
		}
		choice.Description = property.Description
		schema.Properties.Set(f.key, choice)
	}
	return schema
}

// choiceSchema returns the schema of a choice among a port's drivers.
func choiceSchema(port string, drivers []Driver, reflector *jsonschema.Reflector) *jsonschema.Schema {
	choice := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"driver"},
		AdditionalProperties: jsonschema.FalseSchema,
	}
	named := &jsonschema.Schema{Type: "string"}
	choice.Properties.Set("driver", &jsonschema.Schema{
		Description: "The driver that the port is to have.",
		AnyOf:       []*jsonschema.Schema{named, {Type: "string", Pattern: `\$\{`}}, // or a variable names it
	})
	for _, name := range namesOf(drivers, port) {
		named.Enum = append(named.Enum, name)
		at := slices.IndexFunc(drivers, func(d Driver) bool { return d.port == port && d.name == name })
		section := reflector.ReflectFromType(drivers[at].config)
		section.Version = ""
		choice.Properties.Set(name, nullable(section))
	}
	return choice
}

// mapped returns the schemas of types that are not written as Go has them, nil
// for the others.
func mapped(t reflect.Type, reflector *jsonschema.Reflector) *jsonschema.Schema {
	switch t {
	case durationType:
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$|\$\{`}
	case secretType, reflect.TypeFor[netip.Prefix](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[Date]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[Literal]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}}
	case reflect.TypeFor[Choice]():
		return &jsonschema.Schema{}
	case reflect.TypeFor[Rule]():
		rows := reflector.ReflectFromType(reflect.TypeFor[where]())
		rows.Version = ""
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "boolean"}, rows}}
	}
	if named, ok := reflect.Zero(t).Interface().(interface{ item() reflect.Type }); ok {
		values := reflector.ReflectFromType(named.item())
		values.Version = ""
		return &jsonschema.Schema{Type: "object", AdditionalProperties: values}
	}
	switch t.Kind() {
	case reflect.Bool:
		return orVariable("boolean")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return orVariable("integer")
	case reflect.Float32, reflect.Float64:
		return orVariable("number")
	}
	return nil
}

// orVariable is a value of the type, or text that names a variable or a secret.
func orVariable(kind string) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: kind}, {Type: "string", Pattern: `\$\{|^secret://`}}}
}

// nullable is a section of which nothing may be written.
func nullable(section *jsonschema.Schema) *jsonschema.Schema {
	if section.Properties.Len() > 0 {
		return section
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{section, {Type: "null"}}}
}

// schemaText returns the schema as it is kept in a file.
func schemaText(schema *jsonschema.Schema) ([]byte, error) {
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}
