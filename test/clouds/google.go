package clouds

import (
	"context"
	"crypto/rand"
	"hash/crc32"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/portolan-io/portolan/adapters/otel/oteltest"
)

// Google is as much of Google Cloud as a service needs: the service account that it has, Secret
// Manager, Cloud Trace, and the keys of Firebase Authentication.
type Google struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	Trace *oteltest.Receiver

	project  string
	token    string            // of the service account
	secrets  map[string]string // by their names
	firebase signer
}

// NewGoogle puts Google Cloud into the internet, with a project that has the secrets, and this
// machine into the project.
func NewGoogle(t testing.TB, in *Internet, project string, secrets map[string]string) *Google {
	t.Helper()
	g := &Google{
		Trace: oteltest.NewReceiver(t, false), project: project, token: "hidden-" + rand.Text(), secrets: maps.Clone(secrets), firebase: newSigner(t),
	}
	machine := httptest.NewServer(http.HandlerFunc(g.machine))
	t.Cleanup(machine.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(machine.URL, "http://"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir()) // where nobody has logged in
	t.Setenv("GOOGLE_CLOUD_PROJECT", project)
	manager := grpc.NewServer()
	secretmanagerpb.RegisterSecretManagerServiceServer(manager, g)
	in.At("secretmanager.googleapis.com", manager)
	at, err := url.Parse(g.Trace.URL)
	if err != nil {
		t.Fatal(err)
	}
	in.At("telemetry.googleapis.com", g.known(httputil.NewSingleHostReverseProxy(at)))
	in.At("www.googleapis.com", http.HandlerFunc(g.keys))
	return g
}

// flavour is the header that questions to a metadata server have, and its answers.
const flavour = "Metadata-Flavor" //nolint:misspell // as Google writes it

// machine is the metadata server
// (https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys).
func (g *Google) machine(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(flavour, "Google")
	asked, known := strings.CutPrefix(r.URL.Path, "/computeMetadata/v1/")
	switch {
	case !known && r.URL.Path != "/" || known && r.Header.Get(flavour) != "Google":
		http.Error(w, "this is no question to a metadata server", http.StatusForbidden)
	case asked == "project/project-id":
		_, _ = w.Write([]byte(g.project)) // who left does not read
	case asked == "instance/service-accounts/default/token":
		answer(w, http.StatusOK, map[string]any{"access_token": g.token, "expires_in": 3600, "token_type": "Bearer"})
	case known:
		http.NotFound(w, r)
	}
}

// known has the handler answer who shows the token of the service account.
func (g *Google) known(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+g.token {
			http.Error(w, "nobody known asks", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// AccessSecretVersion is that of Secret Manager.
func (g *Google) AccessSecretVersion(ctx context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	shown, _ := metadata.FromIncomingContext(ctx)
	if got := shown.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+g.token {
		return nil, status.Error(codes.Unauthenticated, "nobody known asks")
	}
	name, version, _ := strings.Cut(strings.TrimPrefix(r.GetName(), "projects/"+g.project+"/secrets/"), "/versions/")
	value, known := g.secrets[name]
	if !known || version != "latest" && version != "1" {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", r.GetName())
	}
	sum := int64(crc32.Checksum([]byte(value), crc32.MakeTable(crc32.Castagnoli)))
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    "projects/" + g.project + "/secrets/" + name + "/versions/1",
		Payload: &secretmanagerpb.SecretPayload{Data: []byte(value), DataCrc32C: &sum},
	}, nil
}

// keys are those that sign the tokens of Firebase.
func (g *Google) keys(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=19845, must-revalidate, no-transform")
	answer(w, http.StatusOK, g.firebase.set(nil))
}

// Token returns an ID token of Firebase for somebody with the roles.
func (g *Google) Token(t testing.TB, uid string, roles ...string) string {
	t.Helper()
	now := time.Now()
	return g.firebase.sign(t, jwt.MapClaims{
		"iss": "https://securetoken.google.com/" + g.project, "aud": g.project, "sub": uid, "user_id": uid, "roles": roles,
		"auth_time": now.Add(-time.Minute).Unix(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"firebase": map[string]any{"identities": map[string]any{}, "sign_in_provider": "password"},
	})
}
