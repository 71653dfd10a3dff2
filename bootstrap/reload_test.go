package bootstrap

import (
	"encoding/json"
	"fmt"
	"io"
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
			if header == nil {
				header = http.Header{"Content-Type": {"application/json"}}
			}
			got, answer := r.do(method, path, body, header)
			if got != status {
				t.Errorf("%s: %s %s is answered with %d %s, want %d", what, method, path, got, answer, status)
			}
			return answer
		}
		want("at first", http.StatusCreated, http.MethodPut, api+"/things/a", `{"kind":1,"name":"first"}`, key)
		want("at first", http.StatusUnauthorized, http.MethodPut, api+"/things/b", `{"kind":1}`, nil)
		want("at first", http.StatusNotFound, http.MethodGet, api+"/others", "", nil)
		want("at first", http.StatusCreated, http.MethodPut, api+"/things/z", `{"kind":1,"name":"last"}`, key)
		var page struct{ NextLink string }
		if err := json.Unmarshal([]byte(want("at first", http.StatusOK, http.MethodGet, api+"/things?$first=1", "", nil)), &page); err != nil || page.NextLink == "" {
			t.Fatalf("there is no next page: %v", err)
		}

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
		want("reloaded, the next page", http.StatusOK, http.MethodGet, strings.TrimSuffix(api, "/v1")+page.NextLink, "", nil)
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

// TestReloadBackAndForth has pages kept by one scope, changes what they show while they live
// by another, and goes back: they are not what they were.
func TestReloadBackAndForth(t *testing.T) {
	t.Chdir(t.TempDir())
	by := func(scope string) string {
		return strings.NewReplacer("    access", "    cache: "+scope+"\n    access", "anonymous: {read: true}", "anonymous: {all: true}").Replace(reloadable)
	}
	r, api, admin := serveFor(t, by("{scopes: [kind]}"))
	header := http.Header{"Content-Type": {"application/json"}}
	put := func(name string) {
		t.Helper()
		if status, said := r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"`+name+`"}`, header); status >= http.StatusMultipleChoices {
			t.Fatalf("%d %s", status, said)
		}
	}
	pages := []string{"/things/a", "/things?$filter=kind%20eq%201", "/things", "/things?$filter=name%20ne%20%27%27"}
	for i, scope := range []string{"{scopes: [name]}", "{scopes: [kind]}", "{class: none}", "{scopes: [kind]}", "{scopes: [kind, name]}"} {
		put("kept")
		for _, page := range append(pages, pages...) {
			r.told(t, api+page)
		}
		if status, answer := r.reload(t, admin, by(scope)); status != http.StatusOK {
			t.Fatalf("%s: %v", scope, answer)
		}
		changed := fmt.Sprint("changed", i)
		put(changed)
		if status, answer := r.reload(t, admin, by("{scopes: [kind]}")); status != http.StatusOK {
			t.Fatalf("back from %s: %v", scope, answer)
		}
		for _, page := range pages {
			if status, body := r.told(t, api+page); !strings.Contains(body, changed) {
				t.Errorf("back from %s, %s says %s (%s)", scope, page, body, status)
			}
		}
	}
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
			for range 1200 {
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

// TestReloadDuringAnImport: an import that was accepted comes to its end, whatever is
// reloaded meanwhile.
func TestReloadDuringAnImport(t *testing.T) {
	t.Chdir(t.TempDir())
	r, api, admin := serveFor(t, reloadable)
	key := r.developmentKey()
	key["Content-Type"] = []string{"text/csv"}
	var rows strings.Builder
	rows.WriteString("id,kind,name\n")
	const many = 20_000
	for i := range many {
		fmt.Fprintf(&rows, "r%d,%d,x\n", i, i%7)
	}
	status, said := r.do(http.MethodPost, api+"/things/$import", rows.String(), key)
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	var job struct {
		ID, State string
		Loaded    int
	}
	for i := 0; job.State != "finished"; i++ {
		if err := json.Unmarshal([]byte(said), &job); err != nil || i > 600 || job.State == "failed" {
			t.Fatalf("after %d reloads the job is %s, %v", i, said, err)
		}
		if status, answer := r.reload(t, admin, strings.Replace(reloadable, "{type: int}", fmt.Sprintf("{type: int, max: %d}", 10+i), 1)); status != http.StatusOK {
			t.Fatalf("reload %d: %v", i, answer)
		}
		time.Sleep(10 * time.Millisecond)
		if status, said = r.do(http.MethodGet, api+"/jobs/"+job.ID, "", key); status != http.StatusOK {
			t.Fatalf("the job is answered with %d %s", status, said)
		}
	}
	if job.Loaded != many {
		t.Errorf("%d rows were imported, want %d", job.Loaded, many)
	}
}

// TestStampNow: a document is another one when its file is, and that of the program never.
func TestStampNow(t *testing.T) {
	t.Chdir(t.TempDir())
	p := &program{out: io.Discard, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
	own, err := p.document()
	if err != nil {
		t.Fatal(err)
	}
	if now := own.stampNow(); now != own.stamp {
		t.Errorf("the configuration of the program is taken for another one: %q, and was %q", now, own.stamp)
	}
	write(t, "portolan.yaml", reloadable)
	read, err := readDocument("portolan.yaml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	same := read.stampNow() == read.stamp
	write(t, "portolan.yaml", reloadable+"# more\n")
	if !same || read.stampNow() == read.stamp {
		t.Errorf("a file is taken for another one: %t, and once it is: %t", !same, read.stampNow() != read.stamp)
	}
}
