package layer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/mail"
)

// Lately is how the last call of a port went, and the last that failed: what is known of those that are
// not asked how they are, since that would cost money or send a mail. Its zero value is that of a port
// that was not called yet. It is safe for concurrent use.
type Lately struct{ last, failed atomic.Pointer[Call] }

// A Call is one that ended.
type Call struct {
	At   time.Time // when it ended
	Took time.Duration
	Err  error // why the port failed, nil if it did not
}

// Last returns the last call, the zero Call if there was none.
func (l *Lately) Last() Call { return noted(&l.last) }

// Failed returns the last call that failed, the zero Call if none did.
func (l *Lately) Failed() Call { return noted(&l.failed) }

func noted(call *atomic.Pointer[Call]) Call {
	if known := call.Load(); known != nil {
		return *known
	}
	return Call{}
}

// Note notes a call that began at a time and ended now. An error that is the caller's, as of a
// token that is forged, is none of the port; and of a call that the caller gave up nothing is
// known.
func (l *Lately) Note(begun time.Time, err error) {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Internal, fault.Forbidden:
		l.NoteOwn(begun, err)
	default:
		l.NoteOwn(begun, nil)
	}
}

// NoteOwn is Note of a call that nobody's mistake can have failed but the port's, as one that asks it
// how it is.
func (l *Lately) NoteOwn(begun time.Time, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	now := time.Now()
	call := &Call{At: now, Took: now.Sub(begun), Err: err}
	if err != nil {
		l.failed.Store(call)
	}
	l.last.Store(call)
}

// NoteAuth returns authenticator with its calls noted.
func NoteAuth(authenticator auth.Authenticator, lately *Lately) auth.Authenticator {
	return notedAuth{Authenticator: authenticator, lately: lately}
}

type notedAuth struct {
	auth.Authenticator
	lately *Lately
}

// Epoch is that of the authenticator, so that Remember sees it.
func (n notedAuth) Epoch(ctx context.Context) uint64 { return epochOf(ctx, n.Authenticator) }

// Authenticate notes nothing of a credential that is not for this authenticator.
func (n notedAuth) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	begun := time.Now()
	who, err := n.Authenticator.Authenticate(ctx, credential)
	if fault.KindOf(err) != fault.Unsupported {
		n.lately.Note(begun, err)
	}
	return who, err
}

// NoteKeys returns keeper with its calls noted.
func NoteKeys(keeper keys.Keeper, lately *Lately) keys.Keeper {
	return notedKeys{Keeper: keeper, lately: lately}
}

type notedKeys struct {
	keys.Keeper
	lately *Lately
}

func (n notedKeys) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	begun := time.Now()
	wrapped, err := n.Keeper.Wrap(ctx, dataKey)
	n.lately.Note(begun, err)
	return wrapped, err
}

func (n notedKeys) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	begun := time.Now()
	dataKey, err := n.Keeper.Unwrap(ctx, wrapped)
	n.lately.Note(begun, err)
	return dataKey, err
}

// NoteMail returns sender with its calls noted.
func NoteMail(sender mail.Sender, lately *Lately) mail.Sender {
	return notedMail{Sender: sender, lately: lately}
}

type notedMail struct {
	mail.Sender
	lately *Lately
}

func (n notedMail) Send(ctx context.Context, message mail.Message) error {
	begun := time.Now()
	err := n.Sender.Send(ctx, message)
	n.lately.Note(begun, err)
	return err
}
