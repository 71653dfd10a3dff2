package test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestExhaustedPool holds the connections of the store that lists and writes need.
// Whoever waits for one is told so with 503 and Retry-After, long before the
// request's own time is over; the log does not grow with the requests; all else
// goes on; and everything is well as soon as the connections are free.
func TestExhaustedPool(t *testing.T) {
	h := host(t, ", request_timeout: 40s", ", max_conns: 2, acquire_timeout: 150ms")
	fill(h, 3, 10)
	h.warm()
	began := time.Now()
	release := holdConnections(h)
	var waiting sync.WaitGroup
	for range 60 {
		waiting.Go(func() { checkExhausted(h, http.MethodGet, "/v1/things?$orderby=text", nil) })
		waiting.Go(func() { checkExhausted(h, http.MethodPatch, "/v1/things/filled-0000", []byte(`{"text":"later"}`)) })
	}
	answered := make(chan struct{})
	go func() {
		waiting.Wait()
		close(answered)
	}()
	lives := 0
	for busy := true; busy; lives++ {
		h.must(http.MethodGet, "/livez", nil, http.StatusOK)
		select {
		case <-answered:
			busy = false
		default:
		}
	}
	h.must(http.MethodGet, "/v1/things/filled-0001", nil, http.StatusOK) // one connection is kept for those who know what they want
	release()
	h.must(http.MethodPatch, "/v1/things/filled-0000", []byte(`{"text":"now"}`), http.StatusOK)
	h.must(http.MethodGet, "/v1/things?$orderby=text", nil, http.StatusOK)
	h.settled()
	lines := strings.Count(read(t, h.log), "connections-exhausted")
	if most := int(time.Since(began)/time.Second) + 1; lines == 0 || lines > most {
		t.Errorf("%d lines of the log tell of 120 refusals, want 1 to %d", lines, most)
	}
	t.Logf("livez answered %d times meanwhile", lives)
}

func checkExhausted(h *hosted, method, path string, body []byte) {
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	got, err := h.do(ctx, method, path, body)
	var problem struct{ Code string }
	if err == nil {
		err = json.Unmarshal(got.body, &problem)
	}
	if err != nil || got.status != http.StatusServiceUnavailable || problem.Code != "connections-exhausted" || got.header.Get("Retry-After") == "" {
		h.t.Errorf("%s %s: got %d %s %v, %v", method, path, got.status, got.body, got.header, err)
	}
}

// holdConnections takes the connection that lists read with and the one that
// writes, until the function it returns is called.
func holdConnections(h *hosted) (release func()) {
	h.t.Helper()
	c := h.store.seen.Load()
	began, end := make(chan struct{}, 2), make(chan struct{})
	var holding sync.WaitGroup
	wait := func() {
		began <- struct{}{}
		<-end
	}
	holding.Go(func() {
		q := query.Query{View: query.View{Collection: c}, Order: []query.Key{{Field: c.ID}}, Limit: 1, Scan: 1}
		q.Keep = func([]record.Value) bool {
			wait()
			return true
		}
		if _, err := h.store.Store.Find(context.Background(), q); err != nil {
			h.t.Error(err)
		}
	})
	holding.Go(func() {
		load := repository.Load{Collection: c, Rows: []record.Record{thing(c, "loaded")}, Run: "held"}
		load.Mark = func(int, []int) []repository.Mutation {
			wait()
			return nil
		}
		if _, err := h.store.Store.Load(context.Background(), load); err != nil {
			h.t.Error(err)
		}
	})
	<-began
	<-began
	return func() {
		close(end)
		holding.Wait()
	}
}

// thing returns a record with nothing but its id.
func thing(c *schema.Collection, id record.ID) record.Record {
	fields := make([]record.Value, len(c.Fields))
	fields[c.ID] = c.IDValue(id)
	return record.Record{ID: id, Revision: "held-1", Fields: fields}
}

// TestBadRequestsCostNothing sends requests that cannot be right in every way there
// is, 1,000 in all: none of them asks the store.
func TestBadRequestsCostNothing(t *testing.T) {
	h := host(t, `, max_body: 4096, key_pepper: "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa", cors: {origins: ["https://app.example.com"]}`, "")
	fill(h, 1, 10)
	h.warm()
	before, sent := h.store.counted(""), 0
	for sent < 1000 {
		for _, bad := range badRequests {
			got, err := h.do(t.Context(), bad.method, bad.path, []byte(bad.body), bad.header...)
			sent++
			if err != nil || got.status != bad.status {
				t.Fatalf("%s %s %v: got %d %s, %v, want %d", bad.method, bad.path, bad.header, got.status, got.body, err, bad.status)
			}
			if calls := h.store.counted("") - before; calls != 0 {
				t.Fatalf("%s %s %v: the store was asked %d times", bad.method, bad.path, bad.header, calls)
			}
		}
	}
	h.settled()
}

const preflight = "Access-Control-Request-Method"

var badRequests = []struct {
	method, path, body string
	header             []string
	status             int
}{
	{"GET", "/v1/nothing", "", nil, 404},
	{"GET", "/v1/things/$nothing", "", nil, 404},
	{"GET", "/v1/things/", "", nil, 404},
	{"GET", "/v1//things", "", nil, 400},
	{"BREW", "/v1/things", "", nil, 405},
	{"PUT", "/v1/things", "{}", nil, 405},
	{"GET", "/v1/things?$filter=prize%20gt%201", "", nil, 400},
	{"GET", "/v1/things?$filter=batch%20gt%20'x'", "", nil, 400},
	{"GET", "/v1/things?$filter=(((", "", nil, 400},
	{"GET", "/v1/things?$orderby=nothing", "", nil, 400},
	{"GET", "/v1/things?$select=nothing", "", nil, 400},
	{"GET", "/v1/things?$expand=nothing", "", nil, 400},
	{"GET", "/v1/things?$first=0", "", nil, 400},
	{"GET", "/v1/things?$first=1001", "", nil, 400},
	{"GET", "/v1/things?$after=forged", "", nil, 400},
	{"GET", "/v1/things?$count=perhaps", "", nil, 400},
	{"GET", "/v1/things?limit=1", "", nil, 400},
	{"GET", "/v1/things?$first=1&$first=2", "", nil, 400},
	{"GET", "/v1/things/$aggregate?$apply=nothing", "", nil, 400},
	{"GET", "/v1/things/$aggregate?$apply=aggregate(text%20with%20sum%20as%20s)", "", nil, 400},
	{"GET", "/v1/things", "", []string{"Accept", "image/png"}, 406},
	{"GET", "/v1/things", "", []string{"Accept-Encoding", "identity;q=0"}, 406},
	{"GET", "/v1/things", "", []string{"Authorization", "Bearer nonsense"}, 401},
	{"GET", "/v1/things", "", []string{"Authorization", "Basic dTpw"}, 401},
	{"GET", "/v1/things", "", []string{"X-API-Key", "nonsense"}, 401},
	{"GET", "/v1/things", "", []string{"X-API-Key", "k", "Authorization", "Bearer t"}, 400},
	{"GET", "/v1/things/%24x", "", nil, 404},
	{"POST", "/v1/things", "not JSON", nil, 400},
	{"POST", "/v1/things", `{"prize":1}`, nil, 400},
	{"POST", "/v1/things", `{"id":"x","batch":"one"}`, nil, 400},
	{"POST", "/v1/things", `{"id":"x","id":"y"}`, nil, 400},
	{"POST", "/v1/things", `[]`, nil, 400},
	{"POST", "/v1/things", "", nil, 400},
	{"POST", "/v1/things", `{"id":"` + strings.Repeat("x", 5000) + `"}`, nil, 413},
	{"POST", "/v1/things", "x", []string{"Content-Type", "text/plain"}, 415},
	{"POST", "/v1/things", "x", []string{"Content-Encoding", "gzip"}, 400},
	{"POST", "/v1/things", "x", []string{"Content-Encoding", "br"}, 415},
	{"POST", "/v1/things", `{"id":"x"}`, []string{"Prefer", "return=maximal"}, 400},
	{"POST", "/v1/things", `{"id":"x"}`, []string{"Prefer", "handling=strict, nonsense"}, 400},
	{"POST", "/v1/things", `{"id":"x"}`, []string{"Idempotency-Key", strings.Repeat("x", 300)}, 400},
	{"POST", "/v1/things/$query", `{"filter":"("}`, nil, 400},
	{"POST", "/v1/things/$query", `{"nothing":1}`, nil, 400},
	{"POST", "/v1/things/$delete", `{}`, nil, 400},
	{"PUT", "/v1/things/a", "not JSON", nil, 400},
	{"PUT", "/v1/things/a", "{}", []string{"If-Match", "nonsense"}, 400},
	{"PUT", "/v1/things/a", "{}", []string{"If-Match", `"a.b"`, "If-None-Match", "*"}, 400},
	{"PATCH", "/v1/things/a", "not JSON", nil, 400},
	{"DELETE", "/v1/things/a", "", []string{"If-Match", "nonsense"}, 400},
	{"OPTIONS", "/v1/things?$nonsense", "", nil, 204},
	{"OPTIONS", "/v1/things?$nonsense", "", []string{"Origin", "https://evil.example", preflight, "PUT"}, 204},
	{"OPTIONS", "/v1/things?$nonsense", "", []string{"Origin", "https://app.example.com", preflight, "PUT", "X-API-Key", "k"}, 204},
}
