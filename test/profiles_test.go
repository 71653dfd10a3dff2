package test

import (
	"crypto/rand"
	"net/http"
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

// TestOnPremisesProfile starts what init writes for anywhere, with the secrets of Vault in a
// file.
func TestOnPremisesProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("POSTGRES_DSN", servers.PostgreSQL(t))
	t.Setenv("REDIS_URL", "redis://"+servers.Redis(t))
	mustRun(t, dir, "portolan", "init", "--profile", "onprem", "--dir", dir)
	config := read(t, filepath.Join(dir, "portolan.yaml"))
	in := strings.Replace(config, "  driver: vault\n", "  driver: file\n  file: {dir: secrets}\n", 1)
	if in == config {
		t.Fatal("the secrets are not in Vault")
	}
	write(t, dir, "portolan.yaml", in)
	write(t, dir, "secrets/portolan", `{"key-pepper":"`+rand.Text()+rand.Text()+`","cursor-key":"`+rand.Text()+rand.Text()+`","db-password":"none is asked for"}`)
	served(t, dir)
}
