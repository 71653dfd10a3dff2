package keyvault_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/adapters/keyvault"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/keys/keystest"
)

// A keyVersion is one of a key in the fake.
type keyVersion struct {
	id   string
	pair *rsa.PrivateKey
}

// pairs are made once: that takes longer than everything else.
var pairs = sync.OnceValue(func() (made []*rsa.PrivateKey) {
	for range 3 {
		pair, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		made = append(made, pair)
	}
	return made
})

// addKey gives the key a newer version, whose pair is the i-th.
func (f *fake) addKey(name string, i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	f.keys[name] = append(f.keys[name], keyVersion{hex.EncodeToString(id), pairs()[i]})
}

// key answers POST /keys/{name}/{version, or nothing}/{wrapkey or unwrapkey}, as RSA-OAEP-256 does.
func (f *fake) key(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/keys/"), "/")
	if len(parts) == 2 { // the newest version
		parts = []string{parts[0], "", parts[1]}
	}
	var asked struct{ Alg, Value string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(parts) != 3 || asked.Alg != "RSA-OAEP-256" {
		fail(w, 400, "BadParameter")
		return
	}
	value, err := base64.RawURLEncoding.DecodeString(asked.Value)
	versions := f.keys[parts[0]]
	at := len(versions) - 1
	for i, each := range versions {
		if each.id == parts[1] {
			at = i
		}
	}
	switch {
	case f.forbidden[parts[0]]:
		fail(w, 403, "Forbidden")
		return
	case at < 0 || parts[1] != "" && versions[at].id != parts[1]:
		fail(w, 404, "KeyNotFound")
		return
	case err == nil && parts[2] == "wrapkey":
		value, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &versions[at].pair.PublicKey, value, nil)
	case err == nil:
		value, err = rsa.DecryptOAEP(sha256.New(), nil, versions[at].pair, value, nil)
	}
	if err != nil {
		fail(w, 400, "BadParameter")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kid": vaultURL + "/keys/" + parts[0] + "/" + versions[at].id, "value": base64.RawURLEncoding.EncodeToString(value),
	})
}

func openKeys(t contract.T, f *fake, key string, previous ...string) keys.Keeper {
	t.Helper()
	keeper, err := keyvault.OpenKeys(t.Context(), keyvault.KeysConfig{URL: vaultURL, Key: key, Previous: previous, Credential: f, Client: f.client()})
	if err != nil {
		t.Fatalf("OpenKeys: %v", err)
	}
	t.Cleanup(func() { _ = keeper.Close() })
	return keeper
}

func TestKeysSuite(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keystest.Harness {
		f := newFake(t)
		f.addKey("one", 0)
		f.addKey("two", 1)
		return keystest.Harness{
			Keeper:  openKeys(t, f, "one"),
			Again:   func(t contract.T) keys.Keeper { return openKeys(t, f, "One") },
			Rotated: func(t contract.T) keys.Keeper { return openKeys(t, f, "two", "one") },
			Without: func(t contract.T) keys.Keeper { return openKeys(t, f, "two") },
			Forbid:  func(contract.T) { f.with(func(f *fake) { f.forbidden["one"] = true }) },
			Break:   func(contract.T) { f.with(func(f *fake) { f.status = 503 }) },
		}
	})
}

// TestKeysRotate: a key that has a newer version in Key Vault has another name from then on,
// and what its older version wrapped is still unwrapped.
func TestKeysRotate(t *testing.T) {
	f := newFake(t)
	f.addKey("one", 0)
	keeper := openKeys(t, f, "one")
	before, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	f.addKey("one", 2)
	after, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil || before.Key == after.Key || !strings.HasPrefix(before.Key, "keyvault:shop.vault.azure.net/one/") {
		t.Errorf("the key is called %s and then %s, %v", before.Key, after.Key, err)
	}
	if got, err := keeper.Unwrap(t.Context(), before); err != nil || !bytes.Equal(got, []byte("data key")) {
		t.Errorf("Unwrap of what the older version wrapped = %q, %v", got, err)
	}
	f.with(func(f *fake) { f.keys["one"] = f.keys["one"][1:] })
	if _, err := keeper.Unwrap(t.Context(), before); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Unwrap once the older version is gone = %v, want %s", err, fault.Unavailable)
	}
}

// TestNoVaultHasNoKeys: what answers in another way than Key Vault does is unavailable.
func TestNoVaultHasNoKeys(t *testing.T) {
	for _, challenge := range []string{"", "Basic realm=x", `Bearer authorization="x"`} {
		f := newFake(t)
		f.with(func(f *fake) { f.challenge = challenge })
		if _, err := openKeys(t, f, "one").Wrap(t.Context(), []byte("data key")); !errors.Is(err, fault.Unavailable) {
			t.Errorf("with the challenge %q: Wrap = %v, want %s", challenge, err, fault.Unavailable)
		}
	}
}

func TestKeysOpen(t *testing.T) {
	for name, cfg := range map[string]keyvault.KeysConfig{
		"no url":     {Key: "one"},
		"no TLS":     {URL: "http://shop.vault.azure.net", Key: "one"},
		"no key":     {URL: vaultURL},
		"no name":    {URL: vaultURL, Key: "one/two"},
		"no earlier": {URL: vaultURL, Key: "one", Previous: []string{""}},
	} {
		if _, err := keyvault.OpenKeys(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: OpenKeys = %v, want %s", name, err, fault.Invalid)
		}
	}
}
