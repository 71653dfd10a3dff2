package sqlserver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// TestSecure encrypts and looks at the certificate, unless the DSN says otherwise, in
// each of the ways in which one is written.
func TestSecure(t *testing.T) {
	for _, tt := range []struct {
		name, dsn string
		encrypted msdsn.Encryption
		trusting  bool
	}{
		{"a URL", "sqlserver://me@db.example.com:1433?database=shop", msdsn.EncryptionRequired, false},
		{"a URL without a user", "sqlserver://db.example.com?database=shop&fedauth=ActiveDirectoryManagedIdentity", msdsn.EncryptionRequired, false},
		{"one that trusts", "sqlserver://me@db.example.com?database=shop&TrustServerCertificate=true", msdsn.EncryptionRequired, true},
		{"one that does not encrypt", "sqlserver://me@db.example.com?database=shop&encrypt=disable", msdsn.EncryptionDisabled, false},
		{"one of another zone", "sqlserver://me@db.example.com?database=shop&timezone=Asia%2FTokyo", msdsn.EncryptionRequired, false},
		{"ADO", "Server=tcp:db.example.com,1433;Database=shop;User ID=me", msdsn.EncryptionRequired, false},
		{"ODBC", "odbc:server=db.example.com;database=shop;user id=me", msdsn.EncryptionRequired, false},
	} {
		_, at, err := secure(tt.dsn)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if at.Host != "db.example.com" || at.Database != "shop" || at.Encryption != tt.encrypted || at.TrustServerCertificate != tt.trusting {
			t.Errorf("%s: got %s, %s, encryption %d, trust %t", tt.name, at.Host, at.Database, at.Encryption, at.TrustServerCertificate)
		}
		if at.Encoding.Timezone.String() != "UTC" {
			t.Errorf("%s: times are in %s", tt.name, at.Encoding.Timezone)
		}
		const password = `p;a=s"s}{ w&%ö`
		dsn, err := with(tt.dsn, "password", password)
		if err != nil {
			t.Fatal(err)
		}
		if _, at, err = secure(dsn); err != nil || at.Password != password {
			t.Errorf("%s with a password: got %q, %v, want %q", tt.name, at.Password, err, password)
		}
	}
	for _, dsn := range []string{"", "postgres://me@db.example.com/shop", "sqlserver://me@db:x", "sqlserver://a?encrypt=perhaps"} {
		if _, _, err := secure(dsn); !errors.Is(err, errDSN) {
			t.Errorf("%q: got %v, want %v", dsn, err, errDSN)
		}
	}
}

// TestRotation asks for the password each time, and keeps what the driver made as long
// as it stays the same.
func TestRotation(t *testing.T) {
	password, asked := "one", 0
	c := &connector{cfg: Config{DSN: secrets.Fixed("sqlserver://me@127.0.0.1:1?database=shop&encrypt=disable"),
		Password: func(context.Context) (string, error) { asked++; return password, nil }}}
	connect := func() string {
		if _, err := c.Connect(t.Context()); codeOf(classify("sqlserver.Open", err)) != "unreachable" {
			t.Fatalf("Connect: got %v, want that nobody listens", err)
		}
		return c.where().Password
	}
	if got := connect(); got != "one" {
		t.Errorf("the password is %q, want one", got)
	}
	first := c.made
	if got := connect(); got != "one" || c.made != first {
		t.Errorf("the password is %q, and the connector another: %t", got, c.made != first)
	}
	password = "two"
	if got := connect(); got != "two" || c.made == first || asked != 3 {
		t.Errorf("the password is %q after %d questions, want two after 3", got, asked)
	}
	down := errors.New("the vault is sealed")
	c.cfg.Password = func(context.Context) (string, error) { return "", down }
	if _, err := c.Connect(t.Context()); !errors.Is(err, down) {
		t.Errorf("Connect without a password: got %v, want %v", err, down)
	}
}

// TestCertificates tells a certificate that cannot be trusted, and one that Go does not
// even read, from a server that is not there.
func TestCertificates(t *testing.T) {
	for _, tt := range []struct {
		name     string
		negative bool
		detail   string
	}{
		{"one that nobody signed", false, "cannot be trusted"},
		{"a negative serial number", true, "cannot be read"},
	} {
		at := listen(t, certificate(t, tt.negative))
		_, err := Open(t.Context(), Config{DSN: secrets.Fixed("sqlserver://me@" + at + "?database=shop&encrypt=strict"), AcquireTimeout: time.Second})
		if codeOf(err) != "certificate-refused" || !strings.Contains(fault.Of(err).Detail, tt.detail) {
			t.Errorf("%s: got %v, want that it %s", tt.name, err, tt.detail)
		}
	}
}

// listen returns where somebody answers with the certificate.
func listen(t *testing.T, with tls.Certificate) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{with}, MinVersion: tls.VersionTLS12, NextProtos: []string{"tds/8.0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1)) // fails with the handshake
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// certificate makes one that signs itself, as SQL Server does. Nobody makes a negative
// serial number of purpose, so it is written into what was made.
func certificate(t *testing.T, negative bool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(0x7f), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if negative { // the number comes behind the version, which is 2
		at := bytes.Index(made, []byte{0x02, 0x01, 0x02, 0x02, 0x01, 0x7f})
		made[at+5] = 0xff
	}
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

// TestManagedIdentity makes a connector that asks Entra, and nobody for a password.
func TestManagedIdentity(t *testing.T) {
	for _, fedauth := range []string{"ActiveDirectoryManagedIdentity", "ActiveDirectoryDefault", "ActiveDirectoryWorkloadIdentity"} {
		c := &connector{}
		if _, err := c.of("sqlserver://db.example.com?database=shop&fedauth=" + fedauth); err != nil {
			t.Errorf("%s: %v", fedauth, err)
		}
	}
	c := &connector{}
	if _, err := c.of("sqlserver://db.example.com?database=shop&fedauth=ActiveDirectoryServicePrincipal"); !errors.Is(err, errDSN) {
		t.Errorf("an application without its secret: got %v, want %v", err, errDSN)
	}
}
