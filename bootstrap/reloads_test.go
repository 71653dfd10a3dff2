package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// reloads is how often a server reloads under load.
const reloads = 100

// reloadedForms are what a collection is, one after the other: cached by one scope and by
// another, not at all, elsewhere, and for others to read.
var reloadedForms = []struct{ cache, caching, access string }{
	{"memory", "{scopes: [kind]}", "anonymous: {all: true}"},
	{"memory", "{scopes: [name]}", "anonymous: {all: true}"},
	{"memory", "{class: none}", "anonymous: {all: true}"},
	{"bigcache", "{}", "anonymous: {all: true}, admin: {read: true}"},
	{"bigcache", "{scopes: [kind]}", "anonymous: {all: true}"},
	{"memory", "{scopes: [kind]}", "anonymous: {all: true}, editor: {all: true}"},
}

// TestReloadsUnderLoad reloads a hundred times under clients that write and read: no request
// fails, and none that began behind an acknowledged write shows what was before it.
func TestReloadsUnderLoad(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, repository := range []string{"{driver: memory}", "{driver: sqlite, sqlite: {path: things.db}}"} {
		t.Run(repository, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Run("serve", func(t *testing.T) { reloadUnderLoad(t, repository) })
		})
	}
}

func reloadUnderLoad(t *testing.T, repository string) {
	text := func(i int) string {
		form := reloadedForms[i%len(reloadedForms)]
		return `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s}
repository: ` + repository + `
cache: {driver: ` + form.cache + `}
development: {admin_key: true}
collections:
  things:
    id: id
    fields: {id: {type: string}, kind: {type: int}, name: {type: string}, n: {type: int}}
    cache: ` + form.caching + `
    access: {` + form.access + `}
`
	}
	r, api, admin := serveFor(t, text(0))
	load := &reloadLoad{t: t, api: api, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	defer load.client.CloseIdleConnections()
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range load.acked {
		load.write(i, 0)
		running.Go(func() { load.writing(ctx, i) })
		running.Go(func() { load.reading(ctx, i) })
	}
	for i := range reloads {
		for before := load.reads.Load(); load.reads.Load() < before+40; { // they come to be kept
			time.Sleep(time.Millisecond)
		}
		if status, answer := r.reload(t, admin, text(i+1)); status != http.StatusOK {
			t.Errorf("reload %d is answered with %d %v", i, status, answer)
		}
	}
	end()
	running.Wait()
	if load.hits.Load() == 0 || load.reads.Load() < reloads {
		t.Errorf("there were %d reads, %d of them hits, which proves little", load.reads.Load(), load.hits.Load())
	}
	t.Logf("%d reloads; %d writes, %d reads, %d hits", reloads, load.writes.Load(), load.reads.Load(), load.hits.Load())
}

// A reloadLoad is clients: to each record one that counts it up, and one that reads it.
type reloadLoad struct {
	t                   *testing.T
	api                 string
	client              *http.Client
	acked               [3]atomic.Int64 // what was acknowledged of each record
	writes, reads, hits atomic.Int64
}

func (l *reloadLoad) writing(ctx context.Context, i int) {
	for n := int64(1); ctx.Err() == nil; n++ {
		l.write(i, n)
	}
}

func (l *reloadLoad) write(i int, n int64) {
	body := fmt.Sprintf(`{"kind":%d,"name":"k%d","n":%d}`, i, i, n)
	request, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/things/r%d", l.api, i), strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	status, said, _ := l.do(request)
	if status != http.StatusOK && status != http.StatusCreated {
		l.t.Errorf("write %d of %d is answered with %d %s", n, i, status, said)
		return
	}
	l.acked[i].Store(n)
	l.writes.Add(1)
}

// reading asks in each way that is cached in another one.
func (l *reloadLoad) reading(ctx context.Context, i int) {
	paths := []string{
		fmt.Sprintf("/things/r%d", i), fmt.Sprintf("/things?$filter=kind%%20eq%%20%d", i),
		fmt.Sprintf("/things?$filter=name%%20eq%%20%%27k%d%%27", i), fmt.Sprintf("/things?$filter=id%%20eq%%20%%27r%d%%27", i),
	}
	for turn := 0; ctx.Err() == nil; turn++ {
		path := paths[turn%len(paths)]
		least := l.acked[i].Load()
		request, err := http.NewRequest(http.MethodGet, l.api+path, nil)
		if err != nil {
			l.t.Error(err)
			return
		}
		status, said, header := l.do(request)
		if status != http.StatusOK {
			l.t.Errorf("%s is answered with %d %s", path, status, said)
			return
		}
		var page struct {
			N     *int64
			Value []struct{ N int64 }
		}
		if err := json.Unmarshal(said, &page); err != nil {
			l.t.Errorf("%s: %v", said, err)
			return
		}
		got := int64(-1)
		switch {
		case page.N != nil:
			got = *page.N
		case len(page.Value) == 1:
			got = page.Value[0].N
		}
		if got < least {
			l.t.Errorf("%s says %d when %d was acknowledged: %s, %s", path, got, least, header.Get("Cache-Status"), said)
			return
		}
		if strings.Contains(header.Get("Cache-Status"), "hit") {
			l.hits.Add(1)
		}
		l.reads.Add(1)
	}
}

func (l *reloadLoad) do(request *http.Request) (int, []byte, http.Header) {
	response, err := l.client.Do(request)
	if err != nil {
		return 0, []byte(err.Error()), nil
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, []byte(err.Error()), nil
	}
	return response.StatusCode, said, response.Header
}
