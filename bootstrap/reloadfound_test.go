package bootstrap

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A heldWrite is a PUT whose body does not end until it is let.
type heldWrite struct {
	body *io.PipeWriter
	done chan int // the status, or 0
}

// hold begins a PUT of the record, which is within the server when it returns.
func (r *running) hold(t *testing.T, address, first string) heldWrite {
	t.Helper()
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	held := heldWrite{writer, make(chan int, 1)}
	go func() {
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			held.done <- 0
			return
		}
		_ = response.Body.Close()
		held.done <- response.StatusCode
	}()
	if _, err := writer.Write([]byte(first)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // so that it has arrived; else less is proved
	return held
}

// let ends it.
func (h heldWrite) let(t *testing.T, rest string) {
	t.Helper()
	if _, err := h.body.Write([]byte(rest)); err != nil {
		t.Fatal(err)
	}
	_ = h.body.Close()
	if status := <-h.done; status >= http.StatusMultipleChoices || status == 0 {
		t.Errorf("the write that was held is answered with %d", status)
	}
}

// writable is the configuration with things that everybody may write, cached so.
func writable(caching string) string {
	return strings.NewReplacer("    access", "    cache: "+caching+"\n    access", "anonymous: {read: true}", "anonymous: {all: true}").Replace(reloadable)
}

func (r *running) mustReload(t *testing.T, admin, text string) {
	t.Helper()
	if status, answer := r.reload(t, admin, text); status != http.StatusOK {
		t.Fatalf("reloading is answered with %d %v", status, answer)
	}
}

// TestFormerGenerationsAreWaitedFor: of several generations that are not gone each is waited
// for before the cache is used that it does not fence as the newest does.
func TestFormerGenerationsAreWaitedFor(t *testing.T) {
	t.Chdir(t.TempDir())
	r, api, admin := serveFor(t, writable("{scopes: [name]}"))
	header := http.Header{"Content-Type": {"application/json"}}
	r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"before"}`, header)
	held := r.hold(t, api+"/things/a", `{"kind":1,`)
	r.mustReload(t, admin, writable("{scopes: [kind]}"))
	r.mustReload(t, admin, writable("{scopes: [kind]}")+"limits: {global: {requests: 100000}}\n")
	page := api + "/things?$filter=kind%20eq%201"
	for range 3 {
		r.told(t, page)
	}
	held.let(t, `"name":"behind"}`)
	if status, body := r.told(t, page); !strings.Contains(body, "behind") {
		t.Errorf("behind the write the page is %s (%s)", body, status)
	}
}

// TestCachesThatRestedAreNew: a cache that was not used for a while is not used again with
// what it held, although a former generation has it still.
func TestCachesThatRestedAreNew(t *testing.T) {
	t.Chdir(t.TempDir())
	first := writable("{}")
	second := strings.Replace(first, "cache: {driver: memory}", "cache: {driver: bigcache}", 1)
	r, api, admin := serveFor(t, first)
	header := http.Header{"Content-Type": {"application/json"}}
	r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"before"}`, header)
	for range 2 {
		r.told(t, api+"/things/a")
	}
	held := r.hold(t, api+"/things/b", `{"kind":1,`)
	r.mustReload(t, admin, second)
	r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"behind"}`, header)
	r.mustReload(t, admin, first)
	for range 2 {
		if status, body := r.told(t, api+"/things/a"); !strings.Contains(body, "behind") {
			t.Errorf("the record is %s (%s)", body, status)
		}
	}
	held.let(t, `"name":"other"}`)
	for range 3 {
		if status, body := r.told(t, api+"/things/a"); !strings.Contains(body, "behind") {
			t.Errorf("later the record is %s (%s)", body, status)
		}
	}
}

// TestFailedReloadKeepsTheCache: what could not be opened does not part the generation that
// serves from the cache that a former one fences.
func TestFailedReloadKeepsTheCache(t *testing.T) {
	t.Chdir(t.TempDir())
	first := writable("{}")
	r, api, admin := serveFor(t, first)
	header := http.Header{"Content-Type": {"application/json"}}
	r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"before"}`, header)
	held := r.hold(t, api+"/things/a", `{"kind":1,`)
	broken := strings.NewReplacer("cache: {driver: memory}", "cache: {driver: bigcache}",
		"repository: {driver: memory}", "repository: {driver: sqlite, sqlite: {path: nowhere/a.db}}").Replace(first)
	if status, answer := r.reload(t, admin, broken); status < http.StatusBadRequest {
		t.Fatalf("reloading is answered with %d %v", status, answer)
	}
	r.mustReload(t, admin, first+"limits: {global: {requests: 100000}}\n")
	for range 3 {
		r.told(t, api+"/things/a")
	}
	held.let(t, `"name":"behind"}`)
	if status, body := r.told(t, api+"/things/a"); !strings.Contains(body, "behind") {
		t.Errorf("behind the write the record is %s (%s)", body, status)
	}
}

// TestReloadsThereAndBack: a write that goes by a configuration from before two reloads is seen,
// though the one that serves is written as that was: the cache between them was another one.
func TestReloadsThereAndBack(t *testing.T) {
	t.Chdir(t.TempDir())
	first := writable("{}")
	r, api, admin := serveFor(t, first)
	header := http.Header{"Content-Type": {"application/json"}}
	r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"before"}`, header)
	held := r.hold(t, api+"/things/a", `{"kind":1,`)
	r.mustReload(t, admin, strings.Replace(first, "cache: {driver: memory}", "cache: {driver: bigcache}", 1))
	r.mustReload(t, admin, first)
	for range 3 {
		r.told(t, api+"/things/a")
	}
	held.let(t, `"name":"behind"}`)
	for range 3 {
		if status, body := r.told(t, api+"/things/a"); !strings.Contains(body, "behind") {
			t.Errorf("behind the write the record is %s (%s)", body, status)
		}
	}
}

// TestTheFileIsTheOneOfTheStart: a server whose file is gone goes on as it is, and with no
// other one.
func TestTheFileIsTheOneOfTheStart(t *testing.T) {
	t.Chdir(t.TempDir())
	r, api, admin := serveFor(t, writable("{}"))
	if err := os.Rename("portolan.yaml", "elsewhere.yaml"); err != nil {
		t.Fatal(err)
	}
	if status, body := r.do(http.MethodPost, admin+reloadPath, "", nil); status != http.StatusUnprocessableEntity || !strings.Contains(body, "there is no such file") {
		t.Errorf("reloading is answered with %d %s", status, body)
	}
	if status, _ := r.do(http.MethodGet, api+"/things", "", nil); status != http.StatusOK {
		t.Errorf("the collection is answered with %d", status)
	}
	if status, _ := r.do(http.MethodGet, api+"/products", "", nil); status != http.StatusNotFound {
		t.Errorf("the sample is answered with %d", status)
	}
}

// TestImportsGoByWhatServes: an import that runs while the cache changes leaves nothing in it
// that is older than what it stored.
func TestImportsGoByWhatServes(t *testing.T) {
	t.Chdir(t.TempDir())
	first := writable("{}")
	second := strings.Replace(first, "cache: {driver: memory}", "cache: {driver: bigcache}", 1)
	r, api, admin := serveFor(t, first)
	key := r.developmentKey()
	key["Content-Type"] = []string{"text/csv"}
	var rows strings.Builder
	rows.WriteString("id,kind,name\n")
	const many = 60_000
	for i := range many {
		fmt.Fprintf(&rows, "r%d,1,x\n", i)
	}
	status, said := r.do(http.MethodPost, api+"/things/$import", rows.String(), key)
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	_, id, _ := strings.Cut(said, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	page := api + "/things?$filter=kind%20eq%201&$first=1&$count=true"
	for i := 0; !strings.Contains(said, `"state":"finished"`); i++ {
		if i > 3000 || strings.Contains(said, `"state":"failed"`) {
			t.Fatalf("the job is %s", said)
		}
		if i < 20 {
			r.mustReload(t, admin, []string{second, strings.Replace(first, "service: {", "service: {max_import: 2000000, ", 1)}[i%2])
		}
		r.told(t, page)
		_, said = r.do(http.MethodGet, api+"/jobs/"+id, "", key)
	}
	for range 3 {
		if status, body := r.told(t, page); !strings.Contains(body, fmt.Sprintf(`"count":%d`, many)) {
			t.Errorf("behind %d rows the page is %s (%s)", many, body, status)
		}
	}
}
