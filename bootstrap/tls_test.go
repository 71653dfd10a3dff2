package bootstrap

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// pair writes a certificate of its own making for 127.0.0.1, and its key, into tls.crt and
// tls.key of the directory.
func pair(t *testing.T, dir, name string, lasts time.Duration) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts),
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: made}, "tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leaf, err := x509.ParseCertificate(made)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// TestBrokenTLS shows what is refused of tls before anything is opened.
func TestBrokenTLS(t *testing.T) {
	const at = "c.yaml:1: service.tls: "
	for _, tt := range []struct{ name, tls, want string }{
		{"nothing", "", at + "there is no certificate; write cert_file: tls.crt, or cert: secret://name"},
		{"no key", "cert_file: a", at + "there is no key of the certificate; write key_file: tls.key, or key: secret://name"},
		{"two certificates", "cert_file: a, cert: secret://a, key_file: b", at + "cert_file names the certificate already; leave one of the two out"},
		{"two keys", "cert_file: a, key: secret://b, key_file: b", at + "key_file names the key already; leave one of the two out"},
		{"an old version", `cert_file: a, key_file: b, min_version: "1.1"`, `c.yaml:1: service.tls.min_version: "1.1" is not allowed; did you mean 1.2? The allowed values are 1.2 and 1.3`},
	} {
		err := check(t, strings.Replace(right, "{listen:", "{tls: {"+tt.tls+"}, listen:", 1))
		if err == nil {
			t.Errorf("%s: nothing was said", tt.name)
			continue
		}
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestUnreadableTLS: what cannot be shown keeps the server from starting, in a sentence that
// validate says too.
func TestUnreadableTLS(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	pair(t, dir, "a.example", time.Hour)
	pair(t, other, "b.example", time.Hour)
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	crt, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for _, tt := range []struct{ name, crt, key, want string }{
		{"no such file", filepath.Join(dir, "none"), key, "the certificate of service.tls cannot be read from " + filepath.Join(dir, "none")},
		{"no such key", crt, filepath.Join(dir, "none"), "the key of service.tls cannot be read from " + filepath.Join(dir, "none")},
		{"junk", crt, junk, "the certificate and the key of service.tls are no pair of one, both as PEM"},
		{"the key of another", crt, filepath.Join(other, "tls.key"), "the certificate and the key of service.tls are no pair of one, both as PEM"},
		{"the other way round", key, crt, "the certificate and the key of service.tls are no pair of one, both as PEM"},
	} {
		config := filepath.Join(t.TempDir(), "c.yaml")
		text := strings.Replace(right, "{listen:", "{tls: {cert_file: "+tt.crt+", key_file: "+tt.key+"}, admin: off, listen:", 1)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"validate", "serve"} {
			code, out, errs := newProgram(t).do(t, command, "-c", config)
			if code == exitOK || !strings.Contains(out+errs, tt.want) || strings.Contains(out+errs, "s3cret") {
				t.Errorf("%s: %s ends with %d, %s%s", tt.name, command, code, out, errs)
			}
		}
	}
}

// A shown is a server over TLS, and what of it can be asked.
type shown struct {
	*running
	dir  string
	host string
}

// overTLS starts a server with a certificate in a directory.
func overTLS(t *testing.T, more string) shown {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	dir := t.TempDir()
	pair(t, dir, "first.example", 24*time.Hour)
	path := filepath.Join(dir, "c.yaml")
	text := `service: {listen: "127.0.0.1:0", admin: off, drain_delay: 0s, tls: {cert_file: ` + filepath.Join(dir, "tls.crt") + `, key_file: ` + filepath.Join(dir, "tls.key") + more + `}}
repository: {driver: memory}
development: {admin_key: true}
collections: {a: {fields: {x: {type: int}}, access: {anonymous: {read: true}}}}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve", "-c", path})
	})
	t.Cleanup(func() {
		interrupt()
		if code := <-r.exited; code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	api := r.line("API")
	if !strings.HasPrefix(api, "https://127.0.0.1:") {
		t.Fatalf("the API is said to be at %s", api)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(api, "https://"), "/")
	return shown{running: r, dir: dir, host: host}
}

// TestTLS: the API is served over TLS 1.2 and 1.3, by suites that authenticate, and over
// HTTP/2, with what belongs to that in the answers.
func TestTLS(t *testing.T) {
	s := overTLS(t, "")
	dial := func(config *tls.Config) (tls.ConnectionState, error) {
		config.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", s.host, config)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
		state, err := dial(&tls.Config{MinVersion: version, MaxVersion: version})
		if accepted := err == nil; accepted != (version >= tls.VersionTLS12) || accepted && state.Version != version {
			t.Errorf("%s: got %v, %s", tls.VersionName(version), err, tls.VersionName(state.Version))
		}
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.SupportedVersions[0] == tls.VersionTLS13 {
			continue
		}
		_, err := dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		authenticates := strings.Contains(suite.Name, "GCM") || strings.Contains(suite.Name, "CHACHA20")
		if err == nil && (!authenticates || !strings.Contains(suite.Name, "ECDHE")) {
			t.Errorf("%s is accepted", suite.Name)
		}
		if err != nil && suite.ID == tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("https://" + s.host + "/v1/a")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %s %s, %v", response.Proto, response.Status, response.Header)
	}
	if plain, err := http.Get("http://" + s.host + "/v1/a"); err == nil {
		defer plain.Body.Close()
		if plain.StatusCode != http.StatusBadRequest {
			t.Errorf("plain HTTP is answered with %s", plain.Status)
		}
	}
}

// TestTLS13 leaves 1.2 out.
func TestTLS13(t *testing.T) {
	s := overTLS(t, `, min_version: "1.3"`)
	conn, err := tls.Dial("tcp", s.host, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 is spoken")
	}
}

// TestHealthcheckOverTLS asks a server by its certificate, whatever name that has, and takes
// no other for it.
func TestHealthcheckOverTLS(t *testing.T) {
	s := overTLS(t, "")
	text, err := os.ReadFile(filepath.Join(s.dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, bytes.Replace(text, []byte("127.0.0.1:0"), []byte(s.host), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := newProgram(t).do(t, "healthcheck", "-c", config); code != exitOK || out != "https://"+s.host+"/livez is well\n" {
		t.Errorf("it ends with %d, %s%s", code, out, errs)
	}
	pair(t, s.dir, "first.example", time.Hour)
	if code, out, _ := newProgram(t).do(t, "healthcheck", "-c", config); code == exitOK {
		t.Errorf("a server with another certificate is taken for ours: %s", out)
	}
}

// TestCertificateRotates: another certificate is shown without a restart, and while what is
// kept is none, the one before.
func TestCertificateRotates(t *testing.T) {
	dir, log := t.TempDir(), &bytes.Buffer{}
	first := pair(t, dir, "a.example", 24*time.Hour)
	files := &TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	c, err := openCertificate(t.Context(), &settings{Config: Config{Service: Service{TLS: files}}}, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, leaf *x509.Certificate) {
		t.Helper()
		if shown, _ := c.config().GetCertificate(nil); !shown.Leaf.Equal(leaf) {
			t.Errorf("%s the certificate of %s is shown", what, shown.Leaf.Subject)
		}
	}
	want("at first", first)
	second := pair(t, dir, "b.example", 60*24*time.Hour)
	c.again(t.Context())
	want("behind a rotation", second)
	if err := os.WriteFile(filepath.Join(dir, "tls.crt"), []byte("half a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.again(t.Context())
	}
	want("beside what is none", second)
	third := pair(t, dir, "c.example", time.Hour)
	c.again(t.Context())
	want("when it is there again", third)
	for text, times := range map[string]int{
		"the certificate of before is shown": 1, "ends soon": 1, `"showing a certificate"`: 1, "PRIVATE": 0,
	} {
		if got := strings.Count(log.String(), text); got != times {
			t.Errorf("%q is logged %d times, want %d:\n%s", text, got, times, log)
		}
	}
}
