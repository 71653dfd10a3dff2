package layer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/mail"
)

// slow is an authenticator, a keeper and a sender whose calls take their time and fail with err.
type slow struct {
	err   error
	takes time.Duration
}

func (s *slow) call() error {
	time.Sleep(s.takes)
	return s.err
}

func (s *slow) Authenticate(context.Context, auth.Credential) (policy.Principal, error) {
	return policy.Principal{}, s.call()
}
func (s *slow) Epoch(context.Context) uint64 { return 7 }
func (s *slow) Wrap(context.Context, []byte) (envelope.Wrapped, error) {
	return envelope.Wrapped{}, s.call()
}
func (s *slow) Unwrap(context.Context, envelope.Wrapped) ([]byte, error) { return nil, s.call() }
func (s *slow) Send(context.Context, mail.Message) error                 { return s.call() }
func (s *slow) Close() error                                             { return nil }

// TestLately: of the last call of a port it is known when it ended, how long it took, and whether
// the port failed, which it does not with a caller's mistake; and so of the last that failed.
func TestLately(t *testing.T) {
	down := fault.New(fault.Unavailable, "test", "down")
	calls := map[string]func(*slow, *layer.Lately) error{
		"Authenticate": func(s *slow, l *layer.Lately) error {
			_, err := layer.NoteAuth(s, l).Authenticate(t.Context(), auth.Credential{})
			return err
		},
		"Wrap": func(s *slow, l *layer.Lately) error {
			_, err := layer.NoteKeys(s, l).Wrap(t.Context(), nil)
			return err
		},
		"Unwrap": func(s *slow, l *layer.Lately) error {
			_, err := layer.NoteKeys(s, l).Unwrap(t.Context(), envelope.Wrapped{})
			return err
		},
		"Send": func(s *slow, l *layer.Lately) error { return layer.NoteMail(s, l).Send(t.Context(), mail.Message{}) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lately := &layer.Lately{}
				if lately.Last() != (layer.Call{}) {
					t.Errorf("before the first call it is %+v", lately.Last())
				}
				var failed layer.Call
				for _, step := range []struct {
					err     error
					failing bool
				}{
					{nil, false},
					{down, true},
					{fault.New(fault.Unauthenticated, "test", "forged"), false},
					{fault.New(fault.Forbidden, "test", "the key may not be used"), true},
					{fault.New(fault.Refused, "test", "no such mailbox"), false},
					{errors.New("odd"), true},
				} {
					if err := call(&slow{step.err, time.Second}, lately); !errors.Is(err, step.err) {
						t.Fatalf("it returns %v, want %v", err, step.err)
					}
					last := lately.Last()
					if (last.Err != nil) != step.failing || last.Took != time.Second || !last.At.Equal(time.Now()) {
						t.Errorf("behind %v it is %+v", step.err, last)
					}
					if step.failing {
						failed = last
					}
					if lately.Failed() != failed {
						t.Errorf("behind %v the last that failed is %+v, want %+v", step.err, lately.Failed(), failed)
					}
				}
				if _ = call(&slow{fmt.Errorf("given up: %w", context.Canceled), time.Second}, lately); lately.Last().At.Equal(time.Now()) {
					t.Errorf("a call that was given up is noted: %+v", lately.Last())
				}
			})
		})
	}
}

// TestLatelyOfAuth: a credential that is another's says nothing of the authenticator, and what
// Remember needs of it is passed on.
func TestLatelyOfAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lately := &layer.Lately{}
		noted := layer.NoteAuth(&slow{err: fault.New(fault.Unsupported, "test", "another issuer")}, lately)
		if _, err := noted.Authenticate(t.Context(), auth.Credential{}); !errors.Is(err, fault.Unsupported) || lately.Last() != (layer.Call{}) {
			t.Errorf("Authenticate = %v, and noted is %+v", err, lately.Last())
		}
		if epoch := noted.(interface {
			Epoch(context.Context) uint64
		}).Epoch(t.Context()); epoch != 7 {
			t.Errorf("the epoch is %d", epoch)
		}
	})
}
