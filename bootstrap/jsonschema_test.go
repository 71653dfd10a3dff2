package bootstrap

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/configs"
)

var update = flag.Bool("update", false, "write what is tested against")

// TestSchemaFile keeps configs/portolan.schema.json equal to what the structs
// and their comments say.
func TestSchemaFile(t *testing.T) {
	t.Chdir("..") // comments are found by their path in the module
	reflector := &jsonschema.Reflector{}
	for _, dir := range []string{"./bootstrap", "./adapters"} {
		if err := reflector.AddGoComments("github.com/portolan-io/portolan", dir, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for key, comment := range reflector.CommentMap {
		reflector.CommentMap[key] = strings.Join(strings.Fields(comment), " ")
	}
	want, err := schemaText(schemaOf(builtin(), reflector))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("configs", schemaFile)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the structs say; run go test ./bootstrap -update (-want +got):\n%s", path, diff)
	}
}

// compiled returns the kept schema, ready to validate.
func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	text, err := configs.Files.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource(schemaFile, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON returns YAML as the values that JSON has.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	octets, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(octets))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestShippedConfigsFitTheSchema(t *testing.T) {
	schema := compiled(t)
	names, err := fs.Glob(configs.Files, "*.yaml")
	if err != nil || len(names) < 2 {
		t.Fatalf("configurations %v, error %v", names, err)
	}
	for _, name := range names {
		text, err := configs.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s does not fit the schema: %v", name, err)
		}
		const first = "# yaml-language-server: $schema=" + schemaFile + "\n"
		if !strings.HasPrefix(string(text), first) {
			t.Errorf("%s does not begin with %q", name, first)
		}
	}
}

// TestSchemaRefuses shows that the schema is not one that everything fits.
func TestSchemaRefuses(t *testing.T) {
	schema := compiled(t)
	for _, text := range []string{
		`{}`,
		`{repository: {driver: mongo}}`,
		`{repository: {driver: memory}, colections: {}}`,
		`{repository: {driver: sqlite, sqlite: {pth: x}}}`,
		`{repository: {driver: memory}, service: {docs: secret}}`,
		`{repository: {driver: memory}, service: {drain_delay: fast}}`,
		`{repository: {driver: memory}, service: {max_body: big}}`,
		`{repository: {driver: memory}, telemetry: {driver: prometheus}}`,
		`{repository: {driver: memory}, collections: {a: {fields: {x: {type: text}}}}}`,
		`{repository: {driver: memory}, collections: {a: {fields: {x: {max: 3}}}}}`,
		`{repository: {driver: memory}, collections: {a: {fields: {x: {type: list, items: json}}}}}`,
		`{repository: {driver: memory}, collections: {a: {access: {admin: {all: maybe}}}}}`,
	} {
		if schema.Validate(asJSON(t, []byte(text))) == nil {
			t.Errorf("the schema takes %s", text)
		}
	}
	for _, text := range []string{
		`{repository: {driver: sqlite, sqlite: {path: a.db, max_conns: 4, busy_timeout: 5s}}}`,
		`{repository: {driver: memory}, collections: {a: {fields: {x: {type: list, items: string}}}}}`,
		`{repository: {driver: memory, memory: null}, service: {max_body: "${MAX}"}}`,
		`{repository: {driver: memory}, collections: {a: {fields: {x: {type: int, min: 1, max: "9"}}, access: {r: {read: {where: "x eq 1"}}}}}}`,
	} {
		if err := schema.Validate(asJSON(t, []byte(text))); err != nil {
			t.Errorf("the schema refuses %s: %v", text, err)
		}
	}
}
