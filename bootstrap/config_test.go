package bootstrap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/configs"
	"github.com/portolan-io/portolan/core/policy"
)

// variables is an environment of the given variables alone.
func variables(pairs map[string]string) environment {
	return func(name string) (string, bool) {
		value, ok := pairs[name]
		return value, ok
	}
}

// check reads a configuration and its meaning, and returns what is wrong.
func check(t *testing.T, text string) error {
	t.Helper()
	env := variables(map[string]string{"PORT": "8000", "EMPTY": ""})
	doc, err := parseDocument("c.yaml", []byte(text), env, "")
	if err != nil {
		return err
	}
	s, err := doc.read(builtin(), env, nil)
	if err != nil {
		return err
	}
	_, err = s.collections()
	return err
}

// right is a configuration without mistakes, of eleven lines.
const right = `service: {listen: "127.0.0.1:${PORT:-8080}"}
repository: {driver: memory}
collections:
  things:
    id: id
    fields:
      id: {type: int}
      name: {type: string, max: 10}
      price: {type: decimal, precision: 5, scale: 2}
      owner: {type: string}
    access: {anonymous: {read: true}}
`

func TestRightConfig(t *testing.T) {
	if err := check(t, right); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenConfigs(t *testing.T) {
	const keys = "the keys are "
	for _, tt := range []struct {
		name     string
		old, new string // what is replaced in the right configuration
		want     string
	}{
		{"unknown key", "service: {", "servis: {}\nservice: {",
			`c.yaml:1: there is no key servis here; did you mean service? The keys are service, repository, cache, near_cache, limit, limits, secrets, keys, auth, accounts, mail, telemetry, audit, include, collections and development`},
		{"unknown key of service", "{listen:", "{lisen:",
			`c.yaml:1: service: there is no key lisen here; did you mean listen? The keys are listen, admin, tls, public_url, base, docs, log, log_level, drain_delay, header_timeout, read_timeout, request_timeout, idle_timeout, max_header, max_body, max_import, spool, max_connections, trusted_proxies, key_pepper, other_key_peppers, cursor_key, other_cursor_keys, instances, rereads and cors`},
		{"unknown key of field", "max: 10", "lenght: 10",
			`c.yaml:8: collections.things.fields.name: there is no key lenght here; ` + keys + `type, items, required, read_only, min, max, format, enum, precision, scale, derive, references, enforce, encrypted, expand and from`},
		{"unknown key of rule", "read: true", "read: {were: x}",
			"c.yaml:11: collections.things.access.anonymous.read: there is no key were here; did you mean where? The only one is where\n" +
				"c.yaml:11: collections.things.access.anonymous.read: where is missing"},
		{"key twice", "    id: id", "    id: id\n    id: name",
			`c.yaml:6: collections.things: the key id is given twice; it was first given in line 5`},
		{"later key", "repository:", "events: {driver: memory}\nrepository:",
			`c.yaml:2: events is not available in this version; leave it out`},
		{"later key of collection", "    id: id", "    id: id\n    consent: {}",
			`c.yaml:6: collections.things: consent is not available in this version; leave it out`},
		{"later key of field", "max: 10", "personal: true",
			`c.yaml:8: collections.things.fields.name: personal is not available in this version; leave it out`},
		{"no repository", "repository: {driver: memory}", "include: []",
			`c.yaml:1: repository is missing`},
		{"no driver named", "{driver: memory}", "{memory: {}}",
			`c.yaml:2: repository: driver is missing; name one, as in {driver: memory}`},
		{"unknown driver", "{driver: memory}", "{driver: memori}",
			`c.yaml:2: repository: there is no driver called memori for the port repository; did you mean memory? The drivers are datastore, memory, postgres, sqlite and sqlserver`},
		{"unknown driver's section", "{driver: memory}", "{driver: memory, mongo: {}}",
			`c.yaml:2: repository: there is no driver called mongo for the port repository; the drivers are datastore, memory, postgres, sqlite and sqlserver`},
		{"unknown key of driver", "{driver: memory}", "{driver: sqlite, sqlite: {pat: x}}",
			`c.yaml:2: repository.sqlite: there is no key pat here; did you mean path? The keys are path, max_conns, synchronous, busy_timeout and acquire_timeout`},
		{"wrong type of driver", "{driver: memory}", "{driver: sqlite, sqlite: {max_conns: many}}",
			`c.yaml:2: repository.sqlite.max_conns: "many" is no whole number that fits here`},
		{"section without keys", "{driver: memory}", "{driver: memory, memory: {size: 1}}",
			`c.yaml:2: repository.memory: there is no key size here; this section has no keys`},
		{"choice instead of list", "collections:", "auth: {driver: local}\ncollections:",
			`c.yaml:3: auth: a list belongs here, [like, this], not a mapping`},
		{"list instead of choice", "{driver: memory}", "[{driver: memory}]",
			`c.yaml:2: repository: a mapping belongs here, keys with values, not a list`},
		{"observer twice", "collections:", "telemetry: [{driver: otlp}, {driver: otlp}]\ncollections:",
			`c.yaml:3: telemetry: the driver otlp is chosen twice`},
		{"value instead of mapping", "service: {listen: \"127.0.0.1:${PORT:-8080}\"}", "service: 8080",
			`c.yaml:1: service: a mapping belongs here, keys with values, not the value "8080"`},
		{"nothing instead of value", "listen: \"127.0.0.1:${PORT:-8080}\"", "listen: ",
			`c.yaml:1: service.listen: one value belongs here, not nothing`},
		{"mapping instead of value", "max: 10", "max: {least: 1}",
			`c.yaml:8: collections.things.fields.name.max: one value belongs here, not a mapping`},
		{"bad duration", "{listen:", "{drain_delay: fast, listen:",
			`c.yaml:1: service.drain_delay: "fast" is no duration; write one like 500ms, 2s or 10m`},
		{"long drain", "{listen:", "{drain_delay: 7s, listen:",
			`c.yaml:1: service.drain_delay: the most allowed is 6s`},
		{"bad bool", "max: 10", "required: yes",
			`c.yaml:8: collections.things.fields.name.required: "yes" is neither true nor false`},
		{"too small", "{listen:", "{max_body: 12, listen:",
			`c.yaml:1: service.max_body: the least allowed is 1024`},
		{"bad enum", "{listen:", "{docs: publik, listen:",
			`c.yaml:1: service.docs: "publik" is not allowed; did you mean public? The allowed values are public, admin and off`},
		{"bad prefix", "{listen:", "{trusted_proxies: [here], listen:",
			`c.yaml:1: service.trusted_proxies: "here" cannot be read as a range of addresses; write one like 10.0.0.0/8`},
		{"bad address", "127.0.0.1:${PORT:-8080}", "8080",
			`c.yaml:1: service.listen: "8080" is no address; write host:port, as in 127.0.0.1:8080 or :8080`},
		{"bad base", "{listen:", "{base: v1/, listen:",
			`c.yaml:1: service.base: "v1/" is no path to begin with; write one like /v1`},
		{"variable not set", "${PORT:-8080}", "${NO_PORT}",
			`c.yaml:1: service.listen: the environment variable NO_PORT is not set; set it, or write ${NO_PORT:-default}`},
		{"no variable", "${PORT:-8080}", "${a b}",
			`c.yaml:1: service.listen: "${a b}" does not name a variable; write ${NAME} or ${NAME:-default}`},
		{"bad secret", "{listen:", "{key_pepper: \"secret://../x\", listen:",
			`c.yaml:1: service.key_pepper: "secret://../x" does not name a secret; write secret://name with letters, digits, dots, dashes and slashes, and #field or @version behind it if that is meant`},
		{"include in the program", "collections:", "include: [\"*.yaml\"]\ncollections:",
			`c.yaml:3: include: the configuration that is part of the program cannot include files`},
		{"merge", "max: 10}", "<<: {max: 10}}",
			`c.yaml:8: collections.things.fields.name: merging with << is not supported; write the keys out`},
		{"no type", "name: {type: string, max: 10}", "name: {max: 10}",
			`c.yaml:8: collections.things.fields.name: type is missing`},
		{"unknown type", "{type: string, max: 10}", "{type: sting}",
			`c.yaml:8: collections.things.fields.name.type: "sting" is not allowed; did you mean string? The allowed values are string, int, float, decimal, bool, time, json, list and bytes`},
		{"unknown reference", "name: {type: string, max: 10}", "name: {type: int, references: thing}",
			`c.yaml:8: collections.things.fields.name.references: there is no collection called thing; did you mean things? The only one is things`},
		{"reference of another type", "name: {type: string, max: 10}", "name: {type: string, references: things}",
			`c.yaml:8: collections.things.fields.name.references: the field is of type string, but the id of things is of type int`},
		{"encrypted without keys", "max: 10", "encrypted: true",
			`c.yaml:8: collections.things.fields.name.encrypted: there are no keys to encrypt it with; write keys: {driver: local, local: {key: "secret://field-key"}}, for one`},
		{"encrypted id", "id: {type: int}", "id: {type: int, encrypted: true}",
			`c.yaml:7: collections.things.fields.id.encrypted: the id cannot be encrypted, because records are found by it`},
		{"rule is a word", "read: true", "read: maybe",
			`c.yaml:11: collections.things.access.anonymous.read: true, false or {where: …} belongs here, not the value "maybe"`},
		{"sample without collections", "collections:", "development: {sample: true}\ncollections:",
			`c.yaml:3: development.sample: the sample needs the collections categories and products`},
		{"no YAML", "repository:", "repository: [",
			`c.yaml:2: this is not YAML: did not find expected ',' or ']'`},
		{"tab", "      price:", "\t    price:",
			`c.yaml:9: this is not YAML: a tab stands in the indentation, where YAML takes spaces alone`},
		{"tab behind spaces", "    fields:", "    \tfields:",
			`c.yaml:6: this is not YAML: a tab stands in the indentation, where YAML takes spaces alone`},
		{"tab in the first line", "service: {", "\tservice: {",
			`c.yaml:1: this is not YAML: a tab stands in the indentation, where YAML takes spaces alone`},
		{"items of lists", "{type: string, max: 10}", "{type: list, items: strng}",
			`c.yaml:8: collections.things.fields.name.items: "strng" is not allowed; did you mean string? The allowed values are string, int, float, decimal, bool, time and bytes`},
		{"two documents", "    access: {anonymous: {read: true}}", "---\na: b",
			`c.yaml:11: a file holds one document; leave out what follows ---`},
		{"several at once", "name: {type: string, max: 10}", "name: {tipe: string}\n      other: {type: strin}",
			"c.yaml:8: collections.things.fields.name: there is no key tipe here; did you mean type? The keys are type, items, required, read_only, min, max, format, enum, precision, scale, derive, references, enforce, encrypted, expand and from\n" +
				"c.yaml:8: collections.things.fields.name: type is missing\n" +
				`c.yaml:9: collections.things.fields.other.type: "strin" is not allowed; did you mean string? The allowed values are string, int, float, decimal, bool, time, json, list and bytes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(right, tt.old) != 1 {
				t.Fatalf("%q is not once in the right configuration", tt.old)
			}
			err := check(t, strings.Replace(right, tt.old, tt.new, 1))
			if err == nil {
				t.Fatal("no mistake was found")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMistakesOfTheCore shows that what the core finds has the line too. Its
// sentences are tested there.
func TestMistakesOfTheCore(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"field", "precision: 5", "precision: 50", "c.yaml:9: collections.things.fields.price.precision: "},
		{"id", "    id: id", "    id: key", "c.yaml:5: collections.things.id: "},
		{"index", "    access:", "    indexes: [[name], [nme]]\n    access:", "c.yaml:11: collections.things.indexes.1"},
		{"derive", "name: {type: string, max: 10}", "name: {type: string, derive: \"slugg(owner)\"}", "c.yaml:8: collections.things.fields.name.derive: "},
		{"policy", "read: true", "read: {where: \"ownr eq 'x'\"}", "c.yaml:11: collections.things.access.anonymous.read.where: "},
		{"write", "read: true", "write: {where: \"ownr eq 'x'\"}", "c.yaml:11: collections.things.access.anonymous.write.where: "},
		{"all", "read: true", "read: true, all: {where: \"ownr eq 'x'\"}", "c.yaml:11: collections.things.access.anonymous.all.where: "},
		{"writable", "read: true", "update: true, writable: [ownr]", "c.yaml:11: collections.things.access.anonymous.writable: "},
		{"nothing writable", "read: true", "update: true, writable: ", "c.yaml:11: collections.things.access.anonymous.writable: "},
		{"writable and read only", "read: true", "update: true, read_only: [name], writable: [owner]", "c.yaml:11: collections.things.access.anonymous.writable: "},
		{"read only", "read: true", "read: true, read_only: [ownr]", "c.yaml:11: collections.things.access.anonymous.read_only: "},
		{"hidden", "{read: true}", "{read: true, hide: [ownr]}", "c.yaml:11: collections.things.access.anonymous.hide"},
		{"name", "  things:", "  docs:", "c.yaml:5: collections.docs: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(t, strings.Replace(right, tt.old, tt.new, 1))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line that begins with %q", err, tt.want)
			}
		})
	}
}

func TestShippedConfigsLoad(t *testing.T) {
	for _, name := range []string{"local.yaml", "sqlite.yaml", "gcp.yaml", "azure.yaml", "onprem.yaml"} {
		text, err := configs.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := strings.NewReplacer("${ENTRA_TENANT}", "11111111-2222-4333-8444-555555555555", "${ENTRA_AUDIENCE}", "0a0a0a0a-1b1b-4c2c-8d3d-4e4e4e4e4e4e")
		if err := check(t, set.Replace(string(text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInclude reads collections from other files, and says which file is wrong.
func TestInclude(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (*settings, error) {
		doc, err := readDocument(filepath.Join(dir, "main.yaml"), variables(nil))
		if err != nil {
			return nil, err
		}
		s, err := doc.read(builtin(), variables(nil), nil)
		if err == nil {
			_, err = s.collections()
		}
		return s, err
	}
	write("main.yaml", "repository: {driver: memory}\ninclude: [\"more/*.yaml\"]\n")
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "main.yaml:2: include: no file matches ") {
		t.Errorf("without files: %v", err)
	}
	write("more/a.yaml", "collections:\n  a: {fields: {x: {type: int}}}\n")
	write("more/b.yaml", "collections:\n  b: {fields: {x: {type: int}}}\n")
	s, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.Collections.names()); diff != "" {
		t.Errorf("collections (-want +got):\n%s", diff)
	}
	write("more/c.yaml", "collections:\n  a: {fields: {x: {type: int}}}\n")
	want := filepath.Join(dir, "more/c.yaml") + ":2: collections.a: another file has a collection called a already"
	if _, err := read(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	write("more/c.yaml", "service: {}\n")
	want = filepath.Join(dir, "more/c.yaml") + ":1: there is no key service here; the only one is collections"
	if _, err := read(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestVariables(t *testing.T) {
	env := variables(map[string]string{"A": "one", "EMPTY": "", "YAML": "{driver: x}"})
	d := &decoder{file: "c.yaml", env: env, found: new(mistakes), nodes: new(int)}
	for _, tt := range []struct{ text, want string }{
		{"${A}", "one"},
		{"x-${A}-${A}", "x-one-one"},
		{"${B:-two}", "two"},
		{"${EMPTY:-two}", "two"},
		{"${EMPTY}", ""},
		{"${B:-}", ""},
		{"$${A}", "${A}"},
		{"$A", "$A"},
		{"${YAML}", "{driver: x}"},
	} {
		node := parseYAML("c.yaml", []byte("'"+tt.text+"'"), d.found)
		if got, ok := d.text(node, ""); got != tt.want || !ok {
			t.Errorf("%s is %q, %v, want %q", tt.text, got, ok, tt.want)
		}
	}
}

// TestEveryKeyOfACollection reads a collection that uses whatever there is.
func TestEveryKeyOfACollection(t *testing.T) {
	const text = `
repository: {driver: memory}
collections:
  categories:
    id: id
    fields:
      id:   {type: int}
      name: {type: string, required: true, max: 200}
      slug: {type: string, max: 200, derive: "slug(name)"}
    access: {anonymous: {read: true}, admin: {all: true}}

  products:
    id: asin                        # a string or int field; omitted: a generated UUIDv7
    fields:
      asin:        {type: string, max: 16}
      title:       {type: string, required: true, max: 500}
      imgUrl:      {type: string, format: uri, max: 500}
      stars:       {type: float, min: 0, max: 5}
      reviews:     {type: int, min: 0}
      price:       {type: decimal, precision: 12, scale: 2, min: 0}
      category_id: {type: int, required: true, references: categories, enforce: true}
      isBestSeller: {type: bool}
      size:        {type: string, enum: [s, m, l]}
      tags:        {type: list, items: string, max: 10}
      made:        {type: time, read_only: true}
      seller:      {type: string, max: 64}
      cost:        {type: decimal, precision: 12, scale: 2}
    indexes: [[category_id, stars desc]]
    cache: {class: bounded, ttl: 30m, scopes: [category_id]}
    max_scan: 10000
    table: {name: amazon.products, managed: false, revision: rowversion}  # an existing table, never altered
    access:
      anonymous: {read: true, hide: [cost, seller]}
      seller:    {read: true, write: {where: "seller eq @claims.sub"}, delete: false, read_only: [cost]}
      admin:     {all: true, allow_from: ["10.0.0.0/8"]}
`
	if err := check(t, text); err != nil {
		t.Error(err)
	}
}

// TestGrantPrecedence shows that a more exact key wins.
func TestGrantPrecedence(t *testing.T) {
	yes, no, some := &Rule{Allowed: true}, &Rule{}, &Rule{Allowed: true, Where: "x eq 1"}
	for _, tt := range []struct {
		name  string
		grant Grant
		want  [4]string // read, create, update, delete
	}{
		{"nothing", Grant{}, [4]string{"-", "-", "-", "-"}},
		{"all", Grant{All: yes}, [4]string{"", "", "", ""}},
		{"all but delete", Grant{All: yes, Delete: no}, [4]string{"", "", "", "-"}},
		{"write over all", Grant{All: yes, Write: some}, [4]string{"", "x eq 1", "x eq 1", "x eq 1"}},
		{"create over write", Grant{Write: some, Create: yes}, [4]string{"-", "", "x eq 1", "x eq 1"}},
		{"no write", Grant{All: yes, Write: no}, [4]string{"", "-", "-", "-"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := tt.grant.spec("r")
			var got [4]string
			for i, rule := range []*policy.RuleSpec{spec.Read, spec.Create, spec.Update, spec.Delete} {
				got[i] = "-"
				if rule != nil {
					got[i] = rule.Where
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
