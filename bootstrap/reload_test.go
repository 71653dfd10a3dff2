package bootstrap

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// reloadable is a configuration whose records are in the memory of the process.
const reloadable = `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s}
repository: {driver: memory}
cache: {driver: memory}
telemetry: [{driver: prometheus}]
development: {admin_key: true}
collections:
  things:
    id: id
    fields: {id: {type: string}, kind: {type: int}, name: {type: string}}
    access: {anonymous: {read: true}, admin: {all: true}}
`

// reload has the server read text as its configuration, and returns what it answers.
func (r *running) reload(t *testing.T, admin, text string) (int, map[string]any) {
	t.Helper()
	write(t, "portolan.yaml", text)
	status, body := r.do(http.MethodPost, admin+reloadPath, "", nil)
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return status, answer
}

// keyOf returns the development key that was printed.
func (r *running) developmentKey() http.Header {
	return http.Header{"X-Api-Key": {r.line("key")}, "Content-Type": {"application/json"}}
}

// TestReload: what changes is so for the next request, what does not is kept, and what is
// wrong changes nothing.
func TestReload(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Run("serve", func(t *testing.T) {
		r, api, admin := serveFor(t, reloadable)
		key := r.developmentKey()
		want := func(what string, status int, method, path, body string, header http.Header) string {
			t.Helper()
			got, answer := r.do(method, path, body, header)
			if got != status {
				t.Errorf("%s: %s %s is answered with %d %s, want %d", what, method, path, got, answer, status)
			}
			return answer
		}
		want("at first", http.StatusCreated, http.MethodPut, api+"/things/a", `{"kind":1,"name":"first"}`, key)
		want("at first", http.StatusUnauthorized, http.MethodPut, api+"/things/b", `{"kind":1}`, nil)
		want("at first", http.StatusNotFound, http.MethodGet, api+"/others", "", nil)
		cursor := want("at first", http.StatusOK, http.MethodGet, api+"/things?$first=1", "", nil)

		opened := strings.NewReplacer("anonymous: {read: true}", "anonymous: {all: true}", "collections:\n", "collections:\n  others: {fields: {n: {type: int}}, access: {anonymous: {all: true}}}\n").Replace(reloadable)
		status, answer := r.reload(t, admin, opened)
		if status != http.StatusOK || answer["reloaded"] != true {
			t.Fatalf("reloading is answered with %d %v", status, answer)
		}
		for _, change := range []string{"collections.others is new: ", "collections.things.access.anonymous.all is new: true"} {
			if !strings.Contains(strings.Join(texts(answer["changes"]), "\n"), change) {
				t.Errorf("the changes %v are told, without %q", answer["changes"], change)
			}
		}
		if got := want("reloaded", http.StatusOK, http.MethodGet, api+"/things?$first=1", "", nil); got != cursor {
			t.Errorf("a page is now %s, and was %s", got, cursor)
		}
		want("reloaded", http.StatusCreated, http.MethodPut, api+"/things/b", `{"kind":1}`, nil)
		want("reloaded", http.StatusCreated, http.MethodPost, api+"/others", `{"n":1}`, nil)
		want("reloaded", http.StatusOK, http.MethodPut, api+"/things/a", `{"kind":2,"name":"second"}`, key)

		for _, tt := range []struct{ name, text, says string }{
			{"a typo", strings.Replace(opened, "kind: {type: int}", "kind: {type: itn}", 1), "did you mean int?"},
			{"no YAML", "collections: [", "this is not YAML"},
			{"another address", strings.Replace(opened, `listen: "127.0.0.1:0"`, `listen: "127.0.0.1:1"`, 1), `this cannot change while the server runs; restart it, or write "127.0.0.1:0" again`},
			{"other telemetry", strings.Replace(opened, "telemetry: [{driver: prometheus}]", "telemetry: []", 1), "this cannot change while the server runs; restart it"},
			{"a store that is not there", strings.Replace(opened, "repository: {driver: memory}", "repository: {driver: sqlite, sqlite: {path: no/such/dir/x.db}}", 1), "could not be opened"},
		} {
			status, answer := r.reload(t, admin, tt.text)
			if said, _ := json.Marshal(answer); status != http.StatusUnprocessableEntity || !strings.Contains(strings.ReplaceAll(string(said), `\"`, `"`), tt.says) {
				t.Errorf("%s is answered with %d %s, want %q", tt.name, status, said, tt.says)
			}
			want(tt.name, http.StatusOK, http.MethodGet, api+"/things/b", "", nil)
			want(tt.name, http.StatusOK, http.MethodPut, api+"/things/b", `{"kind":3}`, nil)
		}

		if status, answer := r.reload(t, admin, reloadable); status != http.StatusOK {
			t.Errorf("going back is answered with %d %v", status, answer)
		}
		want("back", http.StatusUnauthorized, http.MethodPut, api+"/things/c", `{"kind":1}`, nil)
		want("back", http.StatusNotFound, http.MethodGet, api+"/others", "", nil)
		if got := want("back", http.StatusOK, http.MethodGet, api+"/things/a", "", nil); !strings.Contains(got, "second") {
			t.Errorf("the record is %s", got)
		}
		if status, answer := r.reload(t, admin, reloadable); status != http.StatusOK || len(texts(answer["changes"])) != 0 {
			t.Errorf("the same again is answered with %d %v", status, answer)
		}
		want("a GET", http.StatusMethodNotAllowed, http.MethodGet, admin+reloadPath, "", nil)
		want("the public listener", http.StatusNotFound, http.MethodPost, strings.TrimSuffix(api, "/v1")+reloadPath, "", nil)
		if metrics := want("back", http.StatusOK, http.MethodGet, admin+"/metrics", "", nil); !strings.Contains(metrics, "portolan_cache_looks_total") {
			t.Error("the figures of the cache are gone")
		}
	})
}

func texts(list any) []string {
	items, _ := list.([]any)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i], _ = item.(string)
	}
	return texts
}

// TestReloadOfItself: a file that changes, and SIGHUP, are orders to reload.
func TestReloadOfItself(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Run("serve", func(t *testing.T) {
		if err := os.Mkdir("more", 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, "more/a.yaml", "collections: {a: {fields: {n: {type: int}}, access: {anonymous: {read: true}}}}\n")
		r, api, _ := serveFor(t, "include: [more/*.yaml]\n"+reloadable)
		until := func(path string) {
			t.Helper()
			for range 400 {
				if status, _ := r.do(http.MethodGet, api+path, "", nil); status == http.StatusOK {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Fatalf("%s never comes", path)
		}
		until("/a")
		write(t, "more/b.yaml", "collections: {b: {fields: {n: {type: int}}, access: {anonymous: {read: true}}}}\n")
		until("/b")
		write(t, "more/a.yaml", "collections: {c: {fields: {n: {type: int}}, access: {anonymous: {read: true}}}}\n")
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until("/c")
	})
}

// TestDifferences are told a line each, and without a secret.
func TestDifferences(t *testing.T) {
	read := func(text string) *settings {
		t.Helper()
		doc, err := parseDocument("c.yaml", []byte(text), variables(nil), "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := doc.read(builtin(), variables(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	former := read(`service: {key_pepper: hunter2, max_body: 4096}
repository: {driver: postgres, postgres: {dsn: "postgres://me:hunter2@db/shop"}}
collections: {a: {fields: {x: {type: int}}, access: {admin: {all: true}}}, b: {fields: {x: {type: int}}}}
`)
	now := read(`service: {key_pepper: hunter3, max_body: 8192}
repository: {driver: postgres, postgres: {dsn: "postgres://me:hunter3@db/shop"}}
collections: {a: {fields: {x: {type: string, max: 9}}, access: {admin: {read: true}}}, c: {fields: {x: {type: int}}}}
`)
	want := []string{
		"service.max_body: 4096 is now 8192",
		"collections.a.fields.x.type: int is now string",
		`collections.a.fields.x.max is new: "9"`,
		"collections.a.access.admin.all is left out",
		"collections.a.access.admin.read is new: true",
		"collections.b is left out",
		"collections.c is new: {fields: {x: {type: int}}}",
		"repository is opened anew",
	}
	if diff := cmp.Diff(want, differences(former, now)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
