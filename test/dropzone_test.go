package test

import (
	"crypto/rand"
	"net/http"
	"testing"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/test/servers"
)

// dropzone serves a kind that another program made.
const dropzone = `service: {listen: "127.0.0.1:${PORT}", admin: "off", log_level: error, drain_delay: 0s}
repository: {driver: datastore, datastore: {project: demo, namespace: "${NAMESPACE}"}}
cache: {driver: bigcache}
collections:
  drops:
    id: id
    table: {name: Drop, managed: false}
    fields:
      id: {type: int}
      source: {type: string, max: 100}
      original: {type: json}
      mean: {type: float}
    access: {anonymous: {all: true}}
`

// TestDropzone reads and writes, over HTTP, what another program stores beside the
// server: neither loses what the other one writes.
func TestDropzone(t *testing.T) {
	namespace := rand.Text()
	t.Setenv("DATASTORE_EMULATOR_HOST", servers.Datastore(t))
	t.Setenv("NAMESPACE", namespace)
	other, err := datastore.NewClient(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	key := datastore.IDKey("Drop", 7, nil)
	key.Namespace = namespace
	original := &datastore.Entity{Properties: []datastore.Property{{Name: "data", Value: []any{int64(1), int64(2)}, NoIndex: true}}}
	drop := func(source string) {
		t.Helper()
		if _, err := other.Put(t.Context(), key, &datastore.PropertyList{
			{Name: "source", Value: source}, {Name: "original", Value: original}, {Name: "hidden", Value: "kept"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	drop("buoy")

	dir := t.TempDir()
	record := serve(t, dir, write(t, dir, "portolan.yaml", dropzone)) + "/v1/drops/7"
	text, head := ask(t, http.MethodGet, record, "", http.StatusOK)
	if want := `{"id":7,"source":"buoy","original":{"data":[1,2]},"mean":null}`; text != want {
		t.Errorf("the record is %s, want %s", text, want)
	}
	patch := []string{"Content-Type", "application/merge-patch+json", "If-Match", head.Get("ETag")}
	ask(t, http.MethodPatch, record, `{"mean":1.5}`, http.StatusOK, patch...)
	ask(t, http.MethodPatch, record, `{"mean":1.6}`, http.StatusPreconditionFailed, patch...)

	var stored datastore.PropertyList
	if err := other.Get(t.Context(), key, &stored); err != nil {
		t.Fatal(err)
	}
	has := map[string]any{}
	for _, p := range stored {
		has[p.Name] = p.Value
	}
	if _, entity := has["original"].(*datastore.Entity); !entity || len(has) != 4 || has["mean"] != 1.5 || has["hidden"] != "kept" {
		t.Errorf("after the server's write the other program finds %v", has)
	}

	_, head = ask(t, http.MethodGet, record, "", http.StatusOK, "Cache-Control", "no-cache")
	drop("ship")
	ask(t, http.MethodPatch, record, `{"mean":2}`, http.StatusPreconditionFailed, "Content-Type", "application/merge-patch+json", "If-Match", head.Get("ETag"))
	ask(t, http.MethodPatch, record, `{"mean":2}`, http.StatusOK, "Content-Type", "application/merge-patch+json")
	ask(t, http.MethodPut, record, `{"source":"ship","original":{"data":[3]}}`, http.StatusBadRequest)
	ask(t, http.MethodPut, record[:len(record)-1]+"8", `{"source":"new"}`, http.StatusCreated)
	ask(t, http.MethodDelete, record, "", http.StatusNoContent)
}
