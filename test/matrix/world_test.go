// Package matrix_test asks for everything that can be asked for, as everybody, about
// every row and every field, and compares what comes of it with what the documentation
// says. What the product answers is asked over HTTP, with the store that is named; what
// it should answer is worked out by an oracle that shares no code with it.
package matrix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A state is what is stored: by collection, by id.
type state map[string]map[string]row

// seeded is what is stored before each cell.
func seeded() state {
	rows := func() map[string]row {
		return map[string]row{
			"own":   {"id": "own", "owner": "ann", "title": "Own One", "secret": "s1", "state": "open", "slug": "own-one", "kind_id": 1.0},
			"other": {"id": "other", "owner": "bob", "title": "Other", "secret": "s2", "state": "open", "slug": "other", "kind_id": 2.0},
			"crew":  {"id": "crew", "owner": "crew", "title": "Crew", "secret": "s3", "state": "shut", "slug": "crew", "kind_id": 1.0},
			"free":  {"id": "free", "owner": nil, "title": "Free", "secret": nil, "state": nil, "slug": "free", "kind_id": nil},
		}
	}
	return state{
		"things": rows(), "posts": rows(),
		"kinds": {"1": {"id": 1.0, "name": "First", "org": "a"}, "2": {"id": 2.0, "name": "Second", "org": "b"}},
	}
}

// rowNames are the rows that cells are about: the caller's, others', one that nobody
// owns, and one that is not there.
var rowNames = []string{"own", "other", "crew", "free", "absent"}

// A world is the product with the seed in its store.
type world struct {
	t       testing.TB
	api     *core.API
	uploads *core.Uploads
	handler http.Handler
	jobs    map[string]string // by caller: a job that it began
	wrong   int               // cells
	last    *httptest.ResponseRecorder
	key     string // that every caller's rights rest on; empty: none
}

// operator is who looks at the store and puts it right.
var operator = policy.Principal{Issuer: "test", Subject: "operator", Local: true}

// newWorld returns a world over the store, which is empty.
func newWorld(t testing.TB, store repository.Store, cached cache.Coherent) *world {
	t.Helper()
	api, err := core.New(core.Config{
		Store: store, Cache: cached, Collections: served(t), CursorKey: []byte("a key for the matrix alone"), Pepper: secrets.Fixed("pepper"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	uploads, err := core.NewUploads(core.UploadsConfig{API: api, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, api: api, uploads: uploads, jobs: make(map[string]string)}
	w.serve()
	w.become(state{}, seeded())
	return w
}

// serve makes the handler.
func (w *world) serve() {
	w.t.Helper()
	handler, err := httpapi.New(httpapi.Config{
		API: w.api, Uploads: w.uploads, Identify: w.identify, Base: "/v1", Docs: httpapi.DocsPublic, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler = handler
}

// served are the collections with the grants of the matrix.
func served(t testing.TB) []core.Collection {
	t.Helper()
	with := func(c *schema.Collection, err error, grants []grant) core.Collection {
		if err != nil {
			t.Fatal(err)
		}
		access, err := policy.Compile(c, specs(grants))
		if err != nil {
			t.Fatal(err)
		}
		return core.Collection{Schema: c, Access: access}
	}
	k, err := schema.New(schema.Spec{Name: "kinds", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "name", Type: "string", Max: "16"}, {Name: "org", Type: "string", Max: "16"},
	}})
	kindsCollection := with(k, err, kinds)
	th, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: thingFields})
	thingsCollection := with(th, err, things)
	p, err := schema.New(schema.Spec{Name: "posts", ID: "id", Fields: thingFields})
	postsCollection := with(p, err, posts)
	v, err := th.View(schema.ViewSpec{Name: "names", Fields: []schema.ViewField{
		{Name: "id"}, {Name: "label", From: "title"}, {Name: "owner"}, {Name: "secret"},
	}})
	return []core.Collection{kindsCollection, thingsCollection, postsCollection, with(v, err, names)}
}

// withKey has the callers show a key, which every write then requires.
func (w *world) withKey() *world {
	key, _, err := w.api.CreateKey(w.t.Context(), operator, core.Key{Subject: "everybody"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.key = key.ID
	return w
}

// identify knows the callers by their names.
func (w *world) identify(_ context.Context, c auth.Credential) (policy.Principal, error) {
	for _, who := range callers {
		if who.sub != "" && strings.ReplaceAll(who.name, " ", "-") == c.Token {
			known := who.principal()
			known.Key = w.key
			return known, nil
		}
	}
	return policy.Principal{}, fault.New(fault.Unauthenticated, "test.identify", "the credential is not valid")
}

// principal returns the caller as core takes it.
func (who caller) principal() policy.Principal {
	address := who.address
	if address == "" {
		address = "198.51.100.9"
	}
	p := policy.Principal{Address: netip.MustParseAddr(address)}
	if who.sub != "" {
		p.Issuer, p.Subject, p.Roles = "test", who.sub, who.roles
	}
	if who.teams != nil {
		p.Claims = map[string]any{"teams": who.teams}
	}
	return p
}

// An answer is what came of a cell.
type answer struct {
	status int
	code   string // of a problem
	body   any    // of a success, decoded; nil: it has none, or nothing that depends on rights
}

// send asks over HTTP.
func (w *world) send(who caller, method, target, mediaType, body string, header ...string) (answer, *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(w.t.Context(), method, strings.ReplaceAll(target, " ", "%20"), strings.NewReader(body))
	r.RemoteAddr = netip.AddrPortFrom(who.principal().Address, 4711).String()
	if who.sub != "" {
		r.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(who.name, " ", "-"))
	}
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	w.last = recorder
	got := answer{status: recorder.Code}
	text := recorder.Body.Bytes()
	switch kind := recorder.Header().Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/problem+json"):
		var problem struct{ Code string }
		if err := json.Unmarshal(text, &problem); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		got.code = problem.Code
	case strings.HasPrefix(kind, "application/json"):
		if err := json.Unmarshal(text, &got.body); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	default:
		if len(text) > 0 {
			got.body = string(text)
		}
	}
	return got, recorder
}

// json asks with a JSON body.
func (w *world) json(who caller, method, target string, body any, header ...string) answer {
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	got, _ := w.send(who, method, target, "application/json", string(text), header...)
	return got
}

// get asks for something to be read.
func (w *world) get(who caller, target string, header ...string) answer {
	got, _ := w.send(who, http.MethodGet, target, "", "", header...)
	return got
}

// failed returns the answer that an error of core is, by the statuses of docs/api.md.
func failed(err error) answer {
	statuses := map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Exists: 409, fault.Conflict: 409, fault.Refused: 422,
	}
	if err == nil {
		return answer{status: 200}
	}
	return answer{status: statuses[fault.KindOf(err)], code: fault.Of(err).Code}
}

// now returns what is stored.
func (w *world) now() state {
	found := state{}
	for _, name := range []string{"things", "posts", "kinds"} {
		var out bytes.Buffer
		if _, err := w.api.Export(w.t.Context(), operator, core.ExportRequest{Collection: name, Format: ingest.NDJSON, To: &out}); err != nil {
			w.t.Fatal(err)
		}
		found[name] = map[string]row{}
		decoder := json.NewDecoder(&out)
		for {
			var r row
			if err := decoder.Decode(&r); err == io.EOF {
				break
			} else if err != nil {
				w.t.Fatal(err)
			}
			found[name][idOf(r)] = r
		}
	}
	return found
}

// idOf returns the id of the record as a path has it.
func idOf(r row) string {
	if text, ok := r["id"].(string); ok {
		return text
	}
	text, _ := json.Marshal(r["id"])
	return string(text)
}

// become makes what is stored what should be.
func (w *world) become(is, should state) {
	for _, name := range []string{"kinds", "things", "posts"} {
		for _, id := range slices.Sorted(maps.Keys(is[name])) {
			if should[name][id] == nil {
				if err := w.api.Delete(w.t.Context(), operator, name, id, core.How{}); err != nil {
					w.t.Fatal(err)
				}
			}
		}
		for _, id := range slices.Sorted(maps.Keys(should[name])) {
			want := maps.Clone(should[name][id])
			if have := is[name][id]; have != nil && maps.Equal(have, want) {
				continue
			}
			delete(want, "slug")
			text, err := json.Marshal(want)
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.api.Replace(w.t.Context(), operator, name, id, text, core.How{}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
