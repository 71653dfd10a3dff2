package redis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/secrets"
)

// TestRotated changes the password while the cache is used: connections that are there
// go on, and new ones have the new password.
func TestRotated(t *testing.T) {
	server := single(t)
	hand := direct(t, server.Address)
	var now atomic.Value
	now.Store("first")
	password := secrets.Value(func(context.Context) (string, error) { return now.Load().(string), nil })
	do(t, hand, "ACL", "SETUSER", "shop", "on", ">first", "~*", "+@all")
	for name, cfg := range map[string]Config{
		"password": {Addrs: []string{server.Address}, Username: "shop", Password: password},
		"url": {URL: func(context.Context) (string, error) {
			return "redis://shop:" + now.Load().(string) + "@" + server.Address + "/3", nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			now.Store("first")
			do(t, hand, "ACL", "SETUSER", "shop", "resetpass", ">first")
			c := openTest(t, patient(cfg))
			session, _ := bound(t, c)
			do(t, hand, "ACL", "SETUSER", "shop", "resetpass", ">second")
			if err := errors.Join(read(t, session), c.Ping(t.Context())); err != nil {
				t.Errorf("over connections that are there: %v", err)
			}
			now.Store("second")
			do(t, hand, "CLIENT", "KILL", "USER", "shop")
			if err := errors.Join(read(t, session), c.Ping(t.Context())); err != nil {
				t.Errorf("over new connections: %v", err)
			}
			now.Store("a-wrong-secret")
			do(t, hand, "CLIENT", "KILL", "USER", "shop")
			for _, err := range []error{read(t, session), c.Ping(t.Context())} {
				wantCode(t, "with a wrong password", err, fault.Unavailable, "login-refused")
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the password is in %v", err)
				}
			}
			if name == "url" {
				now.Store("no url with a secret")
				wantCode(t, "with a url that cannot be read", read(t, session), fault.Unavailable, "no-password")
				now.Store("a-wrong-secret")
			}
			_, err := Open(t.Context(), patient(cfg))
			wantCode(t, "Open with a wrong password", err, fault.Unavailable, "login-refused")
		})
	}
	t.Run("under requests", func(t *testing.T) {
		now.Store("first")
		do(t, hand, "ACL", "SETUSER", "shop", "resetpass", ">first")
		session, _ := bound(t, openTest(t, patient(Config{Addrs: []string{server.Address}, Username: "shop", Password: password})))
		var group sync.WaitGroup
		var changed atomic.Bool
		reads := func() {
			for i := 0; i < 250 || !changed.Load(); i++ {
				if err := read(t, session); err != nil {
					t.Errorf("read %d: %v", i, err)
					return
				}
			}
		}
		for range 2 {
			group.Go(reads)
		}
		do(t, hand, "ACL", "SETUSER", "shop", ">second") // beside the first
		now.Store("second")
		do(t, hand, "ACL", "SETUSER", "shop", "<first")
		for range 16 { // more than there are connections
			group.Go(reads)
		}
		changed.Store(true)
		group.Wait()
	})
	missing := Config{Addrs: []string{server.Address}, Password: func(context.Context) (string, error) {
		return "", fault.New(fault.NotFound, "test", "there is no such secret")
	}}
	_, err := Open(t.Context(), patient(missing))
	wantCode(t, "Open without the password", err, fault.Unavailable, "no-password")
}

// TestAged has connections that live for a moment: a password that changes is asked for
// without any of them being lost.
func TestAged(t *testing.T) {
	server := single(t)
	do(t, direct(t, server.Address), "ACL", "SETUSER", "shop", "on", ">first", "~*", "+@all")
	var now atomic.Value
	now.Store("first")
	cfg := patient(Config{Addrs: []string{server.Address}, Username: "shop", connAge: time.Millisecond})
	cfg.Password = func(context.Context) (string, error) { return now.Load().(string), nil }
	c := openTest(t, cfg)
	session, _ := bound(t, c)
	now.Store("another")
	await(t, "the password is asked for again", func() bool {
		err := read(t, session)
		return err != nil && fault.Of(err).Code == "login-refused" && c.Ping(t.Context()) != nil
	})
	now.Store("first")
	if err := errors.Join(read(t, session), c.Ping(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestACL has a user who may do no more than the README asks for.
func TestACL(t *testing.T) {
	server := single(t)
	hand := direct(t, server.Address)
	cfg := patient(Config{Addrs: []string{server.Address}, Username: "shop", Password: secrets.Fixed("secret")})
	do(t, hand, "ACL", "SETUSER", "shop", "on", ">secret", "~"+cfg.Prefix+":*", "~{"+cfg.Prefix+":*",
		"+@read", "+@write", "+@scripting", "+@connection", "+info", "-@dangerous", "+info")
	c := openTest(t, cfg)
	session, _ := bound(t, c)
	for what, call := range calls(c, session) {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s = %v", what, err)
		}
	}
	do(t, hand, "ACL", "SETUSER", "shop", "-@write")
	wantCode(t, "Fill by a user who may not write", session.Fill(t.Context(), "goods", "name", nil, time.Hour), fault.Unavailable, "not-allowed")
	do(t, hand, "ACL", "SETUSER", "shop", "-info")
	_, err := c.Identity(t.Context())
	wantCode(t, "Identity by a user who may not ask", err, fault.Unavailable, "not-allowed")
	_, err = Open(t.Context(), patient(Config{Addrs: cfg.Addrs, Username: "nobody", Password: secrets.Fixed("secret")}))
	wantCode(t, "Open by a user that there is not", err, fault.Unavailable, "login-refused")
	do(t, hand, "CONFIG", "SET", "requirepass", "secret")
	_, err = Open(t.Context(), patient(Config{Addrs: cfg.Addrs}))
	wantCode(t, "Open without a password", err, fault.Unavailable, "login-refused")
}

// certificate makes one for 127.0.0.1 that signs itself, and returns its files.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cache"}, DNSNames: []string{"cache.example.com"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, octets []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", key)
}

// TestTLS reaches a server by an encrypted connection, if its certificate is signed by
// whom the configuration names, and for the name that it expects.
func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	_ = listener.Close() // its port is the server's
	_, port, _ := net.SplitHostPort(at)
	single(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	for name, cfg := range map[string]Config{
		"addrs": {Addrs: []string{at}, TLS: true, CAFile: cert},
		"url":   {URL: secrets.Fixed("rediss://" + at), CAFile: cert},
		"name":  {Addrs: []string{at}, TLS: true, CAFile: cert, ServerName: "cache.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			session, _ := bound(t, openTest(t, patient(cfg)))
			if err := read(t, session); err != nil {
				t.Error(err)
			}
		})
	}
	for name, cfg := range map[string]Config{
		"of nobody known": {Addrs: []string{at}, TLS: true},
		"another name":    {Addrs: []string{at}, TLS: true, CAFile: cert, ServerName: "other.example.com"},
		"not encrypted":   {Addrs: []string{at}},
	} {
		t.Run(name, func(t *testing.T) {
			var c cache.Server
			c, err := Open(t.Context(), patient(cfg))
			if err == nil {
				defer c.Close()
				err = c.Ping(t.Context())
			}
			if err == nil {
				t.Errorf("there is a connection to a server that must not be trusted")
			}
		})
	}
}
