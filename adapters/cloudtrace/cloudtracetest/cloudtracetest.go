// Package cloudtracetest is a service account of Google Cloud, for tests of what shows its
// tokens. Start at [Account].
package cloudtracetest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// Token is what the account's tokens are, and Project the project that it is of.
const (
	Token   = "token-of-the-account"
	Project = "project-of-the-account"
)

// Account returns the file of an account whose tokens a server on 127.0.0.1 issues until the
// test ends. GOOGLE_APPLICATION_CREDENTIALS names it.
func Account(t testing.TB) string {
	t.Helper()
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": Token, "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(issuer.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": Project, "client_email": "portolan@example.com",
		"private_key": string(private), "private_key_id": "1", "token_uri": issuer.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
