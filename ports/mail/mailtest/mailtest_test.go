package mailtest_test

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
	"github.com/portolan-io/portolan/ports/mail/mailtest"
)

// A box takes messages into memory, rightly but for the ways in which the tests make
// it wrong.
type box struct {
	wrong string

	mu     sync.Mutex
	taken  []mail.Message
	down   bool
	closed bool
}

func (b *box) Send(ctx context.Context, message mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := mail.Check("box.Send", message)
	switch {
	case ctx.Err() != nil && b.wrong == "wraps":
		return fault.New(fault.Unavailable, "box.Send", "the context is done")
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && b.wrong == "vague":
		return errors.New("no")
	case err != nil && b.wrong == "loud":
		return fault.New(fault.Invalid, "box.Send", "this is no message: %s", message.Text)
	case err != nil && b.wrong != "lax":
		return err
	case b.down && b.wrong != "confident":
		return fault.New(fault.Unavailable, "box.Send", "nobody is there")
	case message.To == "nobody@example.com" && b.wrong != "indulgent":
		return fault.New(fault.Refused, "box.Send", "the recipient is unknown")
	}
	switch b.wrong {
	case "forgetful":
		return nil
	case "twice":
		b.taken = append(b.taken, message)
	case "ascii":
		message.Text = strings.ToValidUTF8(strings.Map(func(r rune) rune { return min(r, 0x7f) }, message.Text), "")
	case "dotty":
		message.Text = strings.ReplaceAll(message.Text, "\n.", "\n..")
	}
	b.taken = append(b.taken, message)
	return nil
}

func (b *box) Close() error {
	if b.closed && b.wrong == "once" {
		return errors.New("closed already")
	}
	b.closed = true
	return nil
}

func harness(wrong string) mailtest.Harness {
	b := &box{wrong: wrong}
	return mailtest.Harness{
		Sender: b, Refused: "nobody@example.com",
		Taken: func(contract.T) []mail.Message { b.mu.Lock(); defer b.mu.Unlock(); return slices.Clone(b.taken) },
		Break: func(contract.T) { b.down = true },
	}
}

func TestRight(t *testing.T) {
	mailtest.Run(t, func(*testing.T) mailtest.Harness { return harness("") })
}

// TestWrong runs the suite over senders that each break one clause.
func TestWrong(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"wraps":     "Done",
		"vague":     "Kinds",
		"loud":      "Quiet",
		"lax":       "Invalid",
		"confident": "Unavailable",
		"indulgent": "Refused",
		"forgetful": "Taken",
		"twice":     "Send",
		"ascii":     "Exact",
		"dotty":     "Exact",
		"once":      "Close",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), mailtest.Cases, func(contract.T) mailtest.Harness { return harness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryCaseCatches runs the suite without a sender.
func TestEveryCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), slices.DeleteFunc(slices.Clone(mailtest.Cases), func(c contract.Case[mailtest.Harness]) bool {
		return c.Name == "Concurrent" // which would panic in a goroutine of its own
	}), func(contract.T) mailtest.Harness {
		h := harness("")
		h.Sender = nil
		return h
	})
	if len(caught) != len(mailtest.Cases)-1 {
		t.Errorf("%d of %d cases fail without a sender: %v", len(caught), len(mailtest.Cases)-1, caught)
	}
}

func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../mail.go", mailtest.Cases, "A Sender sends e-mail")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
