package keyvault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/portolan-io/portolan/adapters/keyvault"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

const hidden = "hidden-value"

var db = secrets.Ref{Name: "db-password"}

// A clock is one that tests put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(_ contract.T, d time.Duration) { c.ahead.Add(int64(d)) }

// open opens a source over the fake, which has a secret.
func open(t *testing.T, f *fake, cfg keyvault.Config) *keyvault.Source {
	t.Helper()
	f.set(db.Name, hidden)
	cfg.URL, cfg.Client = vaultURL+"/", f.client()
	if cfg.Credential == nil {
		cfg.Credential = f
	}
	source, err := keyvault.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		f := newFake(t)
		var time clock
		return secretstest.Harness{
			Source: open(t, f, keyvault.Config{Now: time.now}),
			Set:    func(_ contract.T, name, value string) { f.set(name, value) },
			Delete: func(_ contract.T, name string) { f.with(func(f *fake) { delete(f.secrets, strings.ToLower(name)) }) },
			Newest: func(_ contract.T, name string) string { return f.newest(name) },
			Forbid: func(_ contract.T, name string) { f.with(func(f *fake) { f.forbidden[strings.ToLower(name)] = true }) },
			Break:  func(contract.T) { f.with(func(f *fake) { f.status = 503 }) },
			Mend:   func(contract.T) { f.with(func(f *fake) { f.status = 0 }) },
			Pass:   time.pass,
		}
	})
}

// everything returns what an error and its causes say.
func everything(err error) string {
	var text strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		text.WriteString(err.Error() + " " + fault.Of(err).Detail + " " + fault.Of(err).Hint + "\n")
	}
	return text.String()
}

// TestTokenEnds has Entra's tokens end in mid-flight, under many who ask: nobody sees it,
// and the clock of Key Vault may be decades off.
func TestTokenEnds(t *testing.T) {
	f := newFake(t)
	var time clock
	source := open(t, f, keyvault.Config{Now: time.now})
	for round := range 3 {
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if got, err := source.Secret(t.Context(), db); err != nil || got != hidden {
					t.Errorf("Secret = %q, %v; want %s", got, err, hidden)
				}
			})
		}
		group.Wait()
		f.with(func(f *fake) {
			if len(f.tokens) != round+1 {
				t.Errorf("there were %d tokens after %d ended", len(f.tokens), round)
			}
			for token := range f.tokens {
				f.tokens[token] = false
			}
		})
		time.pass(nil, secrets.Fresh)
	}
}

// refusing is an identity that gets no token.
type refusing struct{}

func (refusing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("AADSTS700212: no matching federated identity record found for presented assertion audience")
}

// foreign is an identity whose tokens are for another audience.
type foreign struct{}

func (foreign) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "hidden-token-for-graph", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestRefusedLogins(t *testing.T) {
	for _, tt := range []struct {
		name       string
		credential azcore.TokenCredential
		challenge  string
		code       string
	}{
		{"no token", refusing{}, challenge, "login-refused"},
		{"another audience", foreign{}, challenge, "login-refused"},
		{"a challenge of somebody else", nil, strings.Replace(challenge, "https://vault.azure.net", "https://evil.example", 1), "unreachable"},
		{"a challenge without an authority", nil, `Bearer authorization="x", resource="https://vault.azure.net"`, "unreachable"},
		{"no challenge", nil, "", "login-refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits between its attempts
			f := newFake(t)
			f.challenge = tt.challenge
			_, err := open(t, f, keyvault.Config{Credential: tt.credential}).Secret(t.Context(), db)
			if why := fault.Of(err); why.Kind != fault.Unavailable || why.Code != tt.code || why.Hint == "" {
				t.Errorf("Secret: %v (%s), want %s with a hint", err, why.Code, tt.code)
			}
			if text := everything(err); strings.Contains(text, "hidden") {
				t.Errorf("the error shows a token: %s", text)
			}
		})
	}
}

// TestAilments has Key Vault answer what it answers when it cannot, and what stands before
// it.
func TestAilments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		code   string
		asked  int
	}{
		{"throttled", 429, http.Header{"Retry-After": {"60"}}, `{"error":{"code":"Throttled"}}`, "throttled", 1},
		{"throttled until a date", 429, http.Header{"Retry-After": {"Thu, 01 Jan 1970 00:00:20 GMT"}}, `{}`, "throttled", 1},
		{"throttled for now", 429, nil, `{}`, "throttled", 3},
		{"failing", 500, nil, `{"error":{"code":"` + hidden + `","message":"` + hidden + `"}}`, "failed", 3},
		{"a proxy", 502, nil, `<html>` + hidden, "failed", 3},
		{"no JSON", 200, nil, hidden, "unreachable", 3},
		{"JSON of another kind", 200, nil, `{"attributes":"` + hidden + `"}`, "unreachable", 3},
		{"no value", 200, nil, `{}`, "unreachable", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits between its attempts
			f := newFake(t)
			told := make(chan error, 10)
			var time clock
			source := open(t, f, keyvault.Config{Now: time.now, Failed: func(err error) { told <- err }})
			if _, err := source.Secret(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			f.with(func(f *fake) { f.status, f.header, f.body = tt.status, tt.header, tt.body })
			time.pass(nil, secrets.Fresh)
			before := f.count()
			if got, err := source.Secret(t.Context(), db); err != nil || got != hidden {
				t.Errorf("while Key Vault ails Secret = %q, %v; want what it was", got, err)
			}
			if asked := f.count() - before; asked != tt.asked {
				t.Errorf("it was asked %d times, want %d", asked, tt.asked)
			}
			err := <-told
			if fault.KindOf(err) != fault.Unavailable || fault.Of(err).Code != tt.code || fault.Of(err).Hint == "" {
				t.Errorf("the log is told %v (%s), want %s with a hint", err, fault.Of(err).Code, tt.code)
			}
			if text := everything(err); strings.Contains(text, "hidden") {
				t.Errorf("the log is told a secret: %s", text)
			}
		})
	}
}

// TestWhoLeaves cancels while Key Vault takes its time, and closes then.
func TestWhoLeaves(t *testing.T) {
	f := newFake(t)
	source := open(t, f, keyvault.Config{})
	f.with(func(f *fake) { f.waiting = make(chan struct{}) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if got, err := source.Secret(ctx, db); err != context.Canceled || got != "" { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Secret = %q, %v; want %v as it is", got, err, context.Canceled)
	}
	if err := source.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestNames asks for names that Key Vault cannot have, and by other capitals.
func TestNames(t *testing.T) {
	source := open(t, newFake(t), keyvault.Config{})
	for _, tt := range []struct {
		name string
		want string
		kind fault.Kind
		hint string
	}{
		{"db-password", hidden, "", ""},
		{"DB-Password", hidden, "", ""},
		{"db_password", "", fault.Invalid, "write db-password"},
		{"team/db.password", "", fault.Invalid, "write team-db-password"},
		{"db", "", fault.NotFound, "az keyvault secret list"},
	} {
		got, err := source.Secret(t.Context(), secrets.Ref{Name: tt.name})
		if got != tt.want || fault.KindOf(err) != tt.kind || err != nil && !strings.Contains(fault.Of(err).Hint, tt.hint) {
			t.Errorf("Secret(%s) = %q, %v; want %q, %q with %q", tt.name, got, err, tt.want, tt.kind, tt.hint)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, at := range []string{"", "shop", "http://shop.vault.azure.net", "https://", "https://me:it@shop.vault.azure.net", "https://shop.vault.azure.net/secrets/db", "https://shop.vault.azure.net?a"} {
		if source, err := keyvault.Open(t.Context(), keyvault.Config{URL: at}); !errors.Is(err, fault.Invalid) {
			t.Errorf("Open(%q) = %v, %v; want a %s", at, source, err, fault.Invalid)
		}
	}
	t.Run("managed", func(t *testing.T) {
		opens(t, keyvault.Config{URL: vaultURL, ClientID: "11111111-2222-3333-4444-555555555555"})
	})
	t.Run("whoever", func(t *testing.T) { opens(t, keyvault.Config{URL: vaultURL}) })
	t.Run("workload", func(t *testing.T) {
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token")
		t.Setenv("AZURE_TENANT_ID", "72f988bf-86f1-41af-91ab-2d7cd011db47")
		opens(t, keyvault.Config{URL: vaultURL, ClientID: "11111111-2222-3333-4444-555555555555"})
	})
}

// opens opens a source, which asks nobody for anything yet.
func opens(t *testing.T, cfg keyvault.Config) {
	t.Helper()
	source, err := keyvault.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
}
