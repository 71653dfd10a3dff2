package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// keyed returns how to write under the key, where digest stands for all that is
// asked. The answer tells the ids, the revisions and how many were deleted.
func keyed(key string, digest byte) core.How {
	return core.How{Once: &core.Once{Key: key, Route: "test", Digest: [32]byte{digest}, Answer: func(w core.Written) []byte {
		answer := fmt.Appendf(nil, "%s@%s %s deleted %d", w.ID, w.Revision, w.JSON, w.Deleted)
		for i, each := range w.Results {
			answer = fmt.Appendf(answer, " [%s@%s %v]", each.ID, each.Revision, w.Failed != nil && w.Failed[i] != nil)
		}
		return answer
	}}}
}

// A day is a clock that stands still until it is moved.
type day struct {
	mu  sync.Mutex
	now time.Time
}

func newDay() *day { return &day{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (d *day) time() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *day) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// withClock returns an API over the store with a category, whose time is the day's.
func withClock(t *testing.T, store repository.Store, now *day) *core.API {
	t.Helper()
	api, err := core.New(core.Config{Store: store, Collections: catalogue(t), Now: now.time})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	return api
}

// stored returns how many records of the system collection there are.
func stored(t *testing.T, api *core.API, store repository.Store, name string) int64 {
	t.Helper()
	for _, c := range api.Schemas() {
		if c.Name != name {
			continue
		}
		groups, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Count}}, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return groups[0].Measures[0].AsInt()
	}
	t.Fatalf("there is no collection %s", name)
	return 0
}

func addCategory(ctx context.Context, api *core.API, who policy.Principal, how core.How, bodies ...string) (core.Written, error) {
	if bodies == nil {
		bodies = []string{`{"id":7,"name":"Lamps"}`}
	}
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	return api.Create(ctx, who, "categories", raw, how)
}

// What was done once is answered again, and not done again, whatever became of
// the record since.
func TestOnceAnswersAgain(t *testing.T) {
	for name, do := range map[string]func(context.Context, *core.API, core.How) (core.Written, error){
		"create": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Create(ctx, admin, "notes", [][]byte{[]byte(`{"owner":"ada"}`)}, how)
		},
		"create several": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return addCategory(ctx, api, admin, how, `{"id":7,"name":"a"}`, `{"id":8,"name":"b"}`)
		},
		"create each": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			how.Each = true
			return addCategory(ctx, api, admin, how, `{"id":7,"name":"a"}`, `{"id":12,"name":"b"}`)
		},
		"create each, all wrong": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			how.Each = true
			return addCategory(ctx, api, admin, how, `{"id":7}`, `{"id":12,"name":"b"}`)
		},
		"replace": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Replace(ctx, admin, "categories", "12", []byte(`{"name":"n"}`), how)
		},
		"patch": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Patch(ctx, admin, "categories", "12", []byte(`{"name":"n"}`), how)
		},
		"delete many": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.DeleteMany(ctx, admin, "products", core.ListRequest{Filter: "price lt 20"}, 10, how)
		},
		"delete none": func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.DeleteMany(ctx, admin, "products", core.ListRequest{Filter: "price lt 1"}, 10, how)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			api := newAPI(t, store)
			first, err := do(t.Context(), api, keyed("k", 1))
			if err != nil || first.Repeated || len(first.Answer) == 0 {
				t.Fatalf("the first time got %+v, %v", first, err)
			}
			before, err := api.List(t.Context(), admin, "categories", core.ListRequest{Count: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.Patch(t.Context(), admin, "categories", "12", []byte(`{"name":"changed since"}`), core.How{}); err != nil {
				t.Fatal(err)
			}
			create(t, api, "products", `{"asin":"A9","title":"Cheap","price":0.50,"category_id":12}`)
			again, err := do(t.Context(), api, keyed("k", 1))
			if err != nil || !again.Repeated || string(again.Answer) != string(first.Answer) {
				t.Errorf("got %+v, %v\nwant the answer %s", again, err, first.Answer)
			}
			after, err := api.List(t.Context(), admin, "categories", core.ListRequest{Count: true})
			if err != nil || after.Count != before.Count {
				t.Errorf("%d categories have become %d, %v", before.Count, after.Count, err)
			}
			if _, err := api.Get(t.Context(), admin, "products", "A9", core.GetRequest{}); err != nil {
				t.Errorf("the write was done again: %v", err)
			}
		})
	}
}

// A key belongs to one caller, one route, one request and one day.
func TestOnceIsOfOneRequest(t *testing.T) {
	elsewhere := keyed("k", 1)
	elsewhere.Once.Route = "another"
	other := policy.Principal{Issuer: "test", Subject: "eve", Roles: []string{"admin"}}
	namesake := policy.Principal{Issuer: "other", Subject: "ada", Roles: []string{"admin"}}
	lesser := policy.Principal{Issuer: "test", Subject: "ada", Roles: []string{"boxer"}}
	for _, tt := range []struct {
		name  string
		who   policy.Principal
		how   core.How
		later time.Duration
		kind  fault.Kind
		code  string
	}{
		{"another request", admin, keyed("k", 2), 0, fault.Refused, "idempotency-key-reused"},
		{"another key", admin, keyed("K", 1), 0, fault.Exists, ""},
		{"another route", admin, elsewhere, 0, fault.Exists, ""},
		{"another caller", other, keyed("k", 1), 0, fault.Exists, ""},
		{"a namesake", namesake, keyed("k", 1), 0, fault.Exists, ""},
		{"the same subject, who may see less", lesser, keyed("k", 1), 0, fault.Refused, "idempotency-key-reused"},
		{"nobody", policy.Principal{Roles: []string{"admin"}}, keyed("k", 1), 0, fault.Unauthenticated, "idempotency-key-of-nobody"},
		{"no key", admin, keyed("", 1), 0, fault.Invalid, "bad-idempotency-key"},
		{"the longest key", admin, keyed(strings.Repeat("k", core.MaxOnceKey), 1), 0, fault.Exists, ""},
		{"too long a key", admin, keyed(strings.Repeat("k", core.MaxOnceKey+1), 1), 0, fault.Invalid, "bad-idempotency-key"},
		{"who may not write any more", stranger, keyed("k", 1), 0, fault.Forbidden, ""},
		{"just within the time", admin, keyed("k", 1), core.OnceFor - time.Microsecond, "", ""},
		{"after the time", admin, keyed("k", 1), core.OnceFor, fault.Exists, ""},
		{"another request after the time", admin, keyed("k", 2), core.OnceFor, fault.Exists, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, store := newDay(), newStore(t)
			grants := []policy.GrantSpec{all("admin", ""), {Role: "boxer", Create: &policy.RuleSpec{}}}
			spec := schema.Spec{Name: "categories", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "name", Type: "string"}}}
			api, err := core.New(core.Config{Store: store, Now: now.time, Collections: []core.Collection{collection(t, spec, grants...)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
				t.Fatal(err)
			}
			if _, err := addCategory(t.Context(), api, admin, keyed("k", 1)); err != nil {
				t.Fatal(err)
			}
			now.pass(tt.later)
			again, err := addCategory(t.Context(), api, tt.who, tt.how)
			if fault.KindOf(err) != tt.kind || tt.code != "" && fault.Of(err).Code != tt.code {
				t.Fatalf("got %v, want %q %s", err, tt.kind, tt.code)
			}
			if (err == nil) != again.Repeated {
				t.Errorf("got %+v", again)
			}
			if n := stored(t, api, store, "_idempotency"); n != 1 {
				t.Errorf("%d answers are stored, want 1", n)
			}
		})
	}
}

// A key whose time is over can be used again, and counts from then on.
func TestOnceIsReplacedWhenItExpired(t *testing.T) {
	now, store := newDay(), newStore(t)
	api := withClock(t, store, now)
	if _, err := addCategory(t.Context(), api, admin, keyed("k", 1)); err != nil {
		t.Fatal(err)
	}
	now.pass(core.OnceFor)
	second, err := addCategory(t.Context(), api, admin, keyed("k", 2), `{"id":8,"name":"b"}`)
	if err != nil || second.Repeated {
		t.Fatalf("got %+v, %v", second, err)
	}
	now.pass(core.OnceFor - time.Second)
	again, err := addCategory(t.Context(), api, admin, keyed("k", 2), `{"id":8,"name":"b"}`)
	if err != nil || !again.Repeated || string(again.Answer) != string(second.Answer) {
		t.Errorf("got %+v, %v, want the second answer again", again, err)
	}
}

// What is refused stores nothing, and may be repeated once it is put right.
func TestOnceKeepsNoRefusal(t *testing.T) {
	store := &faulty{Store: newStore(t)}
	api := newAPI(t, store)
	large := keyed("k", 1)
	large.Once.Answer = func(core.Written) []byte { return make([]byte, core.MaxAnswer+1) }
	for _, tt := range []struct {
		name  string
		how   core.How
		body  string
		apply error
		kind  fault.Kind
	}{
		{"a broken rule", keyed("k", 1), `{"id":7}`, nil, fault.Invalid},
		{"an id that is taken", keyed("k", 1), `{"id":12,"name":"x"}`, nil, fault.Exists},
		{"a reference to nothing", keyed("k", 1), `{"id":7,"name":"x","parent":99}`, nil, fault.Conflict},
		{"a store that fails", keyed("k", 1), `{"id":7,"name":"x"}`, errDown, fault.Unavailable},
		{"an answer that is too large", large, `{"id":7,"name":"x"}`, nil, fault.TooLarge},
	} {
		store.apply = tt.apply
		_, err := addCategory(t.Context(), api, admin, tt.how, tt.body)
		wantFault(t, err, tt.kind, "")
		store.apply = nil
		if n := stored(t, api, store, "_idempotency"); n != 0 {
			t.Fatalf("%s: %d answers are stored", tt.name, n)
		}
		if _, err := api.Get(t.Context(), admin, "categories", "7", core.GetRequest{}); fault.KindOf(err) != fault.NotFound {
			t.Fatalf("%s: the record is there: %v", tt.name, err)
		}
	}
	if written, err := addCategory(t.Context(), api, admin, keyed("k", 1)); err != nil || written.Repeated {
		t.Errorf("put right, got %+v, %v", written, err)
	}
}

// An answer of the greatest size can be stored, and is given back whole.
func TestOnceKeepsTheLargestAnswer(t *testing.T) {
	api := newAPI(t, newStore(t))
	how := keyed("k", 1)
	how.Once.Answer = func(core.Written) []byte { return []byte(strings.Repeat("\xff", core.MaxAnswer)) }
	for range 2 {
		written, err := addCategory(t.Context(), api, admin, how)
		if err != nil || len(written.Answer) != core.MaxAnswer {
			t.Fatalf("got %d octets, %v", len(written.Answer), err)
		}
	}
}

// What the table makes of a revision is not known before it is stored, so an
// answer that is kept does not tell it, the first time and ever after. Without a
// key it is told.
func TestOnceInATableOfItsOwnRevisions(t *testing.T) {
	store := newStore(t)
	spec := schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}}}
	if err := store.Ensure(t.Context(), []*schema.Collection{collection(t, spec).Schema}); err != nil { // somebody else made the table
		t.Fatal(err)
	}
	spec.Table.Unmanaged = true
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{collection(t, spec, all("admin", ""))}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		written, err := api.Create(t.Context(), admin, "things", [][]byte{[]byte(`{"id":"a"}`)}, keyed("k", 1))
		if want := `a@ {"id":"a"} deleted 0 [a@ false]`; err != nil || string(written.Answer) != want {
			t.Errorf("got %s, %v, want %s", written.Answer, err, want)
		}
	}
	written, err := api.Create(t.Context(), admin, "things", [][]byte{[]byte(`{"id":"b"}`)}, core.How{})
	if err != nil || written.Revision == "" {
		t.Errorf("without a key got the revision %q, %v", written.Revision, err)
	}
}
