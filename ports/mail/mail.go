// Package mail is the port that sends e-mail. Start at [Sender]; the suite that proves
// an implementation is in mailtest.
package mail

import (
	"context"
	netmail "net/mail"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// A Message is an e-mail in plain text to one recipient.
type Message struct {
	To      string // an address without a name
	Subject string // one line of 1 to MaxSubject octets
	Text    string // of at most MaxText octets; lines end with \n
}

// The most octets of a message.
const (
	MaxSubject = 200
	MaxText    = 64 << 10
)

// A Sender sends e-mail.
//
// A Sender is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds any part of
// the text of a message.
type Sender interface {
	// Send hands the message to whoever delivers it. When it returns without an error
	// it has been taken.
	//
	// Recipient, subject and text arrive as they are. Check says which messages are
	// fault.Invalid. Send returns fault.Refused if the recipient is not taken, and
	// fault.Unavailable if nobody takes a message now.
	Send(ctx context.Context, message Message) error

	// Close lets go of everything the sender holds. Calling it again does nothing.
	Close() error
}

// Check returns fault.Invalid if a sender has to refuse the message: because its
// recipient is no address, or is more than one, because its subject is not one line,
// or looks as if it was encoded already (RFC 2047), because it has controls that are no
// line ends, or because it is too long.
func Check(op string, message Message) error {
	parsed, err := netmail.ParseAddress(message.To)
	controls := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }
	switch {
	case err != nil || parsed.Address != message.To || strings.ContainsFunc(message.To, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return fault.New(fault.Invalid, op, "the recipient is no address")
	case message.Subject == "" || len(message.Subject) > MaxSubject || strings.ContainsAny(message.Subject, "\n\t") || strings.Contains(message.Subject, "=?") || strings.ContainsFunc(message.Subject, controls):
		return fault.New(fault.Invalid, op, "the subject is not one line of 1 to %d octets", MaxSubject)
	case len(message.Text) > MaxText || strings.ContainsFunc(message.Text, controls):
		return fault.New(fault.Invalid, op, "the text has controls, or more than %d octets", MaxText)
	case !utf8.ValidString(message.Subject) || !utf8.ValidString(message.Text):
		return fault.New(fault.Invalid, op, "the message is not UTF-8")
	}
	return nil
}
