package test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/test/servers"
)

// TestGoogleCloudProfile starts what init writes for Google Cloud as it is, over the
// emulator, and asks it for what its index.yaml is for.
func TestGoogleCloudProfile(t *testing.T) {
	t.Setenv("DATASTORE_EMULATOR_HOST", servers.Datastore(t))
	t.Setenv("GOOGLE_CLOUD_PROJECT", "demo-shop")
	t.Setenv("PORTOLAN_NAMESPACE", rand.Text())
	t.Setenv("PORTOLAN_SECRETS", "file")
	t.Setenv("PORTOLAN_TRACES", "otlp")
	dir := t.TempDir()
	mustRun(t, dir, "portolan", "init", "--profile", "gcp", "--dir", dir)
	if out := mustRun(t, dir, "portolan", "validate"); !strings.Contains(out, "connectivity  ok") {
		t.Errorf("validate says\n%s", out)
	}
	mustRun(t, dir, "portolan", "validate", "--indexes", "again.yaml")
	if written, again := read(t, filepath.Join(dir, "index.yaml")), read(t, filepath.Join(dir, "again.yaml")); written != again {
		t.Errorf("init wrote\n%s\nand validate\n%s", written, again)
	}
	key := regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, dir, "portolan", "keys", "create", "--subject", "me", "--role", "admin"))

	url := serve(t, dir, "portolan.yaml") + "/v1"
	ask(t, http.MethodPut, url+"/categories/1", `{"name":"Sea charts"}`, http.StatusCreated, "X-API-Key", key)
	for _, product := range []string{`{"asin":"a","title":"A","category_id":1,"stars":3}`, `{"asin":"b","title":"B","category_id":1,"stars":4.5}`} {
		ask(t, http.MethodPost, url+"/products", product, http.StatusCreated, "X-API-Key", key)
	}
	list, _ := ask(t, http.MethodGet, url+"/products?$filter=category_id%20eq%201&$orderby=stars%20desc&$select=asin", "", http.StatusOK)
	if want := `{"value":[{"asin":"b"},{"asin":"a"}]}`; list != want {
		t.Errorf("the list is %s, want %s", list, want)
	}
}

// served starts what init wrote, validated against what it names, and asks it for what
// every profile has.
func served(t *testing.T, dir string) {
	t.Helper()
	if out := mustRun(t, dir, "portolan", "validate"); !strings.Contains(out, "connectivity  ok") || strings.Contains(out, "warning") {
		t.Errorf("validate says\n%s", out)
	}
	url := serve(t, dir, "portolan.yaml") + "/v1"
	key := regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, dir, "portolan", "keys", "create", "--subject", "me", "--role", "admin"))
	ask(t, http.MethodPut, url+"/categories/1", `{"name":"Sea charts"}`, http.StatusCreated, "X-API-Key", key)
	ask(t, http.MethodPost, url+"/products", `{"asin":"a","title":"A","category_id":1,"seller":"me"}`, http.StatusCreated, "X-API-Key", key)
	if list, header := ask(t, http.MethodGet, url+"/products?$select=asin", "", http.StatusOK, "X-API-Key", key); list != `{"value":[{"asin":"a"}]}` || header.Get("RateLimit") == "" {
		t.Errorf("the list is %s, with %v", list, header)
	}
	ask(t, http.MethodGet, url+"/products", "", http.StatusOK)
	ask(t, http.MethodDelete, url+"/products/a", "", http.StatusUnauthorized)
}

// TestAzureProfile starts what init writes for Azure, over the servers that there are
// elsewhere too: PostgreSQL, Redis, and secrets in files.
func TestAzureProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PORTOLAN_REPOSITORY", "postgres")
	t.Setenv("POSTGRES_DSN", servers.PostgreSQL(t))
	t.Setenv("PORTOLAN_SECRETS", "file")
	t.Setenv("ENTRA_TENANT", "11111111-2222-4333-8444-555555555555")
	t.Setenv("ENTRA_AUDIENCE", "0a0a0a0a-1b1b-4c2c-8d3d-4e4e4e4e4e4e")
	t.Setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=11111111-2222-4333-8444-555555555555;IngestionEndpoint=http://"+freeAddress(t))
	mustRun(t, dir, "portolan", "init", "--profile", "azure", "--dir", dir)
	write(t, dir, "secrets/postgres-password", "none is asked for")
	write(t, dir, "secrets/redis-url", "redis://"+servers.Redis(t))
	served(t, dir)
}

// vaultOf answers as a Vault does that holds one secret, for whoever has the token.
func vaultOf(t *testing.T, token string, secret map[string]string) string {
	t.Helper()
	held, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch path := strings.TrimPrefix(r.URL.Path, "/v1/"); {
		case r.Header.Get("X-Vault-Token") != token:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":["permission denied"]}`)
		case strings.HasPrefix(path, "auth/token/"):
			_, _ = io.WriteString(w, `{"data":{"ttl":3600,"renewable":false},"auth":null}`)
		case strings.HasPrefix(path, "sys/"):
			_, _ = io.WriteString(w, `{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}`)
		case path == "secret/data/portolan":
			_, _ = fmt.Fprintf(w, `{"data":{"data":%s,"metadata":{"version":1,"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":false}}}`, held)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors":[]}`)
		}
	}))
	t.Cleanup(vault.Close)
	return vault.URL
}

// TestOnPremisesProfile starts what init writes for anywhere as it is, with a Vault that holds
// its secrets.
func TestOnPremisesProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("POSTGRES_DSN", servers.PostgreSQL(t))
	t.Setenv("REDIS_URL", "redis://"+servers.Redis(t))
	token := rand.Text()
	t.Setenv("VAULT_ADDR", vaultOf(t, token, map[string]string{
		"key-pepper": rand.Text() + rand.Text(), "cursor-key": rand.Text() + rand.Text(), "db-password": "none is asked for",
	}))
	mustRun(t, dir, "portolan", "init", "--profile", "onprem", "--dir", dir)
	write(t, dir, "vault-token", token)
	served(t, dir)
}
