package bootstrap

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

func TestDriversTable(t *testing.T) {
	if err := checkDrivers(builtin()); err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]string)
	for _, port := range []string{"repository", "cache", "secrets", "keys", "auth", "telemetry"} {
		got[port] = namesOf(builtin(), port)
	}
	want := map[string][]string{
		"repository": {"datastore", "memory", "postgres", "sqlite", "sqlserver"}, "cache": {"bigcache", "memory", "redis"}, "secrets": {"env", "file", "keyvault", "secretmanager", "vault"}, "keys": {"cloudkms", "keyvault", "local", "transit"}, "auth": {"entra", "firebase", "local", "oidc"}, "telemetry": {"appinsights", "cloudtrace", "otlp", "prometheus", "stdout"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("drivers (-want +got):\n%s", diff)
	}
}

// TestGraph shows that everything the server needs can be made.
func TestGraph(t *testing.T) {
	options := graph(t.Context(), &document{}, builtin(), variables(nil), &closers{})
	if err := fx.ValidateApp(options, fx.Supply(logTo{}, surroundings{}), fx.Invoke(func(*generation) {})); err != nil {
		t.Error(err)
	}
	if fx.ValidateApp(options, fx.Invoke(func(*generation) {})) == nil {
		t.Error("a graph without a place for logs is valid")
	}
}

func TestCheckDrivers(t *testing.T) {
	number := func(context.Context, int) (*memory.Store, error) { return nil, nil }
	for _, tt := range []struct {
		name    string
		drivers []Driver
		want    string
	}{
		{"same name", []Driver{Repository("memory", memory.Open), Repository("memory", memory.Open)}, "there are two drivers called memory for the port repository"},
		{"no name", []Driver{Repository("", memory.Open)}, "a driver of the port repository has no name that a configuration can use"},
		{"a key's name", []Driver{Repository("driver", memory.Open)}, "a driver of the port repository has no name that a configuration can use"},
		{"no struct", []Driver{Repository("n", number)}, "the settings of the driver n of the port repository are no struct"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := checkDrivers(tt.drivers); err == nil || fault.Of(err).Detail != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// chartConfig are the settings of a driver that a third party adds.
type chartConfig struct {
	Scale    int           `yaml:"scale" jsonschema:"required"`
	Password secrets.Value `yaml:"password"`
	User     string        `yaml:"user"`
}

// TestThirdPartyDriver chooses a driver that is not part of the program, with a
// section of its own and secrets in it.
func TestThirdPartyDriver(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CHART_PASSWORD", "abc")
	t.Setenv("CHART_USER", "ann")
	path := filepath.Join(dir, "c.yaml")
	text := `repository: {driver: chart, chart: {scale: 3, password: "secret://chart-password", user: "secret://chart-user"}}
secrets: {driver: env}
collections: {a: {fields: {x: {type: int}}}}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got chartConfig
	driver := Repository("chart", func(ctx context.Context, config chartConfig) (*memory.Store, error) {
		got = config
		return memory.Open(ctx, memory.Config{})
	})
	var out bytes.Buffer
	if code := Main([]string{"validate", "-c", path}, &out, driver); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, out.String())
	}
	password, err := got.Password(t.Context())
	if got.Scale != 3 || got.User != "ann" || password != "abc" || err != nil {
		t.Errorf("settings %+v, password %q, error %v", got, password, err)
	}
	t.Setenv("CHART_PASSWORD", "rotated")
	if password, _ := got.Password(t.Context()); password != "rotated" {
		t.Errorf("after a rotation the password is %q", password)
	}
	out.Reset()
	if code := Main([]string{"config", "schema"}, &out, driver); code != exitOK || !strings.Contains(out.String(), `"scale"`) {
		t.Errorf("the schema does not have the driver; exit code %d", code)
	}
}

// TestRelativePaths shows where a path was looked up if it leads to nothing.
func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newProgram(t)
	c.must(t, "init", "--profile", "sqlite", "--dir", "shop")
	above, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "validate"} {
		code, _, errs := c.do(t, command, "-c", "shop/portolan.yaml")
		want := "dir is " + filepath.Join(above, "secrets") + ", because paths are relative to the working directory"
		if code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s\nwant %s", command, code, errs, want)
		}
	}
	t.Setenv("PORTOLAN_DB", "none/shop.db")
	t.Chdir("shop")
	want := "path is " + filepath.Join(above, "shop/none/shop.db") + ", because paths"
	if code, _, errs := c.do(t, "serve"); code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, %s\nwant %s", code, errs, want)
	}
}

// TestDuplicateDriver shows that a third party cannot replace a driver unseen.
func TestDuplicateDriver(t *testing.T) {
	p := newProgram(t, slices.Concat(builtin(), []Driver{Repository("memory", memory.Open)})...)
	for _, args := range [][]string{{"serve"}, {"validate"}, {"config", "schema"}} {
		code, _, errs := p.do(t, args...)
		if code != exitFailed || !strings.Contains(errs, "there are two drivers called memory for the port repository") {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
}

// TestSecretsThatCannotBeHad shows that the start is refused with the line.
func TestSecretsThatCannotBeHad(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no port", "service: {key_pepper: \"secret://pepper\"}\n",
			`:1: service.key_pepper: the secret pepper cannot be had: no secrets port is configured; write secrets: {driver: env}, for one`},
		{"no secret", "secrets: {driver: env}\nservice: {key_pepper: \"secret://not-there-at-all\"}\n",
			`:2: service.key_pepper: the secret not-there-at-all cannot be had: `},
		{"a version of what has none", "secrets: {driver: env}\nservice: {key_pepper: \"secret://PATH@1\"}\n",
			`:2: service.key_pepper: the secret PATH@1 cannot be had: the driver env keeps no versions of secrets, so there is no version 1 of PATH; leave out @1; vault, keyvault and secretmanager keep versions`},
		{"a field of what has none", "secrets: {driver: env}\nservice: {key_pepper: \"secret://PATH#it\"}\n",
			`:2: service.key_pepper: the secret PATH#it cannot be had: the secret PATH is no JSON object, and has no field it; leave out #it, or keep`},
		{"no field", "service: {key_pepper: \"secret://pepper#\"}\n",
			`:1: service.key_pepper: "secret://pepper#" does not name a secret; write secret://name with letters, digits, dots, dashes and slashes, and #field or @version behind it`},
		{"two capitals", "secrets: {driver: env}\nservice: {key_pepper: \"secret://PATH\", cursor_key: \"secret://Path\"}\n",
			`:2: service.cursor_key: the secrets PATH and Path differ in capitals alone, which not every store tells apart; write one of them, or give one another name`},
		{"secret of secrets", "secrets: {driver: file, file: {dir: \"secret://dir\"}}\n",
			`:1: secrets.file.dir: the secret dir cannot be had: the secrets port itself cannot refer to secrets`},
		{"short pepper", "service: {key_pepper: short}\n",
			"service.key_pepper has 5 octets, but must have 32 or more"},
		{"an example", "service: {cursor_key: change-me-to-something-that-is-long-enough}\n",
			"service.cursor_key is an example or a pattern, which anybody can guess\n  make one with openssl rand -base64 32"},
		{"a pattern", "service: {key_pepper: abababababababababababababababababab}\n",
			"service.key_pepper is an example or a pattern, which anybody can guess"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			text := tt.text + "repository: {driver: memory}\ncollections: {a: {fields: {x: {type: int}}}}\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, errs := newProgram(t).do(t, "validate", "-c", path)
			if code != exitFailed || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, %s\nwant %s", code, errs, tt.want)
			}
		})
	}
}
