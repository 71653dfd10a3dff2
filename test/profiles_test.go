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
	t.Setenv("GOOGLE_CLOUD_PROJECT", "demo")
	t.Setenv("PORTOLAN_NAMESPACE", rand.Text())
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
