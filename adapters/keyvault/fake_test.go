package keyvault_test

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/portolan-io/portolan/adapters/internal/kept"
)

const vaultURL = "https://shop.vault.azure.net"

// A fake is as much of Key Vault as the tests need, by its own protocol: the challenge that
// says whom to ask for a token, names without capitals, versions, and what ails it.
type fake struct {
	*httptest.Server

	mu        sync.Mutex
	secrets   map[string][]version // the newest last; of a lower-case name
	forbidden map[string]bool
	keys      map[string][]keyVersion // the newest last
	tokens    map[string]bool         // that are good
	challenge string
	asked     int
	waiting   chan struct{} // what holds answers up, if it is not nil

	status int         // answered to everything, if it is not 0
	header http.Header // with it
	body   string      // with it
}

type version struct{ id, value string }

const challenge = `Bearer authorization="https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47", resource="https://vault.azure.net"`

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{secrets: map[string][]version{}, forbidden: map[string]bool{}, keys: map[string][]keyVersion{}, tokens: map[string]bool{}, challenge: challenge}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

// with changes the fake.
func (f *fake) with(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// count returns how often a secret was asked for.
func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fake) set(name, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = strings.ToLower(name)
	digest := md5.Sum(fmt.Appendf(nil, "%s %d", name, len(f.secrets[name])))
	f.secrets[name] = append(f.secrets[name], version{hex.EncodeToString(digest[:]), value})
}

func (f *fake) newest(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.secrets[strings.ToLower(name)]
	return kept[len(kept)-1].id
}

// client returns one that reaches the fake by every name, whose certificate it trusts.
func (f *fake) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(f.Certificate())
	return &http.Client{Transport: kept.Limited(&http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, f.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "example.com"},
	})}
}

// GetToken is that of azcore.TokenCredential: the fake is who gives tokens, too. By its
// clock they end in an hour.
func (f *fake) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(options.Scopes) != 1 || options.Scopes[0] != "https://vault.azure.net/.default" || options.TenantID != "72f988bf-86f1-41af-91ab-2d7cd011db47" {
		return azcore.AccessToken{}, errors.New("a token for somebody else was asked for")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	token := fmt.Sprintf("hidden-token-%d", len(f.tokens))
	f.tokens[token] = true
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	waiting := f.waiting
	f.mu.Unlock()
	if waiting != nil {
		select {
		case <-waiting:
		case <-r.Context().Done():
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/secrets/"), "/")
	ofKeys := r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/keys/")
	w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT") // its clock is wrong
	token, shown := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if shown {
		f.asked++
	}
	switch {
	case r.Method != http.MethodGet && !ofKeys || r.Method == http.MethodGet && len(parts) > 2 || r.URL.Query().Get("api-version") == "" || r.Host != "shop.vault.azure.net":
		fail(w, 400, "BadParameter")
	case f.status != 0 && shown:
		for name, values := range f.header {
			w.Header()[name] = values
		}
		w.WriteHeader(f.status)
		_, _ = w.Write([]byte(f.body)) // who left does not read
	case !f.tokens[token]:
		w.Header().Set("WWW-Authenticate", f.challenge)
		fail(w, 401, "InvalidToken")
	case ofKeys:
		f.key(w, r)
	case f.forbidden[strings.ToLower(parts[0])]:
		fail(w, 403, "Forbidden")
	default:
		f.secret(w, strings.ToLower(parts[0]), append(parts, "")[1])
	}
}

func (f *fake) secret(w http.ResponseWriter, name, id string) {
	kept := f.secrets[name]
	for i := len(kept) - 1; i >= 0; i-- {
		if id == "" || kept[i].id == id {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_ = json.NewEncoder(w).Encode(map[string]any{
				"value": kept[i].value, "id": vaultURL + "/secrets/" + name + "/" + kept[i].id,
				"attributes": map[string]any{"enabled": true, "created": 0, "updated": 0, "recoveryLevel": "Recoverable"},
			})
			return
		}
	}
	fail(w, 404, "SecretNotFound")
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": code}})
}
