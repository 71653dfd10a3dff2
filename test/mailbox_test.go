package test

import (
	"bufio"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A mailbox is an SMTP server in this process that keeps the codes that are mailed.
type mailbox struct {
	listener net.Listener
	codes    chan string
}

// newMailbox returns one that runs until the test ends.
func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{listener: listener, codes: make(chan string, 100)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { box.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return box
}

func (b *mailbox) port() string { return fmt.Sprint(b.listener.Addr().(*net.TCPAddr).Port) }

// code waits for the next code.
func (b *mailbox) code(t *testing.T) string {
	t.Helper()
	select {
	case code := <-b.codes:
		return code
	case <-time.After(30 * time.Second):
		t.Fatal("no mail comes")
		return ""
	}
}

// codeLine is the line of a mail that is its code.
var codeLine = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{20,}\r?$`)

// serve takes the mail of one connection.
func (b *mailbox) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	reader := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 mailbox ESMTP\r\n")
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper(strings.TrimSpace(line)) {
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = reader.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(line)
			}
			b.keep(text.String())
		}
		fmt.Fprint(conn, "250 ok\r\n")
	}
}

func (b *mailbox) keep(text string) {
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return
	}
	body := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	said, err := io.ReadAll(body)
	if err == nil {
		b.codes <- strings.TrimSpace(codeLine.FindString(string(said)))
	}
}
