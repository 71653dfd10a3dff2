// Package maillog is a mail.Sender that delivers nothing: it prints what it is given,
// for a laptop. Start at [Open].
package maillog

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/mail"
)

// Config says where messages are printed.
type Config struct {
	// Out is where they go; nil is standard error.
	Out io.Writer `yaml:"-"`
}

// A Sender is a mail.Sender that prints.
type Sender struct {
	mu  sync.Mutex
	out io.Writer
}

var _ mail.Sender = (*Sender)(nil)

// Open returns a sender. It needs nothing that could fail.
func Open(ctx context.Context, cfg Config) (*Sender, error) {
	if cfg.Out == nil {
		cfg.Out = os.Stderr
	}
	return &Sender{out: cfg.Out}, ctx.Err()
}

// Send prints the message, with what is in it: codes and all.
func (s *Sender) Send(ctx context.Context, message mail.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := mail.Check("maillog.Send", message); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.out, "--- mail to %s: %s\n%s---\n", message.To, message.Subject, message.Text); err != nil {
		return fault.New(fault.Unavailable, "maillog.Send", "the message cannot be printed").Because(err)
	}
	return nil
}

// Close does nothing: the writer is not the sender's own.
func (s *Sender) Close() error { return nil }
