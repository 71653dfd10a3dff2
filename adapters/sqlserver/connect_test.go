package sqlserver

import (
	"context"
	"errors"
	"testing"

	"github.com/microsoft/go-mssqldb/msdsn"

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
