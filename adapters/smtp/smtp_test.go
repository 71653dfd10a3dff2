package smtp_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/smtp"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/mail"
	"github.com/portolan-io/portolan/ports/mail/mailtest"
	"github.com/portolan-io/portolan/ports/secrets"
)

func open(t *testing.T, cfg smtp.Config) *smtp.Sender {
	t.Helper()
	cfg.Host, cfg.From = "127.0.0.1", "Shop <no-reply@example.com>"
	s, err := smtp.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	for name, withTLS := range map[string]bool{"starttls": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			mailtest.Run(t, func(t *testing.T) mailtest.Harness {
				p, roots := newPost(t, withTLS, "")
				s := open(t, smtp.Config{Port: p.port(), TLS: name, Roots: roots})
				return mailtest.Harness{
					Sender: s, Refused: "nobody@example.com",
					Taken: func(contract.T) []mail.Message { return p.messages() },
					Break: func(contract.T) {
						p.mu.Lock()
						defer p.mu.Unlock()
						p.broken = true
					},
				}
			})
		})
	}
}

var hello = mail.Message{To: "ann@example.com", Subject: "Hello", Text: "a code\n"}

// TestTLS: nothing is sent to a server that cannot encrypt, or that is not who it says.
func TestTLS(t *testing.T) {
	plain, _ := newPost(t, false, "")
	if err := open(t, smtp.Config{Port: plain.port()}).Send(t.Context(), hello); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Send to a server without STARTTLS = %v, want %s", err, fault.Unavailable)
	}
	stranger, _ := newPost(t, true, "")
	if err := open(t, smtp.Config{Port: stranger.port()}).Send(t.Context(), hello); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Send to a server whose certificate nobody known signed = %v, want %s", err, fault.Unavailable)
	}
	friend, roots := newPost(t, true, "")
	if err := open(t, smtp.Config{Port: friend.port(), Roots: roots}).Send(t.Context(), hello); err != nil || friend.unencrypted() {
		t.Errorf("Send to a server with STARTTLS = %v, unencrypted %t", err, friend.unencrypted())
	}
	if n := len(plain.messages()) + len(stranger.messages()); n != 0 {
		t.Errorf("%d messages were sent all the same", n)
	}
}

// TestPassword: it is asked for with each message, and is in no error.
func TestPassword(t *testing.T) {
	p, roots := newPost(t, true, "shop:the password")
	for password, right := range map[string]bool{"the password": true, "another password": false} {
		err := open(t, smtp.Config{Port: p.port(), Roots: roots, Username: "shop", Password: secrets.Fixed(password)}).Send(t.Context(), hello)
		if (err == nil) != right {
			t.Errorf("with %s: Send = %v", password, err)
		}
		if err != nil && (strings.Contains(err.Error(), password) || !errors.Is(err, fault.Unavailable)) {
			t.Errorf("the error is %v", err)
		}
	}
	if from := p.sender(); !strings.HasPrefix(from, "FROM:<no-reply@example.com>") {
		t.Errorf("the mail is %s", from)
	}
}

// TestNobodyListens: a server that is not there is told of, and within the timeout.
func TestNobodyListens(t *testing.T) {
	p, _ := newPost(t, false, "")
	port := p.port()
	_ = p.listener.Close()
	if err := open(t, smtp.Config{Port: port, TLS: "none"}).Send(t.Context(), hello); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Send to nobody = %v, want %s", err, fault.Unavailable)
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	right := smtp.Config{Host: "smtp.example.com", From: "no-reply@example.com"}
	for name, change := range map[string]func(*smtp.Config){
		"no host":             func(c *smtp.Config) { c.Host = "" },
		"no sender":           func(c *smtp.Config) { c.From = "" },
		"a sender of lines":   func(c *smtp.Config) { c.From = "a@b.c\r\nBcc: d@e.f" },
		"unknown tls":         func(c *smtp.Config) { c.TLS = "maybe" },
		"no tls elsewhere":    func(c *smtp.Config) { c.TLS = "none" },
		"a port of none":      func(c *smtp.Config) { c.Port = 65536 },
		"no time":             func(c *smtp.Config) { c.Timeout = time.Millisecond },
		"no password":         func(c *smtp.Config) { c.Username = "shop" },
		"a password of whom?": func(c *smtp.Config) { c.Password = secrets.Fixed("x") },
	} {
		cfg := right
		change(&cfg)
		if _, err := smtp.Open(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: Open = %v, want %s", name, err, fault.Invalid)
		}
	}
	if _, err := smtp.Open(t.Context(), right); err != nil {
		t.Errorf("what is right: %v", err)
	}
}
