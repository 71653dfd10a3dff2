package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/vault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

// An admin is who may do anything in a Vault, real or not.
type admin struct{ address, token string }

// do asks, and returns the answer.
func (a admin) do(t contract.T, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("%v", err)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, a.address+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	request.Header.Set("X-Vault-Token", a.token)
	request.Header.Set("X-Vault-Request", "true")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer response.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(response.Body).Decode(&answer) // 204 has none
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %v", method, path, response.StatusCode, answer)
	}
	return answer
}

// A clock is one that tests put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(_ contract.T, d time.Duration) { c.ahead.Add(int64(d)) }

// harness makes an engine, and a token for it with a policy of its own.
func (a admin) harness(t *testing.T) secretstest.Harness {
	t.Helper()
	name := "portolan-" + strings.ToLower(rand.Text())
	a.do(t, "POST", "sys/mounts/"+name, map[string]any{"type": "kv", "options": map[string]any{"version": "2"}})
	t.Cleanup(func() { a.do(t, "DELETE", "sys/mounts/"+name, nil) })
	policy := fmt.Sprintf("path \"%s/data/*\" { capabilities = [\"read\"] }\n", name)
	a.do(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": policy})
	made := a.do(t, "POST", "auth/token/create", map[string]any{"policies": []string{"default", name}, "ttl": "1h"})
	token := made["auth"].(map[string]any)["client_token"].(string)
	var time clock
	source, err := vault.Open(t.Context(), vault.Config{
		Access: vault.Access{Address: a.address, Login: "token", Token: secrets.Fixed(token)}, Mount: name, Now: time.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return secretstest.Harness{
		Source: source,
		Set: func(t contract.T, secret, value string) {
			var data map[string]any
			if json.Unmarshal([]byte(value), &data) != nil {
				data = map[string]any{"value": value}
			}
			a.do(t, "POST", name+"/data/"+secret, map[string]any{"data": data})
		},
		Delete: func(t contract.T, secret string) { a.do(t, "DELETE", name+"/metadata/"+secret, nil) },
		Newest: func(t contract.T, secret string) string {
			return fmt.Sprint(a.do(t, "GET", name+"/metadata/"+secret, nil)["data"].(map[string]any)["current_version"])
		},
		Forbid: func(t contract.T, secret string) {
			a.do(t, "PUT", "sys/policies/acl/"+name, map[string]any{
				"policy": policy + fmt.Sprintf("path \"%s/data/%s\" { capabilities = [\"deny\"] }\n", name, secret),
			})
		},
		Pass: time.pass,
	}
}

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		f := newFake(t)
		h := admin{f.URL, root}.harness(t)
		h.Break = func(contract.T) {
			f.with(func(f *fake) { f.status, f.body = 503, `{"errors":["Vault is sealed"]}` })
		}
		h.Mend = func(contract.T) { f.with(func(f *fake) { f.status = 0 }) }
		return h
	})
}

// TestRealVault runs the same suite over a Vault that there is.
func TestRealVault(t *testing.T) {
	address, token := os.Getenv("PORTOLAN_TEST_VAULT_ADDR"), os.Getenv("PORTOLAN_TEST_VAULT_TOKEN")
	if address == "" || token == "" {
		t.Skip("PORTOLAN_TEST_VAULT_ADDR and PORTOLAN_TEST_VAULT_TOKEN are not set; see CONTRIBUTING.md")
	}
	secretstest.Run(t, admin{strings.TrimRight(address, "/"), token}.harness)
}
