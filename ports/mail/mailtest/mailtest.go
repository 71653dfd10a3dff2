// Package mailtest is the suite that proves a mail.Sender. Start at [Run].
package mailtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/mail"
)

// A Harness is a Sender with what is needed to test it.
type Harness struct {
	Sender mail.Sender

	// Taken returns the messages that were taken so far.
	Taken func(t contract.T) []mail.Message

	// Refused is a recipient that is not taken. It is empty if every one is.
	Refused string

	// Break makes nobody take a message. It is nil if that cannot be arranged.
	Break func(t contract.T)
}

// Run runs the suite over the senders that open returns, a new one for each case. What
// open opens it also closes, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[Harness]{
	{Name: "Send", Clause: "Send hands the message to whoever delivers it.", Run: send},
	{Name: "Taken", Clause: "When it returns without an error it has been taken.", Run: send},
	{Name: "Exact", Clause: "Recipient, subject and text arrive as they are.", Run: exact},
	{Name: "Invalid", Clause: "Check says which messages are fault.Invalid.", Run: invalid},
	{Name: "Refused", Clause: "Send returns fault.Refused if the recipient is not taken", Run: refused},
	{Name: "Unavailable", Clause: "fault.Unavailable if nobody takes a message now.", Run: unavailable},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: invalid},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: done},
	{Name: "Quiet", Clause: "No error holds any part of the text of a message.", Run: quiet},
	{Name: "Concurrent", Clause: "A Sender is safe for concurrent use.", Run: concurrent},
	{Name: "Close", Clause: "Close lets go of everything the sender holds. Calling it again does nothing.", Run: closeTwice},
}

const to = "ann@example.com"

func deliver(t contract.T, h Harness, message mail.Message) mail.Message {
	t.Helper()
	before := len(h.Taken(t))
	if err := h.Sender.Send(t.Context(), message); err != nil {
		t.Fatalf("Send: %v", err)
	}
	taken := h.Taken(t)
	if len(taken) != before+1 {
		t.Fatalf("%d messages were taken, want one", len(taken)-before)
	}
	return taken[before]
}

func send(t contract.T, h Harness) {
	for _, text := range []string{"one", "two"} {
		if got := deliver(t, h, mail.Message{To: to, Subject: "Hello", Text: text + "\n"}); got.To != to || !strings.Contains(got.Text, text) {
			t.Errorf("%+v was taken, want %s for %s", got, text, to)
		}
	}
}

// exact tries what mail is known to change: long lines, dots alone, other letters.
func exact(t contract.T, h Harness) {
	for _, message := range []mail.Message{
		{To: to, Subject: "Hello", Text: "A line.\nAnother one.\n"},
		{To: to, Subject: "Grüße aus Köln ☃", Text: "Schöne Grüße, 𝄞\n"},
		{To: to, Subject: strings.Repeat("long ", 30) + "subject", Text: strings.Repeat("long ", 500) + "line\n"},
		{To: to, Subject: "dots", Text: ".\n..\n.a\n\nFrom here\n"},
		{To: to, Subject: "a code", Text: "ptc_abc_def=3D=\n=20\n"},
		{To: "o'neil+tag@sub.example.com", Subject: "=a?b=", Text: "x\n"},
	} {
		if got := deliver(t, h, message); got != message {
			t.Errorf("%+v was taken, want %+v", got, message)
		}
	}
}

func invalid(t contract.T, h Harness) {
	for name, message := range map[string]mail.Message{
		"no recipient":           {Subject: "s", Text: "t"},
		"no address":             {To: "ann", Subject: "s", Text: "t"},
		"a name":                 {To: "Ann <ann@example.com>", Subject: "s", Text: "t"},
		"two recipients":         {To: "ann@example.com, bob@example.com", Subject: "s", Text: "t"},
		"another header field":   {To: to, Subject: "s\r\nBcc: bob@example.com", Text: "t"},
		"another line":           {To: to, Subject: "s\nBcc: bob@example.com", Text: "t"},
		"a command":              {To: "ann@example.com>\r\nRCPT TO:<bob@example.com", Subject: "s", Text: "t"},
		"an encoded subject":     {To: to, Subject: "=?utf-8?q?s?=", Text: "t"},
		"no subject":             {To: to, Text: "t"},
		"a long subject":         {To: to, Subject: strings.Repeat("s", mail.MaxSubject+1), Text: "t"},
		"a long text":            {To: to, Subject: "s", Text: strings.Repeat("t", mail.MaxText+1)},
		"controls":               {To: to, Subject: "s", Text: "t\x00"},
		"carriage returns":       {To: to, Subject: "s", Text: "t\r\n.\r\nMAIL FROM:<x@example.com>"},
		"no UTF-8":               {To: to, Subject: "s", Text: "\xff"},
		"a recipient of letters": {To: "änn@example.com", Subject: "s", Text: "t"},
	} {
		if err := h.Sender.Send(t.Context(), message); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: Send = %v, want %s", name, err, fault.Invalid)
		}
	}
	if n := len(h.Taken(t)); n != 0 {
		t.Errorf("%d messages were taken that are none", n)
	}
}

func refused(t contract.T, h Harness) {
	if h.Refused == "" {
		t.Logf("this sender takes every recipient")
		_ = deliver(t, h, mail.Message{To: to, Subject: "s", Text: "t\n"})
		return
	}
	if err := h.Sender.Send(t.Context(), mail.Message{To: h.Refused, Subject: "s", Text: "t\n"}); !errors.Is(err, fault.Refused) {
		t.Errorf("Send to a recipient that is not taken = %v, want %s", err, fault.Refused)
	}
	_ = deliver(t, h, mail.Message{To: to, Subject: "s", Text: "t\n"})
}

func unavailable(t contract.T, h Harness) {
	if h.Break == nil {
		t.Logf("this sender needs nobody")
		_ = deliver(t, h, mail.Message{To: to, Subject: "s", Text: "t\n"})
		return
	}
	h.Break(t)
	if err := h.Sender.Send(t.Context(), mail.Message{To: to, Subject: "s", Text: "t\n"}); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Send when nobody takes a message = %v, want %s", err, fault.Unavailable)
	}
}

func done(t contract.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Sender.Send(ctx, mail.Message{To: to, Subject: "s", Text: "t\n"}); err != context.Canceled { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Send with a cancelled context = %v, want %v as it is", err, context.Canceled)
	}
}

func quiet(t contract.T, h Harness) {
	const secret = "ptc_0123456789"
	errs := []error{h.Sender.Send(t.Context(), mail.Message{To: to, Subject: "s", Text: secret + "\x00"})}
	if h.Refused != "" {
		errs = append(errs, h.Sender.Send(t.Context(), mail.Message{To: h.Refused, Subject: "s", Text: secret}))
	}
	if h.Break != nil {
		h.Break(t)
		errs = append(errs, h.Sender.Send(t.Context(), mail.Message{To: to, Subject: "s", Text: secret}))
	}
	for _, err := range errs {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("the error is %v, want one without the text", err)
		}
	}
}

func concurrent(t contract.T, h Harness) {
	var group sync.WaitGroup
	for _, letter := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			if err := h.Sender.Send(t.Context(), mail.Message{To: to, Subject: letter, Text: strings.Repeat(letter, 2000) + "\n"}); err != nil {
				t.Errorf("Send from several goroutines: %v", err)
			}
		})
	}
	group.Wait()
	var subjects []string
	for _, each := range h.Taken(t) {
		subjects = append(subjects, each.Subject)
		if each.Text != strings.Repeat(each.Subject, 2000)+"\n" {
			t.Errorf("the text of message %s is another's", each.Subject)
		}
	}
	slices.Sort(subjects)
	if strings.Join(subjects, "") != "abcd" {
		t.Errorf("the messages %q were taken, want a, b, c and d", subjects)
	}
}

func closeTwice(t contract.T, h Harness) {
	for i := range 2 {
		if err := h.Sender.Close(); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}
