package vault_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/vault"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/keys/keystest"
	"github.com/portolan-io/portolan/ports/secrets"
)

// transit is the part of a transit engine that the tests need: keys are made and rotated,
// and encrypt and decrypt as aes256-gcm96 does. It reports whether the path is of one.
func (f *fake) transit(w http.ResponseWriter, path string, body map[string]any) bool {
	parts := strings.Split(path, "/")
	if len(parts) < 3 || f.engines[parts[0]] == nil {
		return false
	}
	at := parts[0] + "/" + parts[2]
	switch {
	case parts[1] == "keys" && len(parts) == 3 && body == nil:
		if f.rings[at] == nil {
			answer(w, 404, `{"errors":[]}`)
			return true
		}
		if f.mute {
			answerJSON(w, 200, map[string]any{"data": map[string]any{}})
			return true
		}
		answerJSON(w, 200, map[string]any{"data": map[string]any{
			"min_available_version": f.oldest[at], "min_decryption_version": max(1, f.least[at]), "latest_version": len(f.rings[at]),
		}})
	case parts[1] == "keys" && (len(parts) == 3 || parts[3] == "rotate"):
		f.rings[at] = append(f.rings[at], []byte(rand.Text() + rand.Text())[:32])
		w.WriteHeader(http.StatusNoContent)
	case parts[1] == "keys": // its configuration
		if least, ok := body["min_decryption_version"].(float64); ok {
			f.least[at] = int(least)
		}
		if least, ok := body["min_encryption_version"].(float64); ok {
			f.floor[at] = int(least)
		}
		w.WriteHeader(http.StatusNoContent)
	case parts[1] == "encrypt" && f.rings[at] != nil:
		plain, err := base64.StdEncoding.DecodeString(body["plaintext"].(string))
		if err != nil {
			answer(w, 400, `{"errors":["failed to base64-decode plaintext"]}`)
			return true
		}
		version := len(f.rings[at])
		if wanted, ok := body["key_version"].(float64); ok {
			version = int(wanted)
		}
		if version < 1 || version > len(f.rings[at]) || version < f.floor[at] || version < f.least[at] && !f.loose {
			answer(w, 400, `{"errors":["no such key version"]}`)
			return true
		}
		answerJSON(w, 200, map[string]any{"data": map[string]any{
			"ciphertext": fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(gcm(f.rings[at][version-1]).Seal(nil, nil, plain, nil))),
		}})
	case parts[1] == "decrypt" && f.rings[at] != nil:
		f.decrypt(w, f.rings[at], f.least[at], body["ciphertext"].(string))
	case parts[1] == "encrypt" || parts[1] == "decrypt":
		answer(w, 400, `{"errors":["encryption key not found"]}`)
	default:
		return false
	}
	return true
}

func (f *fake) decrypt(w http.ResponseWriter, ring [][]byte, least int, ciphertext string) {
	parts := strings.Split(ciphertext, ":")
	version, _ := strconv.Atoi(strings.TrimPrefix(parts[1], "v"))
	sealed, err := base64.StdEncoding.DecodeString(parts[2])
	if err == nil && version >= max(1, least) && version <= len(ring) && len(sealed) >= 28 {
		var plain []byte
		if plain, err = gcm(ring[version-1]).Open(nil, nil, sealed, nil); err == nil {
			answerJSON(w, 200, map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}})
			return
		}
	}
	answer(w, 400, `{"errors":["cipher: message authentication failed"]}`)
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// keeping makes a transit engine with two keys, and a token that may use them.
func (a admin) keeping(t *testing.T) keystest.Harness {
	t.Helper()
	name := "portolan-" + strings.ToLower(rand.Text())
	a.do(t, "POST", "sys/mounts/"+name, map[string]any{"type": "transit"})
	t.Cleanup(func() { a.do(t, "DELETE", "sys/mounts/"+name, nil) })
	for _, key := range []string{"one", "two"} {
		a.do(t, "POST", name+"/keys/"+key, map[string]any{"type": "aes256-gcm96"})
	}
	allowed := ""
	for _, verb := range []string{"encrypt", "decrypt"} {
		allowed += fmt.Sprintf("path \"%s/%s/*\" { capabilities = [\"update\"] }\n", name, verb)
	}
	a.do(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": allowed})
	made := a.do(t, "POST", "auth/token/create", map[string]any{"policies": []string{"default", name}, "ttl": "1h"})
	token := made["auth"].(map[string]any)["client_token"].(string)
	open := func(key string, previous ...string) func(t contract.T) keys.Keeper {
		return func(t contract.T) keys.Keeper {
			keeper, err := vault.OpenTransit(t.Context(), vault.TransitConfig{
				Access: vault.Access{Address: a.address, Login: "token", Token: secrets.Fixed(token)}, Mount: name, Key: key, Previous: previous,
			})
			if err != nil {
				t.Fatalf("%v", err)
			}
			t.Cleanup(func() { _ = keeper.Close() })
			return keeper
		}
	}
	return keystest.Harness{
		Keeper: open("one")(t), Again: open("one"), Rotated: open("two", "one"), Without: open("two"),
		Forbid: func(t contract.T) {
			denied := ""
			for _, verb := range []string{"encrypt", "decrypt"} {
				denied += fmt.Sprintf("path \"%s/%s/one\" { capabilities = [\"deny\"] }\n", name, verb)
			}
			a.do(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": allowed + denied})
		},
	}
}

func TestTransitSuite(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keystest.Harness {
		f := newFake(t)
		h := admin{f.URL, root}.keeping(t)
		h.Break = func(contract.T) {
			f.with(func(f *fake) { f.status, f.body = 503, `{"errors":["Vault is sealed"]}` })
		}
		return h
	})
}

// TestRealTransit runs the same suite over a Vault that there is.
func TestRealTransit(t *testing.T) {
	address, token := os.Getenv("PORTOLAN_TEST_VAULT_ADDR"), os.Getenv("PORTOLAN_TEST_VAULT_TOKEN")
	if address == "" || token == "" {
		t.Skip("PORTOLAN_TEST_VAULT_ADDR and PORTOLAN_TEST_VAULT_TOKEN are not set; see CONTRIBUTING.md")
	}
	keystest.Run(t, admin{strings.TrimRight(address, "/"), token}.keeping)
}

// transitOver opens a keeper with the root token over the fake, whose engine has a key.
func transitOver(t *testing.T, f *fake, key string) *vault.Transit {
	t.Helper()
	return transitAs(t, f, root, key)
}

// transitAs is transitOver with another token.
func transitAs(t *testing.T, f *fake, token, key string) *vault.Transit {
	t.Helper()
	keeper, err := vault.OpenTransit(t.Context(), vault.TransitConfig{Access: vault.Access{Address: f.URL, Login: "token", Token: secrets.Fixed(token)}, Mount: "secret", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keeper.Close() })
	return keeper
}

// TestTransitRotates: a key that is rotated in Vault has another name from then on, and what
// its older versions wrapped is still unwrapped.
func TestTransitRotates(t *testing.T) {
	f := newFake(t)
	a := admin{f.URL, root}
	a.do(t, "POST", "secret/keys/one", map[string]any{})
	keeper := transitOver(t, f, "one")
	before, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	a.do(t, "POST", "secret/keys/one/rotate", map[string]any{})
	after, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil || before.Key != "transit:secret/one:v1" || after.Key != "transit:secret/one:v2" {
		t.Errorf("the key is called %s and then %s, %v", before.Key, after.Key, err)
	}
	if got, err := keeper.Unwrap(t.Context(), before); err != nil || string(got) != "data key" {
		t.Errorf("Unwrap of what the older version wrapped = %q, %v", got, err)
	}
}

// TestTransitRefusals: a version that Vault does not use any more, or has not, is a key that cannot be had
// now, and what is to be done is said; what Vault did not encrypt is damaged. Where the policy does not let
// the server read about the key, what cannot be told from another is no damage.
func TestTransitRefusals(t *testing.T) {
	type setting map[string]any
	for _, tt := range []struct {
		name          string
		config        setting
		denied        []string // paths
		oldest        int
		spoilt        bool
		kind          fault.Kind
		detail, hint  string
		newer, absent bool // the version is one that there is not; the key is gone
		loose, mute   bool // it encrypts by versions that do not decrypt; it says nothing of the key
	}{
		{name: "spoilt", spoilt: true, kind: fault.Invalid},
		{name: "below min_encryption_version", config: setting{"min_encryption_version": 2}, spoilt: true, kind: fault.Invalid},
		{name: "below min_decryption_version", config: setting{"min_decryption_version": 2}, kind: fault.Unavailable, detail: "min_decryption_version is 2", hint: "min_decryption_version=1"},
		{name: "the oldest, below min_decryption_version", config: setting{"min_decryption_version": 2}, oldest: 1, kind: fault.Unavailable, detail: "min_decryption_version is 2", hint: "min_decryption_version=1"},
		{name: "trimmed", config: setting{"min_decryption_version": 2}, oldest: 2, kind: fault.Unavailable, detail: "trimmed", hint: "backup"},
		{name: "another key", newer: true, kind: fault.Unavailable, detail: "no version 3", hint: "backup"},
		{name: "no key", absent: true, kind: fault.Unavailable, detail: "no key one", hint: "backup"},
		{name: "spoilt, unread", denied: []string{"secret/keys/one"}, spoilt: true, kind: fault.Invalid},
		{name: "below min_encryption_version, unread", config: setting{"min_encryption_version": 2}, denied: []string{"secret/keys/one"}, spoilt: true, kind: fault.Unavailable, detail: "or the value is damaged", hint: "capability read"},
		{name: "below min_decryption_version, unread", config: setting{"min_decryption_version": 2}, denied: []string{"secret/keys/one"}, kind: fault.Unavailable, detail: "or the value is damaged", hint: "vault read secret/keys/one"},
		{name: "below min_decryption_version, unread, but it encrypts", config: setting{"min_decryption_version": 2}, denied: []string{"secret/keys/one"}, loose: true, kind: fault.Unavailable, detail: "or the value is damaged", hint: "vault read secret/keys/one"},
		{name: "an answer of nothing", spoilt: true, mute: true, kind: fault.Unavailable, detail: "not that of a transit engine", hint: "mount"},
		{name: "who only decrypts", denied: []string{"secret/keys/one", "secret/encrypt/one"}, spoilt: true, kind: fault.Unavailable, detail: "or the value is damaged", hint: "capability read"},
		{name: "no key, unread", denied: []string{"secret/keys/one"}, absent: true, kind: fault.Unavailable, detail: "or gone", hint: "capability read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			a := admin{f.URL, root}
			a.do(t, "POST", "secret/keys/one", map[string]any{})
			f.with(func(f *fake) { f.tokens["hvs.some"] = &token{policies: []string{"some"}} })
			keeper := transitAs(t, f, "hvs.some", "one")
			wrapped, err := keeper.Wrap(t.Context(), []byte("data key"))
			if err != nil {
				t.Fatal(err)
			}
			a.do(t, "POST", "secret/keys/one/rotate", map[string]any{})
			a.do(t, "POST", "secret/keys/one/config", tt.config)
			f.with(func(f *fake) {
				f.deny["some"], f.oldest["secret/one"] = tt.denied, tt.oldest
				f.loose, f.mute = tt.loose, tt.mute
				if tt.absent {
					delete(f.rings, "secret/one")
				}
			})
			if tt.spoilt {
				wrapped.Octets[len(wrapped.Octets)-1] ^= 1
			}
			if tt.newer {
				wrapped.Key = "transit:secret/one:v3"
			}
			_, err = keeper.Unwrap(t.Context(), wrapped)
			if why := fault.Of(err); why == nil || why.Kind != tt.kind || !strings.Contains(why.Detail, tt.detail) || !strings.Contains(why.Hint, tt.hint) {
				t.Errorf("Unwrap = %v, want %s with %q and the hint %q", err, tt.kind, tt.detail, tt.hint)
			}
			if tt.config["min_decryption_version"] == nil || tt.oldest > 1 {
				return
			}
			a.do(t, "POST", "secret/keys/one/config", map[string]any{"min_decryption_version": 1})
			if got, err := keeper.Unwrap(t.Context(), wrapped); err != nil || string(got) != "data key" {
				t.Errorf("Unwrap once it may be used again = %q, %v", got, err)
			}
		})
	}
}

// TestTransitKeyDeleted: a key that is not there any more is no mistake of what is stored.
func TestTransitKeyDeleted(t *testing.T) {
	f := newFake(t)
	admin{f.URL, root}.do(t, "POST", "secret/keys/one", map[string]any{})
	keeper := transitOver(t, f, "one")
	wrapped, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	f.with(func(f *fake) { delete(f.rings, "secret/one") })
	if _, err := keeper.Unwrap(t.Context(), wrapped); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Unwrap = %v, want %s", err, fault.Unavailable)
	}
	if _, err := keeper.Wrap(t.Context(), []byte("data key")); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Wrap = %v, want %s", err, fault.Unavailable)
	}
}

func TestTransitOpen(t *testing.T) {
	right := vault.TransitConfig{Access: vault.Access{Address: "https://vault.example.com", Login: "token", Token: secrets.Fixed(root)}, Key: "one"}
	for name, change := range map[string]func(*vault.TransitConfig){
		"no key":         func(c *vault.TransitConfig) { c.Key = "" },
		"no name":        func(c *vault.TransitConfig) { c.Key = "one/../two" },
		"none before":    func(c *vault.TransitConfig) { c.Previous = []string{""} },
		"no address":     func(c *vault.TransitConfig) { c.Address = "" },
		"no login":       func(c *vault.TransitConfig) { c.Login = "" },
		"no such engine": func(c *vault.TransitConfig) { c.Mount = "../sys" },
	} {
		cfg := right
		change(&cfg)
		if _, err := vault.OpenTransit(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: OpenTransit = %v, want %s", name, err, fault.Invalid)
		}
	}
}
