// Package clouds stands for Azure and Google Cloud towards a program that is run as it would
// be run there, with the names and the drivers of its configuration. Start at [New]: a proxy
// that the program is told of by its environment leads to the stand-ins, and nowhere else.
package clouds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// An Internet is the hosts that programs of a test find. It is safe for concurrent use.
type Internet struct {
	authority *x509.Certificate
	key       *ecdsa.PrivateKey
	arriving  arriving

	mu           sync.Mutex
	hosts        map[string]http.Handler
	certificates map[string]*tls.Certificate
	strangers    []string
}

// New returns an internet that the processes which the test starts from now on are in, by
// HTTPS_PROXY and SSL_CERT_FILE. It ends with the test.
func New(t testing.TB) *Internet {
	t.Helper()
	i := &Internet{
		hosts: make(map[string]http.Handler), certificates: make(map[string]*tls.Certificate),
		arriving: arriving{connections: make(chan net.Conn), closed: make(chan struct{})},
	}
	i.certify(t)
	sites := &http.Server{
		Handler: http.HandlerFunc(i.serve), TLSConfig: &tls.Config{GetCertificate: i.certificate, MinVersion: tls.VersionTLS12}, ReadHeaderTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // of processes that end
	}
	go func() { _ = sites.ServeTLS(&i.arriving, "", "") }() // until it is closed
	proxy := httptest.NewServer(http.HandlerFunc(i.connect))
	t.Cleanup(func() {
		proxy.Close()
		_ = sites.Close() // whoever is connected is gone
	})
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	return i
}

// At has the handler answer at the host.
func (i *Internet) At(host string, handler http.Handler) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hosts[host] = handler
}

// Strangers returns the hosts that were asked for where nobody is.
func (i *Internet) Strangers() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.strangers)
}

// certify makes the authority that signs for all hosts, and has processes trust it alone.
func (i *Internet) certify(t testing.TB) {
	t.Helper()
	var err error
	if i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	made, err := x509.CreateCertificate(rand.Reader, template("the authority of a test", true), template("the authority of a test", true), &i.key.PublicKey, i.key)
	if err != nil {
		t.Fatal(err)
	}
	if i.authority, err = x509.ParseCertificate(made); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
}

// template is what a certificate says, that of an authority or of a host.
func template(name string, authority bool) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // which never fails
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority {
		t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		t.DNSNames, t.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return t
}

// certificate returns that of the host.
func (i *Internet) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if known := i.certificates[hello.ServerName]; known != nil {
		return known, nil
	}
	made, err := x509.CreateCertificate(rand.Reader, template(hello.ServerName, false), i.authority, &i.key.PublicKey, i.key)
	if err != nil {
		return nil, err
	}
	i.certificates[hello.ServerName] = &tls.Certificate{Certificate: [][]byte{made}, PrivateKey: i.key}
	return i.certificates[hello.ServerName], nil
}

// handler returns what answers at the host, which may have a port; nil is nobody.
func (i *Internet) handler(host string) http.Handler {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.hosts[host] == nil {
		i.strangers = append(i.strangers, host)
	}
	return i.hosts[host]
}

// connect is the proxy: it leads to hosts that are known.
func (i *Internet) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || i.handler(r.Host) == nil {
		http.Error(w, "nobody is there", http.StatusBadGateway)
		return
	}
	connection, _, err := http.NewResponseController(w).Hijack() // the client sends nothing before it is answered
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := connection.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = connection.Close() // whoever asked is gone
		return
	}
	i.arriving.take(connection)
}

// serve is all hosts.
func (i *Internet) serve(w http.ResponseWriter, r *http.Request) {
	if handler := i.handler(r.Host); handler != nil {
		handler.ServeHTTP(w, r)
		return
	}
	http.Error(w, "nobody is there", http.StatusMisdirectedRequest)
}

// arriving are connections that the proxy was asked for. It is a net.Listener.
type arriving struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func (a *arriving) take(connection net.Conn) {
	select {
	case a.connections <- connection:
	case <-a.closed:
		_ = connection.Close() // nobody is there any more
	}
}

// Accept is that of net.Listener.
func (a *arriving) Accept() (net.Conn, error) {
	select {
	case connection := <-a.connections:
		return connection, nil
	case <-a.closed:
		return nil, errors.New("the internet is closed")
	}
}

// Close is that of net.Listener.
func (a *arriving) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

// Addr is that of net.Listener.
func (*arriving) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }
