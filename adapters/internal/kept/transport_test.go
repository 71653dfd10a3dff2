package kept_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/kept"
)

func TestTransport(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		octets := kept.MaxAnswer
		if r.URL.Path == "/long" {
			octets++
		}
		_, _ = io.WriteString(w, strings.Repeat("x", octets)) // who had enough does not read on
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := &http.Client{Transport: kept.Transport(roots)}
	for path, fits := range map[string]bool{"/short": true, "/long": false} {
		answer, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, answer.Body); (err == nil) != fits {
			t.Errorf("reading %s: %v, want that it fits: %t", path, err, fits)
		}
		answer.Body.Close()
	}
	if answer, err := (&http.Client{Transport: kept.Transport(nil)}).Get(server.URL); err == nil {
		answer.Body.Close()
		t.Error("a certificate of nobody is taken")
	}
}
