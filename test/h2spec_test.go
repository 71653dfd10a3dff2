package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// strict are the cases of h2spec in which Go's server does something else than h2spec
// wants, and nothing that harms: a setting that is sent twice ends the connection, and a
// malformed request is answered with 400 (RFC 9113, section 8.1.1, allows that), where
// h2spec knows of a reset alone. One whose body is of another length than it says is answered
// like any other that the path does not take, if that is known before the body has come.
var strict = []string{
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE",
	"Sends a HEADERS frame that contains the connection-specific header field",
	`Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`,
	`Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length`,
	`Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length`,
}

// TestH2Spec runs h2spec over the API: HTTP/2 is what RFC 9113 says, but for what is known,
// and the server is as well behind it as before.
func TestH2Spec(t *testing.T) {
	if os.Getenv("PORTOLAN_TEST_H2SPEC") == "" && os.Getenv("PORTOLAN_TEST_ALL") == "" {
		t.Skip("neither PORTOLAN_TEST_H2SPEC nor PORTOLAN_TEST_ALL is set; see CONTRIBUTING.md")
	}
	dir := t.TempDir()
	client := certified(t, dir)
	server := serveTo(t, client, "https://", program(t, "portolan"), dir, write(t, dir, "portolan.yaml", h2Config))
	host, port, err := net.SplitHostPort(strings.TrimPrefix(server, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	failed := h2spec(ctx, t, host, port)
	for range 3 {
		if len(failed) == 0 {
			break
		}
		again := h2spec(ctx, t, host, port)
		failed = slices.DeleteFunc(failed, func(name string) bool { return !slices.Contains(again, name) })
	}
	if len(failed) > 0 {
		t.Errorf("h2spec, each time: %q", failed)
	}
	response, err := client.Get(server + "/v1/things")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("behind it the server answers %s %s", response.Proto, response.Status)
	}
}

// h2spec runs it, and returns the cases that failed and are not known. A case that sends
// frames on a stream whose request has not ended fails now and then: the server may have
// answered before they come, and then ends the stream with NO_ERROR (RFC 9113, section 8.1).
// So a case counts that fails each time.
func h2spec(ctx context.Context, t *testing.T, host, port string) []string {
	t.Helper()
	spec := exec.CommandContext(ctx, "go", "tool", "h2spec", "-h", host, "-p", port, "-t", "-k", "-o", "5", "-P", "/livez")
	spec.Dir = "attacks"
	out, err := spec.CombinedOutput() // it fails if one case does
	_, failures, _ := strings.Cut(string(out), "Failures:")
	totals := regexp.MustCompile(`(\d+) tests, (\d+) passed, 0 skipped`).FindStringSubmatch(string(out))
	if totals == nil || totals[1] != "145" {
		t.Fatalf("h2spec did not run through: %v\n%s", err, out)
	}
	var unknown []string
	for _, failed := range regexp.MustCompile(`× \d+: (.+)`).FindAllStringSubmatch(failures, -1) {
		if !slices.Contains(strict, failed[1]) {
			unknown = append(unknown, failed[1])
		}
	}
	if unknown != nil {
		t.Log(failures)
	}
	t.Logf("%s of 145 cases of h2spec", totals[2])
	return unknown
}

// certified puts a certificate and its key into tls.crt and tls.key of the directory, and
// returns a client that believes it.
func certified(t *testing.T, dir string) *http.Client {
	t.Helper()
	made := httptest.NewTLSServer(http.NotFoundHandler())
	defer made.Close()
	key, err := x509.MarshalPKCS8PrivateKey(made.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: made.Certificate().Raw}, "tls.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(made.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

const h2Config = `service: {listen: "127.0.0.1:${PORT}", admin: off, tls: {cert_file: tls.crt, key_file: tls.key}}
repository: {driver: memory}
collections:
  things:
    id: id
    fields: {id: {type: string, max: 16}}
    access: {anonymous: {all: true}}
`
