package test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/test/servers"
)

// TestLoginsOnTwoServers has two servers over one PostgreSQL and one Redis. What ends a
// login at one ends it at the other for the next request, also while Redis is gone and
// after it was killed; and that costs nobody a login.
func TestLoginsOnTwoServers(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	servers.Redis(t) // skips the test where there cannot be any
	server, err := servers.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	faults := servers.FaultsTo(t, server.Address)
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	t.Setenv("SIGNING_KEY", signingKey(t))
	dir := t.TempDir()
	config := write(t, dir, "c.yaml", fmt.Sprintf(`service: {listen: "127.0.0.1:${PORT:-0}", admin: "off", log_level: error, drain_delay: 0s, instances: many, key_pepper: "secret://PEPPER"}
secrets: {driver: env}
repository: {driver: postgres, postgres: {dsn: %q}}
cache: {driver: redis, redis: {url: "redis://%[2]s"}}
limit: {driver: redis, redis: {url: "redis://%[2]s"}}
auth: [{driver: local, local: {key: "secret://SIGNING_KEY"}}]
accounts: {}
collections:
  things: {fields: {name: {type: string}}, access: {clerk: {read: true}}}
`, dsn, faults.Address))
	here, there := serve(t, dir, config), serve(t, dir, config)

	code := strings.TrimSpace(mustRun(t, dir, "portolan", "users", "create", "ann@example.com", "--role", "clerk", "-c", config))
	code = code[strings.Index(code, "ptc_"):]
	code, _, _ = strings.Cut(code, "\n")
	ask(t, http.MethodPost, here+"/v1/auth/password", `{"code":"`+code+`","new_password":"a cup of dark tea"}`, http.StatusNoContent)
	logIn := func() (access, refresh string) {
		t.Helper()
		var body struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		text, _ := ask(t, http.MethodPost, here+"/v1/auth/login", `{"email":"ann@example.com","password":"a cup of dark tea"}`, http.StatusOK)
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatal(err)
		}
		return body.Access, body.Refresh
	}
	wants := func(token string, status int) {
		t.Helper()
		for range 3 { // so that it is kept
			for _, url := range []string{there, here} {
				ask(t, http.MethodGet, url+"/v1/things", "", status, "Authorization", "Bearer "+token)
			}
		}
	}
	for _, state := range []struct {
		name string
		make func() error
	}{
		{"all is well", func() error { return nil }},
		{"Redis was killed, and is there again", server.Restart},
		{"Redis is gone", func() error { faults.Cut(); return nil }},
	} {
		t.Log(state.name)
		kept, _ := logIn()
		wants(kept, http.StatusOK)
		if err := state.make(); err != nil {
			t.Fatal(err)
		}
		wants(kept, http.StatusOK)
		ask(t, http.MethodPost, here+"/v1/auth/logout", "", http.StatusNoContent, "Authorization", "Bearer "+kept)
		wants(kept, http.StatusUnauthorized)
		token, refresh := logIn()
		wants(token, http.StatusOK)
		mustRun(t, dir, "portolan", "users", "roles", "ann@example.com", "--role", "", "-c", config)
		wants(token, http.StatusForbidden)
		mustRun(t, dir, "portolan", "users", "roles", "ann@example.com", "--role", "clerk", "-c", config)
		wants(token, http.StatusOK)
		mustRun(t, dir, "portolan", "users", "disable", "ann@example.com", "-c", config)
		wants(token, http.StatusUnauthorized)
		mustRun(t, dir, "portolan", "users", "enable", "ann@example.com", "-c", config)
		ask(t, http.MethodPost, there+"/v1/auth/refresh", `{"refresh_token":"`+refresh+`"}`, http.StatusUnauthorized)
	}
}

// signingKey returns a key that signs tokens.
func signingKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
