package core_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// everything returns all records that the tests have.
func everything(t *testing.T, api *core.API) string {
	t.Helper()
	text := ""
	for _, name := range []string{"categories", "products", "notes"} {
		page, err := api.List(t.Context(), operator, name, core.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		text += string(page.Body)
	}
	return text
}

// A trial answers as the write itself would, be it well or not, and stores nothing.
func TestTrials(t *testing.T) {
	type write = func(context.Context, *core.API, core.How) (core.Written, error)
	creating := func(bodies ...string) write {
		return func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			raw := make([][]byte, len(bodies))
			for i, body := range bodies {
				raw[i] = []byte(body)
			}
			return api.Create(ctx, admin, "products", raw, how)
		}
	}
	patching := func(patch string) write {
		return func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Patch(ctx, admin, "products", "A1", []byte(patch), how)
		}
	}
	removing := func(name, id string) write {
		return func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return core.Written{}, api.Delete(ctx, admin, name, id, how)
		}
	}
	removingMany := func(name, filter string) write {
		return func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.DeleteMany(ctx, admin, name, core.ListRequest{Filter: filter}, 10, how)
		}
	}
	for _, tt := range []struct {
		name string
		do   write
		kind fault.Kind
		code string
	}{
		{"create", creating(`{"asin":"B1","title":"x","category_id":12}`), "", ""},
		{"create several", creating(`{"asin":"B1","title":"x","category_id":12}`, `{"asin":"B2","title":"x","category_id":91}`), "", ""},
		{"create what exists", creating(`{"asin":"A1","title":"x","category_id":12}`), fault.Exists, ""},
		{"create what refers to nothing", creating(`{"asin":"B1","title":"x","category_id":13}`), fault.Conflict, "reference-missing"},
		{"create what is wrong", creating(`{"asin":"B1"}`), fault.Invalid, "invalid-record"},
		{"create each", func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			how.Each = true
			return creating(`{"asin":"B1","title":"x","category_id":12}`, `{"asin":"A1","title":"x","category_id":12}`)(ctx, api, how)
		}, "", ""},
		{"replace", func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Replace(ctx, admin, "categories", "12", []byte(`{"name":"n"}`), how)
		}, "", ""},
		{"create by replacing", func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			return api.Replace(ctx, admin, "categories", "5", []byte(`{"name":"n"}`), how)
		}, "", ""},
		{"patch", patching(`{"title":"n"}`), "", ""},
		{"patch what is wrong", patching(`{"stars":9}`), fault.Invalid, ""},
		{"patch a reference to nothing", patching(`{"category_id":13}`), fault.Conflict, "reference-missing"},
		{"patch what has changed", func(ctx context.Context, api *core.API, how core.How) (core.Written, error) {
			how.If = core.Condition{Revisions: []record.Revision{"other"}}
			return patching(`{"title":"n"}`)(ctx, api, how)
		}, fault.Stale, "stale"},
		{"delete", removing("products", "A1"), "", ""},
		{"delete what is not there", removing("products", "B1"), fault.NotFound, ""},
		{"delete what is referred to", removing("categories", "12"), fault.Conflict, "referenced"},
		{"delete many", removingMany("products", "price lt 20"), "", ""},
		{"delete none", removingMany("products", "price lt 1"), "", ""},
		{"delete many that are referred to", removingMany("categories", "id gt 0"), fault.Conflict, "referenced"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := newAPI(t, newStore(t))
			before := everything(t, api)
			how := keyed("k", 1)
			how.DryRun = true
			trial, err := tt.do(t.Context(), api, how)
			if fault.KindOf(err) != tt.kind || tt.code != "" && fault.Of(err).Code != tt.code {
				t.Fatalf("got %v, want %q %s", err, tt.kind, tt.code)
			}
			if diff := cmp.Diff(before, everything(t, api)); diff != "" {
				t.Fatalf("the trial stored something:\n%s", diff)
			}
			how.DryRun = false
			real, err := tt.do(t.Context(), api, how)
			if fault.KindOf(err) != tt.kind {
				t.Fatalf("the write itself got %v, want %q", err, tt.kind)
			}
			if real.Repeated {
				t.Error("the trial used the key up")
			}
			if trial.Answer != nil {
				t.Errorf("the trial has an answer to store: %s", trial.Answer)
			}
			if diff := cmp.Diff(timeless(real), timeless(trial)); diff != "" {
				t.Errorf("-real +trial:\n%s", diff)
			}
		})
	}
}

// timeless returns what was written without what only storing it makes: its
// revisions, which the trial must not have, and the stored answer.
func timeless(w core.Written) []string {
	said := append(verdicts(w), string(w.ID), string(w.JSON))
	for _, each := range w.Results {
		said = append(said, string(each.JSON))
	}
	return append(said, string(rune('0'+w.Deleted)))
}

// A trial has no revision, and is no write that another could be stale by.
func TestTrialsHaveNoRevision(t *testing.T) {
	api := newAPI(t, newStore(t))
	written, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"n"}`), core.How{DryRun: true})
	if err != nil || written.Revision != "" {
		t.Errorf("got the revision %q, %v", written.Revision, err)
	}
}

// A trial that is overtaken is tried again, as the write itself is.
func TestTrialsThatAreOvertaken(t *testing.T) {
	store := &faulty{Store: newStore(t)}
	api := newAPI(t, store)
	store.apply = &repository.BatchError{Err: fault.New(fault.Stale, "faulty", "another write came between")}
	_, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"n"}`), core.How{DryRun: true})
	wantFault(t, err, fault.Unavailable, "busy")
	store.apply = errDown
	_, err = api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"n"}`), core.How{DryRun: true})
	wantFault(t, err, fault.Unavailable, "down")
}
