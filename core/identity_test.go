package core_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An issuer is an authenticator that knows one token, and has an answer of its
// own to every other.
type issuer struct {
	token string
	other error
	asked *[]string
}

func (i issuer) Authenticate(_ context.Context, credential auth.Credential) (policy.Principal, error) {
	*i.asked = append(*i.asked, i.token)
	if credential.Token == i.token {
		return policy.Principal{Issuer: "test", Subject: i.token}, nil
	}
	return policy.Principal{}, i.other
}

func (issuer) Close() error { return nil }

// The authenticators are asked in their order until one knows the credential,
// whatever it then says of it. Nobody is let in by a later one whom an earlier
// one refused.
func TestIdentifyAsksOneAfterTheOther(t *testing.T) {
	unknown := fault.New(fault.Unsupported, "issuer", "not of mine")
	forged := fault.New(fault.Unauthenticated, "issuer", "forged").Coded("forged")
	down := fault.New(fault.Unavailable, "issuer", "no keys to check with").Coded("down")
	for _, tt := range []struct {
		name   string
		others []error // what each authenticator answers to tokens that are not its own
		token  string
		asked  []string
		kind   fault.Kind
		code   string
	}{
		{"the first knows", []error{unknown, unknown}, "a", []string{"a"}, "", ""},
		{"the second knows", []error{unknown, unknown}, "b", []string{"a", "b"}, "", ""},
		{"the first refuses", []error{forged, unknown}, "b", []string{"a"}, fault.Unauthenticated, "forged"},
		{"the first cannot tell", []error{down, unknown}, "b", []string{"a"}, fault.Unavailable, "down"},
		{"the last refuses", []error{unknown, forged}, "c", []string{"a", "b"}, fault.Unauthenticated, "forged"},
		{"none knows", []error{unknown, unknown}, "c", []string{"a", "b"}, fault.Unauthenticated, "unknown-issuer"},
		{"there is none", nil, "a", nil, fault.Unauthenticated, "unknown-issuer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			var authenticators []auth.Authenticator
			for i, other := range tt.others {
				authenticators = append(authenticators, issuer{[]string{"a", "b"}[i], other, &asked})
			}
			identity := core.NewIdentity(core.Config{Store: newStore(t)}, authenticators)
			who, err := identity.Identify(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: tt.token})
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if tt.kind == "" {
				if err != nil || who.Subject != tt.token {
					t.Errorf("got %+v, %v, want %s", who, err, tt.token)
				}
				return
			}
			wantFault(t, err, tt.kind, tt.code)
			if who.Known() {
				t.Errorf("got %+v beside the error %v", who, err)
			}
		})
	}
}

// A context that is done is told as it is, and asks nobody else.
func TestIdentifyWhenDone(t *testing.T) {
	var asked []string
	identity := core.NewIdentity(core.Config{Store: newStore(t)}, []auth.Authenticator{
		issuer{"a", context.Canceled, &asked}, issuer{"b", nil, &asked},
	})
	who, err := identity.Identify(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: "b"})
	if !errors.Is(err, context.Canceled) || who.Known() || len(asked) != 1 {
		t.Errorf("got %+v, %v, having asked %v", who, err, asked)
	}
}

// A key that cannot be checked now is neither accepted nor called wrong.
func TestKeysThatCannotBeChecked(t *testing.T) {
	ctx, good := t.Context(), secrets.Fixed("pepper")
	lost := func(context.Context) (string, error) { return "", errDown }
	store := &faulty{Store: newStore(t)}
	_, secret, err := newAPI(t, store).CreateKey(ctx, operator, core.Key{Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		pepper secrets.Value
		get    error
		kind   fault.Kind
		code   string
	}{
		{"all is well", good, nil, "", ""},
		{"the pepper cannot be had", lost, nil, fault.Unavailable, "down"},
		{"the store does not answer", good, errDown, fault.Unavailable, "down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store.get = tt.get
			who, err := core.NewIdentity(core.Config{Store: store, Pepper: tt.pepper}, nil).
				Identify(ctx, auth.Credential{Scheme: auth.APIKey, Token: secret})
			if tt.kind == "" && err == nil && who.Subject == "s" {
				return
			}
			wantFault(t, err, tt.kind, tt.code)
			if who.Known() {
				t.Errorf("got %+v beside the error %v", who, err)
			}
		})
	}
}

// No key is made that could not be checked later.
func TestKeysNeedAPepper(t *testing.T) {
	lost := func(context.Context) (string, error) { return "", errDown }
	for _, tt := range []struct {
		name   string
		pepper secrets.Value
		kind   fault.Kind
		code   string
	}{
		{"none is set", nil, fault.Unsupported, "no-pepper"},
		{"it cannot be had", lost, fault.Unavailable, "down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(t)
			api, err := core.New(core.Config{Store: store, Pepper: tt.pepper})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
				t.Fatal(err)
			}
			_, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "s"})
			wantFault(t, err, tt.kind, tt.code)
			if keys, err := api.Keys(t.Context(), operator); err != nil || len(keys) != 0 || secret != "" {
				t.Errorf("there are %d keys now, %v", len(keys), err)
			}
		})
	}
}
