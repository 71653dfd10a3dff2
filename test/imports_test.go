// Package test holds what spans packages: who may import whom, that the
// documentation is true, and tests of the whole server.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/portolan-io/portolan"

// A rule says what the packages it is about may import besides the standard
// library. Patterns are matched by path.Match; a trailing /... matches below.
type rule struct {
	packages string
	inside   []string // of this module
	outside  []string // of others, by the beginning of their path
}

// rules are tried in order; the first that is about a package decides. They are
// the table of docs/design.md, "Who may import whom".
var rules = []rule{
	{"core/query/querytest", []string{"core/*"}, nil},
	{"core/*", []string{"core/*"}, nil},
	{"core", []string{"core/*", "ports/*"}, nil},
	{"ports/contract", nil, nil},
	{"ports/*", []string{"core/*", "ports/*"}, nil},
	{"ports/*/*", []string{"core/...", "ports/*"}, nil},
	{"adapters/internal/gormstore", []string{"core/*", "ports/*"}, []string{"gorm.io/gorm"}},
	{"adapters/internal/outgoing", nil, nil},
	{"adapters/internal/bearer", []string{"core/*", "ports/*", "adapters/internal/outgoing"}, []string{"github.com/golang-jwt/jwt/v5"}},
	{"adapters/internal/bearer/bearertest", []string{"ports/*"}, []string{"github.com/golang-jwt/jwt/v5"}},
	{"adapters/internal/memo", nil, nil},
	{"adapters/internal/expiry", nil, nil},
	{"adapters/internal/kept", []string{"core/*", "ports/*"}, nil},
	{"adapters/internal/figures", []string{"core/*"}, []string{"github.com/prometheus/client_golang"}},
	{"adapters/otel/oteltest", []string{"core/*", "ports/*", "ports/telemetry/telemetrytest"}, []string{"go.opentelemetry.io/proto/", "google.golang.org/grpc", "google.golang.org/protobuf"}},
	{"adapters/internal/spans", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"go.opentelemetry.io/"}},
	{"adapters/memory", []string{"core/*", "ports/*", "adapters/internal/*"}, nil},
	{"adapters/sqlite", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"gorm.io/gorm", "github.com/ncruces/go-sqlite3"}},
	{"adapters/postgres", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"gorm.io/gorm", "gorm.io/driver/postgres", "github.com/jackc/pgx/v5"}},
	{"adapters/datastore", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"cloud.google.com/go/datastore", "google.golang.org/api", "google.golang.org/grpc", "google.golang.org/protobuf", "golang.org/x/sync"}},
	{"adapters/sqlserver", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"gorm.io/gorm", "gorm.io/driver/sqlserver", "github.com/microsoft/go-mssqldb", "github.com/Azure/azure-sdk-for-go/sdk/azidentity"}},
	{"adapters/bigcache", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"github.com/allegro/bigcache/v3"}},
	{"adapters/redis", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"github.com/redis/go-redis/v9"}},
	{"adapters/audit", []string{"core/*"}, nil},
	{"adapters/env", []string{"core/*", "ports/*"}, nil},
	{"adapters/file", []string{"core/*", "ports/*"}, nil},
	{"adapters/cloudkms", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"cloud.google.com/go/kms", "google.golang.org/api", "google.golang.org/grpc", "google.golang.org/protobuf"}},
	{"adapters/keeper", []string{"core/*", "ports/*"}, nil},
	{"adapters/vault", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"github.com/hashicorp/vault/api"}},
	{"adapters/keyvault", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"github.com/Azure/azure-sdk-for-go/sdk/"}},
	{"adapters/secretmanager", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"cloud.google.com/go/secretmanager", "google.golang.org/api", "google.golang.org/grpc", "google.golang.org/genproto/googleapis/rpc"}},
	{"adapters/local", []string{"core/*", "ports/*"}, []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/crypto/argon2", "golang.org/x/text/unicode/norm"}},
	{"adapters/maillog", []string{"core/*", "ports/*"}, nil},
	{"adapters/smtp", []string{"core/*", "ports/*"}, []string{"github.com/wneessen/go-mail"}},
	{"adapters/oidc", []string{"core/*", "ports/*", "adapters/internal/*"}, nil},
	{"adapters/oauth", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"golang.org/x/oauth2"}},
	{"adapters/entra", []string{"core/*", "ports/*", "adapters/internal/*"}, nil},
	{"adapters/firebase", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"cloud.google.com/go/auth"}},
	{"adapters/otel", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"go.opentelemetry.io/"}},
	{"adapters/stdout", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"go.opentelemetry.io/"}},
	{"adapters/cloudtrace", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"go.opentelemetry.io/", "golang.org/x/oauth2"}},
	{"adapters/appinsights", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"go.opentelemetry.io/", "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "github.com/Azure/azure-sdk-for-go/sdk/azcore"}},
	{"adapters/cloudtrace/cloudtracetest", nil, nil},
	{"adapters/appinsights/appinsightstest", []string{"adapters/otel/oteltest", "ports/telemetry/telemetrytest"}, nil},
	{"adapters/prometheus", []string{"core/*", "ports/*", "adapters/internal/*"}, []string{"github.com/prometheus/client_golang"}},
	{"adapters/layer", []string{"core/*", "ports/*"}, nil},
	{"adapters/httpapi", []string{"core", "core/*", "ports/*"}, []string{"github.com/gorilla/mux", "github.com/swaggo/files/v2", "github.com/klauspost/compress", "github.com/rs/cors"}},
	{"bootstrap", []string{"core", "core/*", "ports/*", "ports/repository/repositorytest", "ports/cache/cachetest", "ports/limit/limittest", "adapters/*", "configs"}, []string{
		"go.uber.org/fx", "go.uber.org/dig", "go.yaml.in/yaml/v3", "github.com/invopop/jsonschema",
		"github.com/spf13/cobra", "github.com/schollz/progressbar/v3", "golang.org/x/term",
	}},
	{"configs", nil, nil},
	{"test/...", []string{"..."}, []string{""}},
	{".", []string{"bootstrap"}, nil},
}

func TestImports(t *testing.T) {
	root := ".."
	files := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if entry.IsDir() && file != root {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return filepath.SkipDir // another module
			}
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files++
			checkImports(t, root, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were checked: is the test looking in the right place?", files)
	}
}

func checkImports(t *testing.T, root, file string) {
	t.Helper()
	relative, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	pkg := filepath.ToSlash(relative)
	allowed, ok := ruleFor(pkg)
	if !ok {
		t.Errorf("%s: no rule says what package %s may import; add one to the table", file, pkg)
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if !allowed.allows(imported) {
			t.Errorf("%s: package %s may not import %s", file, pkg, imported)
		}
	}
}

func ruleFor(pkg string) (rule, bool) {
	for _, r := range rules {
		if match(r.packages, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
		for _, pattern := range r.inside {
			if match(pattern, inside) {
				return true
			}
		}
		return false
	}
	for _, prefix := range r.outside {
		if strings.HasPrefix(imported, prefix) {
			return true
		}
	}
	return false
}

func match(pattern, name string) bool {
	if before, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(name+"/", before)
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// TestRules shows that the table forbids what it should.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		pkg, imported string
		want          bool
	}{
		{"core/query", "strings", true},
		{"core/query", module + "/core/record", true},
		{"core/query", module + "/ports/repository", false},
		{"core/query", "github.com/google/go-cmp/cmp", false},
		{"core", module + "/ports/repository", true},
		{"core", module + "/adapters/memory", false},
		{"adapters/memory", module + "/core", false},
		{"adapters/memory", module + "/adapters/sqlite", false},
		{"adapters/sqlite", module + "/adapters/internal/gormstore", true},
		{"adapters/sqlite", "go.uber.org/fx", false},
		{"adapters/httpapi", module + "/core", true},
		{"adapters/httpapi", module + "/adapters/memory", false},
		{"bootstrap", "go.uber.org/fx", true},
		{"bootstrap", module + "/test", false},
		{".", module + "/core", false},
	} {
		r, ok := ruleFor(tt.pkg)
		if !ok {
			t.Errorf("no rule for %s", tt.pkg)
		} else if got := r.allows(tt.imported); got != tt.want {
			t.Errorf("may %s import %s: got %t, want %t", tt.pkg, tt.imported, got, tt.want)
		}
	}
}
