package core_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

func TestKeys(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	identity := core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("pepper"), Now: func() time.Time { return now }}, nil)

	made, secret, err := api.CreateKey(t.Context(), operator, core.Key{
		Name: "reporting", Subject: "reports", Roles: []string{"admin"}, Expires: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	credential := auth.Credential{Scheme: auth.APIKey, Token: secret}
	who, err := identity.Identify(t.Context(), credential)
	want := policy.Principal{Issuer: core.KeyIssuer, Subject: "reports", Roles: []string{"admin"}, Expires: now.Add(time.Hour), Key: made.ID}
	if diff := cmp.Diff(want, who, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Address"
	}, cmp.Ignore())); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	keys, err := api.Keys(t.Context(), operator)
	if diff := cmp.Diff([]core.Key{made}, keys); diff != "" || err != nil {
		t.Errorf("error %v, -made +listed:\n%s", err, diff)
	}

	now = now.Add(time.Hour)
	_, err = identity.Identify(t.Context(), credential)
	wantFault(t, err, fault.Unauthenticated, "bad-key")
	now = now.Add(-time.Hour)
	if err := api.RevokeKey(t.Context(), operator, made.ID); err != nil {
		t.Fatal(err)
	}
	_, err = identity.Identify(t.Context(), credential)
	wantFault(t, err, fault.Unauthenticated, "bad-key")
	wantFault(t, api.RevokeKey(t.Context(), operator, made.ID), fault.NotFound, "unknown-key")
}

func TestOnlyTheOperatorMakesKeys(t *testing.T) {
	api := newAPI(t, newStore(t))
	for _, tt := range []struct {
		who  policy.Principal
		key  core.Key
		want fault.Kind
	}{
		{nobody, core.Key{Subject: "s"}, fault.Unauthenticated},
		{admin, core.Key{Subject: "s"}, fault.Forbidden},
		{operator, core.Key{}, fault.Invalid},
		{operator, core.Key{Subject: "s", Roles: []string{"anonymous"}}, fault.Invalid},
		{operator, core.Key{Subject: "s", Expires: time.Unix(0, 0)}, fault.Invalid},
	} {
		_, _, err := api.CreateKey(t.Context(), tt.who, tt.key)
		wantFault(t, err, tt.want, "")
	}
}

func TestWrongKeys(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	_, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	identity := core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("pepper")}, nil)
	for _, token := range []string{
		"", "ptl_", "ptl_aaaaaaaa_", "x" + secret, secret + "a", secret[:len(secret)-1], strings.ToUpper(secret),
		secret[:13], "ptl_\x00aaaaaaa_x", "ptl_" + strings.Repeat("a", 200),
	} {
		_, err := identity.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: token})
		wantFault(t, err, fault.Unauthenticated, "bad-key")
	}
	other := core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("another")}, nil)
	_, err = other.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: secret})
	wantFault(t, err, fault.Unauthenticated, "bad-key")
	none := core.NewIdentity(core.Config{Store: store}, nil)
	_, err = none.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: secret})
	wantFault(t, err, fault.Unsupported, "no-pepper")
	_, err = none.Identify(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: "x.y.z"})
	wantFault(t, err, fault.Unauthenticated, "unknown-issuer")
}

// What is stored of a key does not help who steals the store.
func TestStoreHoldsNoKey(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	_, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range api.Schemas() {
		q := query.Query{View: query.View{Collection: c, Fields: c.All()}, Order: []query.Key{{Field: c.ID}}, Limit: 1000}
		page, err := repository.Store.Find(store, t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			if strings.Contains(string(row.JSON), secret[13:]) {
				t.Errorf("%s holds the key: %s", c.Name, row.JSON)
			}
		}
	}
}

// TestOtherPeppers changes the pepper under keys, with an overlap before and after, and
// with a cache that keeps who they stand for.
func TestOtherPeppers(t *testing.T) {
	store := newStore(t)
	current, other := "first", "first"
	of := func(text *string) secrets.Value {
		return func(context.Context) (string, error) {
			if *text == "" {
				return "", fault.New(fault.NotFound, "test", "it is gone")
			}
			return *text, nil
		}
	}
	config := core.Config{
		Store: store, Collections: bookshop(t), Cache: newCache(t),
		Pepper: of(&current), Peppers: []secrets.Value{of(&other)},
	}
	api, err := core.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	identity := core.NewIdentity(config, nil)
	create := func() auth.Credential {
		t.Helper()
		_, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "robot"})
		if err != nil {
			t.Fatal(err)
		}
		return auth.Credential{Scheme: auth.APIKey, Token: secret}
	}
	check := func(when string, credential auth.Credential, right bool) {
		t.Helper()
		for range 3 { // the cache answers from the second on
			who, err := identity.Identify(t.Context(), credential)
			if right && (err != nil || who.Subject != "robot") || !right && fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("%s: %v, %v; want it right: %t", when, who, err, right)
			}
		}
	}
	old := create()
	check("at first", old, true)
	other = "second" // which comes next
	check("before the rotation", old, true)
	current, other = "second", "first"
	young := create()
	check("the old key in the overlap", old, true)
	check("the new key in the overlap", young, true)
	wrong := young
	wrong.Token += "a"
	check("a wrong key", wrong, false)
	other = ""
	check("the old key after the overlap", old, false)
	check("the new key after the overlap", young, true)
}
