package kept

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// MaxAnswer is how many octets an answer of a store has at most: more than any of them
// lets a secret have.
const MaxAnswer = 2 << 20

// Transport returns one for stores that are asked by HTTP: by TLS 1.2 or newer, where
// roots sign, those of the system if it is nil. An answer longer than MaxAnswer fails.
func Transport(roots *x509.CertPool) http.RoundTripper {
	return Limited(&http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout: time.Minute, TLSHandshakeTimeout: attempt,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	})
}

// Limited returns the transport with answers that fail where they are longer than
// MaxAnswer.
func Limited(transport http.RoundTripper) http.RoundTripper { return limited{transport} }

type limited struct{ http.RoundTripper }

// RoundTrip is that of http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, MaxAnswer)
	}
	return answer, err
}
