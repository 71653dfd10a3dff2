package core_test

import (
	"io"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// keyHolder makes a key and returns whom it stands for, as a request knows it that
// showed the key.
func keyHolder(t *testing.T, store repository.Store, api *core.API, roles ...string) (policy.Principal, core.Key) {
	t.Helper()
	key, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "bot", Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	identity := core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("pepper")}, nil)
	who, err := identity.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: secret})
	if err != nil || who.Key != key.ID {
		t.Fatalf("the key %s is %+v, %v", key.ID, who, err)
	}
	return who, key
}

// writes are all ways to store something.
var writes = map[string]func(t *testing.T, api *core.API, who policy.Principal) error{
	"create": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":7,"name":"Pots"}`)}, core.How{})
		return err
	},
	"create once": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":7,"name":"Pots"}`)}, keyed("k", 1))
		return err
	},
	"create each": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":7,"name":"Pots"}`), []byte(`{"id":8,"name":"Pans"}`)}, core.How{Each: true})
		return err
	},
	"create on trial": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":7,"name":"Pots"}`)}, core.How{DryRun: true})
		return err
	},
	"replace": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Replace(t.Context(), who, "categories", "12", []byte(`{"name":"Pots"}`), core.How{})
		return err
	},
	"patch": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Patch(t.Context(), who, "products", "A1", []byte(`{"title":"Pot"}`), core.How{})
		return err
	},
	"delete": func(t *testing.T, api *core.API, who policy.Principal) error {
		return api.Delete(t.Context(), who, "products", "A1", core.How{})
	},
	"delete what matches": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.DeleteMany(t.Context(), who, "products", core.ListRequest{Filter: "price gt 10"}, 10, core.How{})
		return err
	},
	"import": func(t *testing.T, api *core.API, who policy.Principal) error {
		_, err := api.Import(t.Context(), who, core.ImportRequest{
			Collection: "products", Source: source("p.csv", "asin,title,category_id\nB1,Pot,12\n"), MaxRejects: -1,
		})
		return err
	},
	"send an import": func(t *testing.T, api *core.API, who policy.Principal) error {
		uploads := newUploads(t, api, t.TempDir())
		defer uploads.Close()
		up, err := uploads.Receive(t.Context(), who, "categories", ingest.CSV)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(up, "id,name\n7,Pots\n"); err != nil {
			t.Fatal(err)
		}
		_, err = up.Submit(t.Context(), nil)
		return err
	},
}

// A write of who showed an API key is not stored once the key is revoked, also if the
// request had been let in before; with the key there is no other difference.
func TestNoWriteBehindARevocation(t *testing.T) {
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			api := newAPI(t, store)
			who, key := keyHolder(t, store, api, "admin")
			before := held(t, api)
			if err := api.RevokeKey(t.Context(), operator, key.ID); err != nil {
				t.Fatal(err)
			}
			err := write(t, api, who)
			wantFault(t, err, fault.Unauthenticated, "bad-key")
			if after := held(t, api); after != before {
				t.Errorf("stored behind the revocation:\n%s", after)
			}
			other, _ := keyHolder(t, store, api, "admin")
			if err := write(t, api, other); err != nil {
				t.Errorf("with a key that is there: %v", err)
			}
		})
	}
}

// held returns the records of the catalogue.
func held(t *testing.T, api *core.API) string {
	t.Helper()
	text := ""
	for _, name := range []string{"categories", "products"} {
		page, err := api.List(t.Context(), operator, name, core.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		text += string(page.Body)
	}
	return text
}

// What an import that was accepted has not stored when its key is revoked it does not
// store, and its job says why.
func TestNoImportBehindARevocation(t *testing.T) {
	store := lasting{newStore(t)}
	api, dir := newAPI(t, store), t.TempDir()
	who, key := keyHolder(t, store, api, "admin")
	uploads := newUploads(t, api, dir)
	id := submit(t, uploads, who, "products", "asin,title,category_id\nB1,Pot,12\n")
	if err := uploads.Close(); err != nil {
		t.Fatal(err)
	}
	before := held(t, api)
	if err := api.RevokeKey(t.Context(), operator, key.ID); err != nil {
		t.Fatal(err)
	}
	job := work(t, api, newUploads(t, api, dir), id)[0]
	if job.State != core.JobFailed || job.Err == nil || job.Err.Code != "bad-key" || job.Loaded != 0 {
		t.Errorf("the job is %+v, %v", job, job.Err)
	}
	if after := held(t, api); after != before {
		t.Errorf("stored behind the revocation:\n%s", after)
	}
}

// What is wrong with a write is told alike with a key and without.
func TestMistakesOfAKeyHolder(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	who, _ := keyHolder(t, store, api, "admin")
	for name, wrong := range map[string]struct {
		do   func() error
		kind fault.Kind
		code string
	}{
		"a taken id": {func() error {
			_, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":7,"name":"a"}`), []byte(`{"id":12,"name":"b"}`)}, core.How{})
			if places := fault.Of(err).Places; len(places) != 1 || places[0].Pointer != "/1" {
				t.Errorf("the places are %v", places)
			}
			return err
		}, fault.Exists, "already-exists"},
		"a reference to nothing": {func() error {
			_, err := api.Patch(t.Context(), who, "products", "A1", []byte(`{"category_id":99}`), keyed("k", 1))
			return err
		}, fault.Conflict, "reference-missing"},
		"a record that is referred to": {func() error {
			return api.Delete(t.Context(), who, "categories", "12", core.How{})
		}, fault.Conflict, "referenced"},
		"an import that refers to nothing": {func() error {
			summary, err := api.Import(t.Context(), who, core.ImportRequest{
				Collection: "products", Source: source("p.csv", "asin,title,category_id\nB1,Pot,99\n"), MaxRejects: -1,
			})
			if summary.Rejected != 1 {
				t.Errorf("%d rows are rejected", summary.Rejected)
			}
			return err
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := wrong.do()
			if got := fault.KindOf(err); got != wrong.kind || err != nil && fault.Of(err).Code != wrong.code {
				t.Errorf("got %v, want %q", err, wrong.code)
			}
		})
	}
	written, err := api.Create(t.Context(), who, "categories", [][]byte{[]byte(`{"id":12,"name":"a"}`), []byte(`{"id":8,"name":"b"}`)}, core.How{Each: true})
	if err != nil || written.Failed[0] == nil || written.Failed[1] != nil || written.Results[1].Revision == "" {
		t.Errorf("of two records the first fails: %+v, %v", written, err)
	}
}
