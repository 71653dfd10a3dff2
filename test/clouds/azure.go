package clouds

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
)

// What the stand-in for Azure has.
const (
	Tenant   = "11111111-2222-4333-8444-555555555555"
	Audience = "0a0a0a0a-1b1b-4c2c-8d3d-4e4e4e4e4e4e"

	authority = "https://login.microsoftonline.com/" + Tenant
	ingestion = "westeurope-5.in.applicationinsights.azure.com"
)

// Azure is as much of it as a service needs: the managed identity that it has, a Key Vault
// called shop, Microsoft Entra ID, and Application Insights.
type Azure struct {
	Insights *appinsightstest.Receiver

	identity string            // the header that shows that this machine asks
	token    string            // of the managed identity, for Key Vault
	secrets  map[string]string // by their names in small letters
	entra    signer
}

// NewAzure puts Azure into the internet, with the secrets in its Key Vault, and this machine
// into Azure.
func NewAzure(t testing.TB, in *Internet, secrets map[string]string) *Azure {
	t.Helper()
	a := &Azure{
		Insights: appinsightstest.NewReceiver(t), identity: rand.Text(), token: "hidden-" + rand.Text(), secrets: maps.Clone(secrets), entra: newSigner(t),
	}
	machine := httptest.NewServer(http.HandlerFunc(a.managedIdentity))
	t.Cleanup(machine.Close)
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "") // which puts back what it was
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("IDENTITY_ENDPOINT", machine.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", a.identity)
	t.Setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey="+appinsightstest.Key+";IngestionEndpoint=https://"+ingestion+"/")
	in.At("shop.vault.azure.net", http.HandlerFunc(a.vault))
	in.At("login.microsoftonline.com", http.HandlerFunc(a.directory))
	in.At(ingestion, a.Insights)
	return a
}

// managedIdentity gives this machine tokens, as App Service and Container Apps do
// (https://learn.microsoft.com/azure/app-service/overview-managed-identity, version 2019-08-01).
func (a *Azure) managedIdentity(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	if r.Header.Get("X-Identity-Header") != a.identity || asked.Get("api-version") != "2019-08-01" || asked.Get("resource") != "https://vault.azure.net" {
		answer(w, http.StatusBadRequest, map[string]any{"statusCode": 400, "message": "no identity is given to that"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": a.token, "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": asked.Get("resource"), "token_type": "Bearer",
	})
}

// vault is the Key Vault: GET /secrets/{name}, and a challenge that says who gives tokens.
func (a *Azure) vault(w http.ResponseWriter, r *http.Request) {
	name, isSecret := strings.CutPrefix(r.URL.Path, "/secrets/")
	name = strings.ToLower(strings.TrimSuffix(name, "/"))
	value, known := a.secrets[name]
	code := func(code string) map[string]any {
		return map[string]any{"error": map[string]any{"code": code, "message": code}}
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+a.token:
		w.Header().Set("WWW-Authenticate", `Bearer authorization="`+authority+`", resource="https://vault.azure.net"`)
		answer(w, http.StatusUnauthorized, code(http.StatusText(http.StatusUnauthorized)))
	case r.Method != http.MethodGet || !isSecret || r.URL.Query().Get("api-version") == "":
		answer(w, http.StatusBadRequest, code("BadParameter"))
	case !known:
		answer(w, http.StatusNotFound, code("SecretNotFound"))
	default:
		version := md5.Sum([]byte(name))
		answer(w, http.StatusOK, map[string]any{
			"value": value, "id": "https://shop.vault.azure.net/secrets/" + name + "/" + hex.EncodeToString(version[:]),
			"attributes": map[string]any{"enabled": true, "created": 0, "updated": 0},
		})
	}
}

// directory is that of Microsoft Entra ID, with its keys.
func (a *Azure) directory(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/" + Tenant + "/v2.0/.well-known/openid-configuration":
		answer(w, http.StatusOK, map[string]any{
			"issuer": authority + "/v2.0", "jwks_uri": authority + "/discovery/v2.0/keys",
			"authorization_endpoint": authority + "/oauth2/v2.0/authorize", "token_endpoint": authority + "/oauth2/v2.0/token",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	case "/" + Tenant + "/discovery/v2.0/keys":
		answer(w, http.StatusOK, a.entra.set(map[string]any{"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}))
	default:
		http.NotFound(w, r)
	}
}

// Token returns an access token of Entra for somebody with the roles.
func (a *Azure) Token(t testing.TB, oid string, roles ...string) string {
	t.Helper()
	now := time.Now()
	return a.entra.sign(t, jwt.MapClaims{
		"aud": Audience, "iss": authority + "/v2.0", "tid": Tenant, "ver": "2.0", "oid": oid, "sub": "of-" + oid, "roles": roles,
		"scp": "Records.Write", "azp": "12121212-3434-4565-8787-909090909090", "azpacr": "1", "uti": "fqiBqXLPj0eQa82S-IYFAA",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
}
