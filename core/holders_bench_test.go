package core_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// BenchmarkIdentify is what it costs to find out who asks, from the cache.
func BenchmarkIdentify(b *testing.B) {
	store, err := memory.Open(b.Context(), memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	limiter, err := memory.OpenLimiter(b.Context(), memory.LimiterConfig{})
	if err != nil {
		b.Fatal(err)
	}
	issuer, err := local.Open(b.Context(), local.Config{})
	if err != nil {
		b.Fatal(err)
	}
	config := core.Config{Store: store, Collections: catalogue(b), Cache: newCache(b), Pepper: secrets.Fixed("pepper")}
	api, err := core.New(config)
	if err != nil {
		b.Fatal(err)
	}
	if err := store.Ensure(b.Context(), api.Schemas()); err != nil {
		b.Fatal(err)
	}
	accounts, err := core.NewAccounts(b.Context(), core.AccountsConfig{
		API: api, Identity: core.NewIdentity(config, []auth.Authenticator{layer.Remember(issuer, nil)}),
		Issuer: issuer, Hasher: &quickHasher{}, Limiter: limiter, SignUp: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := accounts.SignUp(b.Context(), operator, ann, secret); err != nil {
		b.Fatal(err)
	}
	_, key, err := api.CreateKey(b.Context(), operator, core.Key{Subject: "robot", Roles: []string{"clerk"}})
	if err != nil {
		b.Fatal(err)
	}
	credentials := map[string]auth.Credential{
		"API key": {Scheme: auth.APIKey, Token: key}, "Basic": {Scheme: auth.Basic, Token: ann + ":" + secret},
	}
	for _, kind := range kinds {
		login, err := accounts.LogIn(b.Context(), operator, ann, secret, kind)
		if err != nil {
			b.Fatal(err)
		}
		credentials[string(kind)] = credential(login)
	}
	for _, name := range []string{"API key", "cookie", "token", "Basic"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := accounts.Identify(b.Context(), credentials[name]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
