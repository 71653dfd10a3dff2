package bearer

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/adapters/internal/outgoing"
	"github.com/portolan-io/portolan/core/fault"
)

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFetch: which answers are an issuer's, which are none, and which mean that
// it cannot be told now.
func TestFetch(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	text := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, args...) }
	}
	for _, tt := range []struct {
		name   string
		change func(i *bearertest.Issuer)
		want   fault.Kind
		says   string
	}{
		{"right", func(*bearertest.Issuer) {}, "", ""},
		{"another issuer", func(i *bearertest.Issuer) { i.Names("https://evil.example") }, fault.Invalid, "they must be the same"},
		{"a slash more", func(i *bearertest.Issuer) { i.Names(i.URL + "/") }, fault.Invalid, "they must be the same"},
		{"capitals", func(i *bearertest.Issuer) { i.Names(strings.ToUpper(i.URL)) }, fault.Invalid, "they must be the same"},
		{"no issuer", func(i *bearertest.Issuer) { i.Answer(text(`{"jwks_uri":"https://k.example"}`)) }, fault.Invalid, "they must be the same"},
		{"issuer twice", func(i *bearertest.Issuer) {
			i.Answer(text(`{"issuer":"https://evil.example","issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+bearertest.KeysPath))
		}, fault.Invalid, "no discovery document"},
		{"keys elsewhere over http", func(i *bearertest.Issuer) {
			i.Answer(text(`{"issuer":%q,"jwks_uri":"http://keys.example/keys"}`, i.URL))
		}, fault.Invalid, "must begin with https://"},
		{"keys in a file", func(i *bearertest.Issuer) {
			i.Answer(text(`{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, i.URL))
		}, fault.Invalid, "is no URL with a host"},
		{"keys with a password", func(i *bearertest.Issuer) {
			i.Answer(text(`{"issuer":%q,"jwks_uri":"https://a:b@keys.example/keys"}`, i.URL))
		}, fault.Invalid, "no user and no password"},
		{"keys nowhere", func(i *bearertest.Issuer) { i.Answer(text(`{"issuer":%q}`, i.URL)) }, fault.Invalid, "is no URL with a host"},
		{"redirected", func(i *bearertest.Issuer) {
			i.Answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
		}, fault.Invalid, "redirections are not followed"},
		{"not found", func(i *bearertest.Issuer) { i.Answer(status(404)) }, fault.Invalid, "answers with 404"},
		{"a page", func(i *bearertest.Issuer) { i.Answer(text("<html>")) }, fault.Invalid, "no discovery document"},
		{"too much", func(i *bearertest.Issuer) {
			i.Answer(text(`{"issuer":%q,"x":"%s"}`, i.URL, strings.Repeat("x", 1<<20)))
		}, fault.Invalid, "more than 1048576 octets"},
		{"no keys", func(i *bearertest.Issuer) { i.PublishRaw() }, fault.Invalid, "cannot be read"},
		{"down", func(i *bearertest.Issuer) { i.Answer(status(503)) }, fault.Unavailable, "does not answer"},
		{"busy", func(i *bearertest.Issuer) { i.Answer(status(429)) }, fault.Unavailable, "does not answer"},
		{"hanging up", func(i *bearertest.Issuer) {
			i.Answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}, fault.Unavailable, "does not answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := bearertest.New(t)
			i.Publish(bearertest.NewKey(t, "k", "EdDSA"))
			tt.change(i)
			from, err := newSource("test", Issuer{Name: i.URL})
			if err != nil {
				t.Fatal(err)
			}
			keys, _, err := from.fetch(t.Context())
			if fault.KindOf(err) != tt.want || err != nil && !strings.Contains(fault.Of(err).Detail, tt.says) {
				t.Errorf("fetch = %d keys, %v, want %q, %q", len(keys), err, tt.want, tt.says)
			}
		})
	}
}

// TestFollowsMovedKeys: the discovery document is read again when the keys are
// not where it said.
func TestFollowsMovedKeys(t *testing.T) {
	i := bearertest.New(t)
	i.Publish(bearertest.NewKey(t, "k", "EdDSA"))
	from, err := newSource("test", Issuer{Name: i.URL})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := from.fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := i.Requests(bearertest.DiscoveryPath); n != 1 {
		t.Errorf("the discovery document was read %d times, want once", n)
	}
	i.Answer(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	if _, _, err := from.fetch(t.Context()); !errors.Is(err, fault.Invalid) {
		t.Errorf("fetch = %v, want %s", err, fault.Invalid)
	}
	i.Answer(nil)
	if _, _, err := from.fetch(t.Context()); err != nil || i.Requests(bearertest.DiscoveryPath) != 2 {
		t.Errorf("fetch = %v after %d readings of the discovery document, want 2", err, i.Requests(bearertest.DiscoveryPath))
	}
}

// TestAddresses: which issuers may be asked at all.
func TestAddresses(t *testing.T) {
	for name, ok := range map[string]bool{
		"https://login.example.com":               true,
		"https://login.example.com/realms/a":      true,
		"https://login.example.com:8443/":         true,
		"http://127.0.0.1:8080":                   true,
		"http://localhost:8080/realms/a":          true,
		"http://[::1]:8080":                       true,
		"http://login.example.com":                false,
		"http://127.0.0.1.evil.example":           false,
		"http://localhost.evil.example":           false,
		"http://10.0.0.1":                         false,
		"ftp://127.0.0.1":                         false,
		"file:///etc/passwd":                      false,
		"login.example.com":                       false,
		"":                                        false,
		"https://":                                false,
		"https://anna:secret@login.example.com":   false,
		"https://login.example.com/?tenant=a":     false,
		"https://login.example.com/#a":            false,
		"https://login.example.com/\x7f":          false,
		"mailto:anna@example.com":                 false,
		"https:login.example.com":                 false,
		"http://127.0.0.1@evil.example/realms/ab": false,
	} {
		_, err := newSource("test", Issuer{Name: name})
		if ok != (err == nil) || err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("newSource(%q) = %v, want %t", name, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error %v holds the password", err)
		}
	}
}

func TestFreshness(t *testing.T) {
	for _, tt := range []struct {
		control, age string
		want         time.Duration
	}{
		{"", "", freshForNever},
		{"no-cache", "", freshForNever},
		{"public, max-age=3600, must-revalidate", "", time.Hour},
		{"public, MAX-AGE=3600", "600", 50 * time.Minute},
		{`max-age="60"`, "", time.Minute},
		{"max-age=60", "90", 0},
		{"max-age=-1", "", freshForNever},
		{"max-age=99999999999999999999", "", freshForNever},
		{"s-maxage=60", "", freshForNever},
	} {
		header := http.Header{}
		header.Set("Cache-Control", tt.control)
		header.Set("Age", tt.age)
		if got := freshness(header); got != tt.want {
			t.Errorf("freshness(%q, %q) = %v, want %v", tt.control, tt.age, got, tt.want)
		}
	}
}

// TestPatience: an issuer that takes its time is one that does not answer.
func TestPatience(t *testing.T) {
	i := bearertest.New(t)
	release := make(chan struct{})
	i.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush() // its head is there, its body never is
		<-release
	})
	defer close(release)
	from, err := newSource("test", Issuer{Name: i.URL})
	if err != nil {
		t.Fatal(err)
	}
	if from.client.Timeout != 5*time.Second {
		t.Errorf("a document may take %v, want 5s", from.client.Timeout)
	}
	from.client.Timeout = 50 * time.Millisecond
	if _, _, err := from.fetch(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("fetch = %v, want %s", err, fault.Unavailable)
	}
}

// TestCertificates: who cannot prove to be the issuer is not asked.
func TestCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	from, err := newSource("test", Issuer{Name: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var unknown *tls.CertificateVerificationError
	if _, _, err := from.fetch(t.Context()); fault.KindOf(err) != fault.Unavailable || !errors.As(err, &unknown) {
		t.Errorf("fetch = %v, want %s because of the certificate", err, fault.Unavailable)
	}
}

// TestInwardAddresses: neither the issuer nor its keys are asked for at an address of a
// private network or of this machine, whatever its documents say, unless that is where
// it is.
func TestInwardAddresses(t *testing.T) {
	secret := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer secret.Close()
	for _, where := range []string{"https://169.254.169.254/keys", "https://10.0.0.1/keys", "https://[fd00::1]/keys", "https://0.0.0.0/keys"} {
		i := bearertest.New(t)
		i.Answer(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, where)
		})
		from, err := newSource("test", Issuer{Name: i.URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := from.fetch(t.Context()); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, outgoing.ErrAddress) {
			t.Errorf("keys at %s: %v, want that it is not asked", where, err)
		}
	}
	for _, tt := range []struct {
		name    string
		private bool
		reach   outgoing.Reach
	}{
		{"https://login.example.com", false, outgoing.Public},
		{"https://login.example.com", true, outgoing.Private},
		{secret.URL, false, outgoing.Own},
		{"http://localhost:8080", true, outgoing.Own},
	} {
		from, err := newSource("test", Issuer{Name: tt.name, Private: tt.private})
		if err != nil {
			t.Fatal(err)
		}
		if address, _ := url.Parse(tt.name); from.reach(address) != tt.reach {
			t.Errorf("%s, private %t: the reach is %d, want %d", tt.name, tt.private, from.reach(address), tt.reach)
		}
	}
	// What the issuer of the internet is said to have at this machine.
	from, err := newSource("test", Issuer{Name: "https://login.example.com", Keys: "https://login.example.com/keys"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := from.get(t.Context(), secret.URL); !errors.Is(err, outgoing.ErrAddress) || fault.Of(err).Hint == "" {
		t.Errorf("this machine is asked: %v", err)
	}
}
