package smtp_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/ports/mail"
)

// A post is an SMTP server in this process, as far as a client of ours needs one.
type post struct {
	listener net.Listener
	secure   *tls.Config // offers STARTTLS; nil offers none
	user     string      // who may send, name:password; empty is everybody

	mu     sync.Mutex
	taken  []mail.Message
	from   []string
	plain  bool // a message came unencrypted
	broken bool
}

// newPost returns a server that runs until the test ends, and who signed its
// certificate.
func newPost(t *testing.T, withTLS bool, user string) (*post, *x509.CertPool) {
	t.Helper()
	p, roots := &post{user: user}, x509.NewCertPool()
	if withTLS {
		web := httptest.NewTLSServer(nil)
		roots.AddCert(web.Certificate())
		p.secure = &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}
		web.Close()
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.listener = listener
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return p, roots
}

func (p *post) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// serve answers the commands of one connection.
func (p *post) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reader, encrypted, known, to := bufio.NewReader(conn), false, p.user == "", ""
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("220 post.example ESMTP")
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			offers := "250-post.example\r\n250-8BITMIME\r\n"
			if p.secure != nil && !encrypted {
				offers += "250-STARTTLS\r\n"
			}
			say("%s250 AUTH PLAIN LOGIN", offers)
		case "STARTTLS":
			say("220 go on")
			secured := tls.Server(conn, p.secure)
			conn, reader, encrypted = secured, bufio.NewReader(secured), true
		case "AUTH":
			_, encoded, _ := strings.Cut(rest, " ")
			raw, _ := base64.StdEncoding.DecodeString(encoded)
			if known = strings.ReplaceAll(strings.TrimPrefix(string(raw), "\x00"), "\x00", ":") == p.user; known {
				say("235 welcome")
				continue
			}
			say("535 no")
		case "MAIL":
			p.mu.Lock()
			p.from = append(p.from, rest)
			broken := p.broken
			p.mu.Unlock()
			switch {
			case broken:
				say("451 not now")
			case !known:
				say("530 who are you")
			default:
				say("250 ok")
			}
		case "RCPT":
			if to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>"); to == "nobody@example.com" {
				say("550 unknown")
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			p.take(reader, to, encrypted)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// take reads a message as a mail program shows it.
func (p *post) take(reader *bufio.Reader, to string, encrypted bool) {
	var data strings.Builder
	for {
		line, err := reader.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		data.WriteString(strings.TrimPrefix(line, "."))
	}
	got := mail.Message{To: to}
	if parsed, err := netmail.ReadMessage(strings.NewReader(data.String())); err == nil {
		got.Subject, _ = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		body := parsed.Body
		if parsed.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		text, _ := io.ReadAll(body)
		got.Text = strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") + "\n"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, got)
	p.plain = p.plain || !encrypted
}

// unencrypted reports whether a message came without TLS.
func (p *post) unencrypted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plain
}

// sender returns who the first message was from.
func (p *post) sender() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.from[0]
}

func (p *post) messages() []mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken)
}
