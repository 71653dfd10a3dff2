// Package smtp is a mail.Sender over an SMTP server (RFC 5321), with go-mail. Start at
// [Open].
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	netmail "net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/mail"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says which server takes mail, and from whom.
type Config struct {
	Host     string        `yaml:"host"`     // of the server; required
	Port     int           `yaml:"port"`     // 0 is 587, or 465 with tls: implicit
	From     string        `yaml:"from"`     // who the mail is from, as in Shop <no-reply@example.com>; required
	Username string        `yaml:"username"` // empty is no authentication
	Password secrets.Value `yaml:"password"` // asked for again for each message
	TLS      string        `yaml:"tls"`      // starttls, which is the default, implicit, or none, for a server on this machine alone
	Timeout  time.Duration `yaml:"timeout"`  // of one message; 0 is 10 s

	// Roots are who may have signed the certificate of the server; nil is those of the
	// system.
	Roots *x509.CertPool `yaml:"-"`
}

// How the connection is encrypted.
const (
	tlsStart    = "starttls"
	tlsImplicit = "implicit"
	tlsNone     = "none"
)

const opSend = "smtp.Send"

// A Sender is a mail.Sender. It has a connection for each message.
type Sender struct {
	cfg  Config
	from *netmail.Address
}

var _ mail.Sender = (*Sender)(nil)

// Open returns a sender. It does not ask the server for anything yet: mail that cannot
// be sent stops nobody from reading. It returns fault.Invalid if something in cfg is
// wrong.
func Open(ctx context.Context, cfg Config) (*Sender, error) {
	const op = "smtp.Open"
	from, err := netmail.ParseAddress(cfg.From)
	if cfg.TLS == "" {
		cfg.TLS = tlsStart
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Port == 0 {
		cfg.Port = 587
		if cfg.TLS == tlsImplicit {
			cfg.Port = 465
		}
	}
	switch {
	case cfg.Host == "":
		return nil, fault.New(fault.Invalid, op, "host is missing").Hinting("name the server, as in smtp.example.com")
	case err != nil:
		return nil, fault.New(fault.Invalid, op, "from is no address").Hinting("write it as in Shop <no-reply@example.com>")
	case cfg.TLS != tlsStart && cfg.TLS != tlsImplicit && cfg.TLS != tlsNone:
		return nil, fault.New(fault.Invalid, op, "tls is starttls, implicit or none, not %q", cfg.TLS)
	case cfg.TLS == tlsNone && !onThisMachine(cfg.Host):
		return nil, fault.New(fault.Invalid, op, "without TLS mail is sent to a server on this machine alone, which %s is not", cfg.Host).
			Hinting("leave tls out, or name 127.0.0.1")
	case cfg.Port < 1 || cfg.Port > 65535 || cfg.Timeout < time.Second:
		return nil, fault.New(fault.Invalid, op, "port is 1 to 65535, and timeout 1s or more")
	case (cfg.Username == "") != (cfg.Password == nil):
		return nil, fault.New(fault.Invalid, op, "username and password are given both or neither")
	}
	return &Sender{cfg, from}, ctx.Err()
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send gives the message to the server, which has taken it when Send returns.
func (s *Sender) Send(ctx context.Context, message mail.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := mail.Check(opSend, message); err != nil {
		return err
	}
	client, err := s.client(ctx)
	if err != nil {
		return err
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	letter.FromMailAddress(s.from)
	letter.ToMailAddress(&netmail.Address{Address: message.To})
	letter.Subject(message.Subject)
	letter.SetMessageID()
	letter.SetDate()
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday is announced to us
	letter.SetBodyString(gomail.TypeTextPlain, message.Text)
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return explain(ctx, client.DialAndSendWithContext(limited, letter))
}

// client returns a client for one message.
func (s *Sender) client(ctx context.Context) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.cfg.Port), gomail.WithTimeout(s.cfg.Timeout),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.cfg.Host, RootCAs: s.cfg.Roots, MinVersion: tls.VersionTLS12}),
	}
	switch s.cfg.TLS {
	case tlsImplicit:
		options = append(options, gomail.WithSSL())
	case tlsNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.cfg.Username != "" {
		password, err := s.cfg.Password(ctx)
		if err != nil {
			return nil, fault.New(fault.Unavailable, opSend, "the password of the mail server cannot be had").Because(err)
		}
		method := gomail.SMTPAuthAutoDiscover
		if s.cfg.TLS == tlsNone {
			method = gomail.SMTPAuthPlainNoEnc // on this machine
		}
		options = append(options, gomail.WithSMTPAuth(method), gomail.WithUsername(s.cfg.Username), gomail.WithPassword(password))
	}
	client, err := gomail.NewClient(s.cfg.Host, options...)
	if err != nil {
		return nil, fault.New(fault.Internal, opSend, "no client for the mail server could be made").Because(err)
	}
	return client, nil
}

// explain says why a message was not taken. A recipient that is refused for good is
// told from a server that takes nothing now.
func explain(ctx context.Context, err error) error {
	var failed *gomail.SendError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &failed) && failed.Reason == gomail.ErrSMTPRcptTo && !failed.IsTemp():
		return fault.New(fault.Refused, opSend, "the mail server does not take the recipient").Because(err)
	}
	return fault.New(fault.Unavailable, opSend, "the mail server does not take the message now").Because(err)
}

// Close does nothing: there is no connection between two messages.
func (s *Sender) Close() error { return nil }
