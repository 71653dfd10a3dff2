package firebase

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// A google stands for the emulator: it answers what a test wants, and counts.
type google struct {
	*httptest.Server

	mu     sync.Mutex
	asked  map[string]int    // by the end of the path
	answer map[string]string // likewise; an answer that begins with a digit is a status, a space and the body
}

func startGoogle(t *testing.T) *google {
	g := &google{asked: map[string]int{}, answer: map[string]string{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	method := r.URL.Path[strings.LastIndexAny(r.URL.Path, ":/")+1:]
	g.asked[method]++
	answer, status := g.answer[method], http.StatusOK
	if answer == "" || answer[0] != '{' {
		if _, err := fmt.Sscanf(answer, "%d", &status); err != nil {
			status = http.StatusInternalServerError
		}
		_, answer, _ = strings.Cut(answer, " ")
	}
	w.WriteHeader(status)
	fmt.Fprint(w, answer)
}

func (g *google) says(method, answer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer[method] = answer
}

func (g *google) count(method string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[method]
}

// emulated returns an authenticator of the emulator that g stands for.
func emulated(t *testing.T, g *google) *Authenticator {
	t.Helper()
	a, err := Open(t.Context(), Config{
		Project: project, CheckRevoked: true, Emulator: strings.TrimPrefix(g.URL, "http://"), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// unsigned returns a token as the emulator makes one.
func unsigned(t *testing.T, changes ...any) string {
	t.Helper()
	payload, err := json.Marshal(claims(changes...))
	if err != nil {
		t.Fatal(err)
	}
	return bearertest.Part(`{"alg":"none","typ":"JWT"}`) + "." + bearertest.Part(string(payload)) + "."
}

// standsAs is what accounts:lookup answers of anna.
func standsAs(members string) string {
	return `{"users":[{"localId":"` + anna + `","email":"anna@shop.example",` + members + `}]}`
}

// TestFailures: what Google answers is told by our codes, and neither the password nor
// the address of the request is in any error.
func TestFailures(t *testing.T) {
	const secret = "correct horse battery"
	g := startGoogle(t)
	a := emulated(t, g)
	refusal := func(code string) string { return `400 {"error":{"code":400,"message":"` + code + `"}}` }
	for answer, want := range map[string]struct {
		kind fault.Kind
		code string
	}{
		refusal("EMAIL_NOT_FOUND"):                             {fault.Unauthenticated, "wrong-password"},
		refusal("INVALID_PASSWORD"):                            {fault.Unauthenticated, "wrong-password"},
		refusal("INVALID_LOGIN_CREDENTIALS"):                   {fault.Unauthenticated, "wrong-password"},
		refusal("USER_DISABLED"):                               {fault.Unauthenticated, "wrong-password"},
		refusal("TOO_MANY_ATTEMPTS_TRY_LATER : Wait."):         {fault.Limited, "too-many-attempts"},
		refusal("WEAK_PASSWORD : Password should be long"):     {fault.Invalid, "weak-password"},
		refusal("OPERATION_NOT_ALLOWED"):                       {fault.Forbidden, "signup-off"},
		refusal(secret):                                        {fault.Unavailable, "issuer-unavailable"},
		"429 {}":                                               {fault.Limited, "too-many-attempts"},
		"503 down":                                             {fault.Unavailable, "issuer-unavailable"},
		"302 elsewhere":                                        {fault.Unavailable, "issuer-unavailable"},
		"200 no JSON":                                          {fault.Unavailable, "issuer-unavailable"},
		`{"idToken":"` + strings.Repeat("a", maxAnswer) + `"}`: {fault.Unavailable, "issuer-unavailable"},
		`{"idToken":"none"}`:                                   {fault.Unauthenticated, "bad-token"},
	} {
		g.says("signInWithPassword", answer)
		tokens, err := a.LogIn(t.Context(), "anna@shop.example", secret)
		if tokens.Access != "" || fault.KindOf(err) != want.kind || fault.Of(err).Code != want.code {
			t.Errorf("LogIn after %.60s = %v, want %s with the code %s", answer, err, want.kind, want.code)
		}
		for each := err; each != nil; each = errors.Unwrap(each) {
			if text := each.Error(); strings.Contains(text, secret) || strings.Contains(text, g.URL) {
				t.Errorf("the error after %.60s tells too much: %s", answer, text)
			}
		}
	}
}

// TestRevoked: a token is refused once its user is disabled or gone, or its login was
// revoked; and if that cannot be told nobody is let in.
func TestRevoked(t *testing.T) {
	signedIn := now.Add(-time.Hour).Unix()
	for _, tt := range []struct {
		name, answer string
		kind         fault.Kind // empty if the token is accepted
	}{
		{"never revoked", standsAs(`"disabled":false`), ""},
		{"revoked before", standsAs(fmt.Sprintf(`"validSince":"%d"`, signedIn)), ""},
		{"revoked since", standsAs(fmt.Sprintf(`"validSince":"%d"`, signedIn+1)), fault.Unauthenticated},
		{"disabled", standsAs(`"disabled":true`), fault.Unauthenticated},
		{"gone", `{"kind":"identitytoolkit#GetAccountInfoResponse"}`, fault.Unauthenticated},
		{"somebody else", `{"users":[{"localId":"otto"}]}`, fault.Unauthenticated},
		{"down", "503 down", fault.Unavailable},
		{"not allowed to ask", `403 {"error":{"message":"PERMISSION_DENIED"}}`, fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := startGoogle(t)
			g.says("lookup", tt.answer)
			_, err := emulated(t, g).Authenticate(t.Context(), bearertest.Bearer(unsigned(t)))
			if tt.kind == "" && err != nil || tt.kind != "" && fault.KindOf(err) != tt.kind {
				t.Errorf("Authenticate = %v, want %q", err, tt.kind)
			}
			if n := g.count("lookup"); n != 1 {
				t.Errorf("Google was asked %d times, want once", n)
			}
		})
	}
}

// TestRevoke: what Google said is not believed any more after a logout here, and who has
// a credential of another issuer has nothing to log out of.
func TestRevoke(t *testing.T) {
	g := startGoogle(t)
	a := emulated(t, g)
	g.says("lookup", standsAs(`"disabled":false`))
	token := bearertest.Bearer(unsigned(t))
	who, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	g.says("update", `{}`)
	g.says("lookup", standsAs(fmt.Sprintf(`"validSince":"%d"`, now.Unix())))
	if err := a.Revoke(t.Context(), who); err != nil || g.count("update") != 1 {
		t.Errorf("Revoke = %v, and Google was told %d times", err, g.count("update"))
	}
	if _, err := a.Authenticate(t.Context(), token); fault.Of(err).Code != "token-revoked" {
		t.Errorf("Authenticate after Revoke = %v, want the code token-revoked", err)
	}
	for _, other := range []policy.Principal{{}, {Issuer: "portolan", Subject: anna}, {Issuer: issuer + "other-1234", Subject: anna}} {
		_, found := a.Find(t.Context(), other)
		if err := a.Revoke(t.Context(), other); fault.Of(err).Code != "no-account" || fault.Of(found).Code != "no-account" {
			t.Errorf("Find and Revoke of %q = %v, %v, want the code no-account", other.Issuer, found, err)
		}
	}
}

// TestEmulated: in place of Google, what the emulator makes is accepted, of its project
// and its time, and nothing that has a signature.
func TestEmulated(t *testing.T) {
	g := startGoogle(t)
	g.says("lookup", standsAs(`"disabled":false`))
	a := emulated(t, g)
	if !a.Unsigned() || !a.Revocable() {
		t.Error("it does not say that nobody signs, or that tokens are revoked")
	}
	for name, token := range map[string]string{
		"expired":           unsigned(t, "exp", now.Add(-2*time.Minute).Unix()),
		"another audience":  unsigned(t, "aud", "other-1234"),
		"signed":            signing(t).Sign(t, claims()),
		"a signature":       unsigned(t) + "AA",
		"another algorithm": bearertest.Part(`{"alg":"RS256"}`) + "." + strings.Split(unsigned(t), ".")[1] + ".",
	} {
		if _, err := a.Authenticate(t.Context(), bearertest.Bearer(token)); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: Authenticate = %v, want %s", name, err, fault.Unauthenticated)
		}
	}
	if _, err := a.Authenticate(t.Context(), bearertest.Bearer(unsigned(t, "iss", issuer+"other-1234"))); !errors.Is(err, fault.Unsupported) {
		t.Errorf("a token of another project: %v, want %s", err, fault.Unsupported)
	}
	if who, err := a.Authenticate(t.Context(), bearertest.Bearer(unsigned(t))); err != nil || who.Subject != anna {
		t.Errorf("Authenticate = %q, %v, want %s", who.Subject, err, anna)
	}
}

// TestEntry: an account has the roles that its tokens have.
func TestEntry(t *testing.T) {
	g := startGoogle(t)
	g.says("lookup", standsAs(`"emailVerified":true,"createdAt":"1772366400000","customAttributes":"{\"roles\":[\"clerk\",\"authenticated\"]}"`))
	who := policy.Principal{Issuer: issuer + project, Subject: anna}
	got, err := emulated(t, g).Find(t.Context(), who)
	if err != nil || got.ID != anna || !got.Verified || !got.Created.Equal(now) || fmt.Sprint(got.Roles) != "[clerk]" {
		t.Errorf("Find = %+v, %v", got, err)
	}
	var _ auth.Directory = (*Authenticator)(nil)
}

// TestMailReset: that nobody has the address, or that its account is disabled, is no error.
func TestMailReset(t *testing.T) {
	g := startGoogle(t)
	a := emulated(t, g)
	for answer, want := range map[string]fault.Kind{
		`{}`: "", `400 {"error":{"message":"EMAIL_NOT_FOUND"}}`: "", `400 {"error":{"message":"USER_DISABLED"}}`: "",
		`400 {"error":{"message":"RESET_PASSWORD_EXCEED_LIMIT"}}`: fault.Limited, "503 down": fault.Unavailable,
	} {
		g.says("sendOobCode", answer)
		if err := a.MailReset(t.Context(), "anna@shop.example"); want == "" && err != nil || want != "" && fault.KindOf(err) != want {
			t.Errorf("MailReset after %s = %v, want %q", answer, err, want)
		}
	}
}
