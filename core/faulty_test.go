package core_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A faulty store fails each call whose error is set. Get and Find fail for the
// collection called of alone, if one is named.
type faulty struct {
	repository.Store
	of                     string
	get, find, apply, load error
	applied, loaded        int // how often Apply and Load failed
}

func (s *faulty) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if s.get != nil && (s.of == "" || s.of == view.Collection.Name) {
		return nil, s.get
	}
	return s.Store.Get(ctx, view, ids)
}

func (s *faulty) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if s.find != nil && (s.of == "" || s.of == q.Collection.Name) {
		return repository.Page{}, s.find
	}
	return s.Store.Find(ctx, q)
}

func (s *faulty) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.apply != nil {
		s.applied++
		return nil, s.apply
	}
	return s.Store.Apply(ctx, batch)
}

func (s *faulty) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if s.load != nil {
		s.loaded++
		return repository.Loaded{}, s.load
	}
	return s.Store.Load(ctx, load)
}

var errDown = fault.New(fault.Unavailable, "faulty", "the database does not answer").Coded("down")

// tenancy returns an API over the store whose rooms may lie within others, and
// are visible to the sellers who own them.
func tenancy(t *testing.T, store repository.Store) *core.API {
	t.Helper()
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{
		collection(t, schema.Spec{Name: "rooms", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "string"},
			{Name: "owner", Type: "string", Required: true},
			{Name: "within", Type: "string", References: "rooms", Enforce: true},
		}}, all("seller", "owner eq @claims.sub"), policy.GrantSpec{Role: "box", Create: &policy.RuleSpec{}}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	create(t, api, "rooms", `{"id":"hall","owner":"acme"}`, `{"id":"cellar","owner":"bolt"}`)
	return api
}

// References by text are checked as those by number are.
func TestReferencesByText(t *testing.T) {
	api := tenancy(t, newStore(t))
	for _, tt := range []struct {
		within string
		want   fault.Kind
	}{
		{"hall", ""},
		{"Hall", fault.Conflict},
		{"cellar", fault.Conflict}, // another's
	} {
		body := fmt.Appendf(nil, `{"id":"room","owner":"acme","within":%q}`, tt.within)
		if _, err := api.Create(t.Context(), acme, "rooms", [][]byte{body}, core.How{}); fault.KindOf(err) != tt.want {
			t.Errorf("within %s: got %v, want kind %q", tt.within, err, tt.want)
		}
	}
}

// A store that fails is never taken for one that holds nothing, and its error is
// handed on as it is, without another attempt.
func TestFailuresOfTheStoreAreTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		broken faulty
		do     func(context.Context, *core.API) error
	}{
		{"delete, looking", faulty{get: errDown}, func(ctx context.Context, api *core.API) error {
			return api.Delete(ctx, acme, "rooms", "hall", core.How{})
		}},
		{"delete", faulty{apply: errDown}, func(ctx context.Context, api *core.API) error {
			return api.Delete(ctx, acme, "rooms", "hall", core.How{})
		}},
		{"delete many, looking", faulty{find: errDown}, func(ctx context.Context, api *core.API) error {
			_, err := api.DeleteMany(ctx, acme, "rooms", core.ListRequest{}, 10, core.How{})
			return err
		}},
		{"delete many", faulty{apply: errDown}, func(ctx context.Context, api *core.API) error {
			_, err := api.DeleteMany(ctx, acme, "rooms", core.ListRequest{}, 10, core.How{})
			return err
		}},
		{"create, looking whether a reference may be seen", faulty{get: errDown}, func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", [][]byte{[]byte(`{"id":"room","owner":"acme","within":"hall"}`)}, core.How{})
			return err
		}},
		{"create", faulty{apply: errDown}, func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", [][]byte{[]byte(`{"id":"room","owner":"acme"}`)}, core.How{})
			return err
		}},
		{"create, failing by no mutation of it", faulty{apply: &repository.BatchError{Index: 99, Err: errDown}}, func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", [][]byte{[]byte(`{"id":"room","owner":"acme"}`)}, core.How{})
			return err
		}},
		{"list keys", faulty{find: errDown}, func(ctx context.Context, api *core.API) error {
			_, err := api.Keys(ctx, operator)
			return err
		}},
		{"revoke a key", faulty{apply: errDown}, func(ctx context.Context, api *core.API) error {
			return api.RevokeKey(ctx, operator, "abcdefgh")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &faulty{Store: newStore(t)}
			api := tenancy(t, store)
			store.get, store.find, store.apply = tt.broken.get, tt.broken.find, tt.broken.apply
			wantFault(t, tt.do(t.Context(), api), fault.Unavailable, "down")
			if store.applied > 1 {
				t.Errorf("the store was asked to write %d times", store.applied)
			}
		})
	}
}

// A write that is overtaken again and again gives up in the end, and says so.
func TestWritesThatAreAlwaysOvertaken(t *testing.T) {
	store := &faulty{Store: newStore(t)}
	api := tenancy(t, store)
	store.apply = &repository.BatchError{Err: fault.New(fault.Stale, "faulty", "another write came between")}
	for name, do := range map[string]func(context.Context) error{
		"patch": func(ctx context.Context) error {
			_, err := api.Patch(ctx, acme, "rooms", "hall", []byte(`{"within":null}`), core.How{})
			return err
		},
		"delete": func(ctx context.Context) error { return api.Delete(ctx, acme, "rooms", "hall", core.How{}) },
		"delete many": func(ctx context.Context) error {
			_, err := api.DeleteMany(ctx, acme, "rooms", core.ListRequest{}, 10, core.How{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			store.applied = 0
			wantFault(t, do(t.Context()), fault.Unavailable, "busy")
			if store.applied < 2 || store.applied > 1000 {
				t.Errorf("it was tried %d times, want several, but not for ever", store.applied)
			}
		})
	}
}

// What cannot be a write is refused before anything is read or written.
func TestWritesThatAreRefused(t *testing.T) {
	many := make([][]byte, core.MaxCreate+1)
	for i := range many {
		many[i] = fmt.Appendf(nil, `{"id":"r%d","owner":"acme"}`, i)
	}
	boxer := policy.Principal{Subject: "s", Roles: []string{"box"}}
	for _, tt := range []struct {
		name     string
		do       func(context.Context, *core.API) error
		kind     fault.Kind
		code     string
		pointers []string
	}{
		{"delete what can be no id", func(ctx context.Context, api *core.API) error {
			return api.Delete(ctx, acme, "rooms", "a/b", core.How{})
		}, fault.Invalid, "invalid-id", nil},
		{"delete what is not there", func(ctx context.Context, api *core.API) error {
			return api.Delete(ctx, acme, "rooms", "attic", core.How{})
		}, fault.NotFound, "unknown-record", nil},
		{"delete by a filter that is none", func(ctx context.Context, api *core.API) error {
			_, err := api.DeleteMany(ctx, acme, "rooms", core.ListRequest{Filter: "owner eq"}, 10, core.How{})
			return err
		}, fault.Invalid, "", nil},
		{"delete by a filter without the right to read", func(ctx context.Context, api *core.API) error {
			_, err := api.DeleteMany(ctx, nobody, "rooms", core.ListRequest{}, 10, core.How{})
			return err
		}, fault.Unauthenticated, "", nil},
		{"create too many", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", many, core.How{})
			return err
		}, fault.TooLarge, "too-many-records", nil},
		{"create with what can be no id", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", [][]byte{[]byte(`{"id":"a/b","owner":"acme"}`)}, core.How{})
			return err
		}, fault.Invalid, "", []string{"/id"}},
		{"create two that are wrong", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, acme, "rooms", [][]byte{
				[]byte(`{"id":"a"}`), []byte(`{"id":"b","owner":"acme"}`), []byte(`{"id":"c","owner":"bolt"}`),
			}, core.How{})

			return err
		}, fault.Invalid, "", []string{"/0/owner", "/2"}},
		{"import without the right to update", func(ctx context.Context, api *core.API) error {
			_, err := api.Import(ctx, boxer, core.ImportRequest{Collection: "rooms", Source: source("r.csv", "id,owner\n")})
			return err
		}, fault.Forbidden, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &faulty{Store: newStore(t)}
			api := tenancy(t, store)
			store.apply = errDown
			err := tt.do(t.Context(), api)
			wantFault(t, err, tt.kind, tt.code)
			var pointers []string
			for _, place := range fault.Of(err).Places {
				pointers = append(pointers, place.Pointer)
			}
			if diff := cmp.Diff(tt.pointers, pointers); tt.pointers != nil && diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			if store.applied > 0 {
				t.Error("the store was asked to write")
			}
		})
	}
}
