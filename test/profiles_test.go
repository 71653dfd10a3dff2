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

	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
	"github.com/portolan-io/portolan/test/clouds"
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
// every profile has. It returns the address of its collections.
func served(t *testing.T, dir string) string {
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
	return url
}

// TestAzure starts what init writes for Azure as it would be there, but for the database: who
// it is it learns from its managed identity, secrets are in Key Vault, people are of Entra, and
// Application Insights is told.
func TestAzure(t *testing.T) {
	program(t, "portolan") // while the compiler still finds what it needs
	in, secrets := clouds.New(t), map[string]string{
		"key-pepper": rand.Text() + rand.Text(), "cursor-key": rand.Text() + rand.Text(),
		"postgres-password": "none is asked for", "redis-url": "redis://" + servers.Redis(t),
	}
	azure := clouds.NewAzure(t, in, secrets)
	t.Setenv("PORTOLAN_REPOSITORY", "postgres")
	t.Setenv("POSTGRES_DSN", servers.PostgreSQL(t))
	t.Setenv("ENTRA_TENANT", clouds.Tenant)
	t.Setenv("ENTRA_AUDIENCE", clouds.Audience)
	t.Run("serve", func(t *testing.T) { // at whose end everything is delivered
		dir := t.TempDir()
		mustRun(t, dir, "portolan", "init", "--profile", "azure", "--dir", dir)
		url := served(t, dir)
		const anna, bert = "a0a0a0a0-0001-4000-8000-000000000001", "a0a0a0a0-0002-4000-8000-000000000002"
		sells(t, url, anna, "Bearer "+azure.Token(t, anna, "seller"), "Bearer "+azure.Token(t, bert, "seller"))
	})
	wrote := azure.Insights.Wrote()
	if !strings.Contains(wrote, `"iKey":"`+appinsightstest.Key+`"`) || !strings.Contains(wrote, "MetricData") {
		t.Errorf("Application Insights was told %d octets: %.2000s", len(wrote), wrote)
	}
	hidden(t, wrote, secrets)
	if strangers := in.Strangers(); len(strangers) > 0 {
		t.Errorf("it asked %v", strangers)
	}
}

// TestGoogleCloud starts what init writes for Google Cloud as it would be there, but for the
// database, which is the emulator: who it is it learns from the metadata server, secrets are in
// Secret Manager, people are of Firebase, and Cloud Trace is told.
func TestGoogleCloud(t *testing.T) {
	program(t, "portolan") // while the compiler still finds what it needs
	const project = "demo-shop"
	in, secrets := clouds.New(t), map[string]string{"key-pepper": rand.Text() + rand.Text(), "cursor-key": rand.Text() + rand.Text()}
	t.Setenv("DATASTORE_EMULATOR_HOST", servers.Datastore(t))
	google := clouds.NewGoogle(t, in, project, secrets)
	t.Setenv("PORTOLAN_NAMESPACE", rand.Text())
	t.Run("serve", func(t *testing.T) { // at whose end everything is delivered
		dir := t.TempDir()
		mustRun(t, dir, "portolan", "init", "--profile", "gcp", "--dir", dir)
		url := served(t, dir)
		sells(t, url, "anna", "Bearer "+google.Token(t, "anna", "seller"), "Bearer "+google.Token(t, "bert", "seller"))
		for range 100 { // of which Cloud Trace is told a tenth
			ask(t, http.MethodGet, url+"/categories/1", "", http.StatusOK)
		}
	})
	if spans := google.Trace.Spans(); len(spans) == 0 {
		t.Error("Cloud Trace was told nothing")
	}
	for _, resource := range google.Trace.Resources() {
		if resource["gcp.project_id"] != project {
			t.Errorf("the spans are of %v", resource)
		}
	}
	hidden(t, google.Trace.Wrote(), secrets)
	if strangers := in.Strangers(); len(strangers) > 0 {
		t.Errorf("it asked %v", strangers)
	}
}

// sells has a seller write, as whom the policies of the profiles know by the subject, and others
// try the same.
func sells(t *testing.T, url, subject, seller, other string) {
	t.Helper()
	of := func(asin string) string {
		return fmt.Sprintf(`{"asin":%q,"title":"B","category_id":1,"seller":%q}`, asin, subject)
	}
	ask(t, http.MethodPost, url+"/products", of("b"), http.StatusCreated, "Authorization", seller)
	ask(t, http.MethodPost, url+"/products", of("c"), http.StatusForbidden, "Authorization", other)
	ask(t, http.MethodDelete, url+"/products/b", "", http.StatusForbidden, "Authorization", other)
	ask(t, http.MethodDelete, url+"/products/b", "", http.StatusUnauthorized, "Authorization", seller[:len(seller)-4])
	ask(t, http.MethodDelete, url+"/products/b", "", http.StatusNoContent, "Authorization", seller)
}

// hidden looks for secrets in what was written.
func hidden(t *testing.T, wrote string, secrets map[string]string) {
	t.Helper()
	for name, value := range secrets {
		if strings.Contains(wrote, value) {
			t.Errorf("the secret %s was written", name)
		}
	}
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
