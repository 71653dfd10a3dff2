package envelope

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// A dataKey is one that is known. Nothing of it but uses changes.
type dataKey struct {
	name  string // of the key that it is wrapped with
	head  []byte // what stands before the values sealed with it
	aead  cipher.AEAD
	until time.Time
	uses  int
}

// known are the data keys that a sealer knows: the one that it seals with, and by their
// heads those that it opened. It is safe for concurrent use.
type known struct {
	now func() time.Time

	mu      sync.Mutex
	sealing *dataKey
	opening map[string]*dataKey
	asking  map[string]*asked // by what for: a head, or nothing for a new key
}

// An asked is one question to the wrapper, for all who need its answer.
type asked struct {
	done chan struct{}

	// Set before done is closed, and not changed after.
	key *dataKey
	err error
}

// sealing returns the data key to seal one value with, or makes one.
func (s *Sealer) sealing(ctx context.Context) (*dataKey, error) {
	for {
		key, err := s.known.ask(ctx, "", s.known.use, func() (*dataKey, error) { return s.make(ctx) })
		if key == nil {
			return nil, err
		}
		// Of those who waited for a new key each takes it as any other.
		if key = s.known.taken(); key != nil {
			return key, nil
		}
	}
}

// opening returns the data key of a head, unwrapped unless it is known. A wrapped key that
// is none is fault.Invalid.
func (s *Sealer) opening(ctx context.Context, head []byte, wrapped Wrapped) (*dataKey, error) {
	find := func() *dataKey { return s.known.find(head) }
	return s.known.ask(ctx, string(head), find, func() (*dataKey, error) { return s.unwrap(ctx, head, wrapped) })
}

// ask returns what look does, if that is a key. Else it returns what the question does, which
// one asks for all who need the same; an error because the context of that one is done is
// nobody else's. The name is that of the question.
func (k *known) ask(ctx context.Context, name string, look func() *dataKey, question func() (*dataKey, error)) (*dataKey, error) {
	for {
		k.mu.Lock()
		if key := look(); key != nil {
			k.mu.Unlock()
			return key, nil
		}
		a := k.asking[name]
		if a == nil {
			a = &asked{done: make(chan struct{})}
			k.asking[name] = a
			k.mu.Unlock()
			return k.lead(name, a, question)
		}
		k.mu.Unlock()
		select {
		case <-a.done:
			if a.key != nil || !errors.Is(a.err, context.Canceled) && !errors.Is(a.err, context.DeadlineExceeded) {
				return a.key, a.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// errPanicked is what those get who waited for a question that did not end.
var errPanicked = fault.New(fault.Internal, "envelope.ask", "the keys port has failed")

// lead asks, and has everybody know the key.
func (k *known) lead(name string, a *asked, question func() (*dataKey, error)) (*dataKey, error) {
	a.err = errPanicked
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if a.key != nil {
			if name == "" {
				k.sealing = a.key
			}
			k.keep(a.key)
		}
		delete(k.asking, name)
		close(a.done)
	}()
	a.key, a.err = question()
	return a.key, a.err
}

// use returns the key to seal with, if it may seal one value more. The caller has locked k.
func (k *known) use() *dataKey {
	if key := k.sealing; key != nil && key.uses < KeyUses && k.now().Before(key.until) {
		return key
	}
	return nil
}

// taken counts one value for the key to seal with, and returns it, or nil if it may seal none.
func (k *known) taken() *dataKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.use()
	if key != nil {
		key.uses++
	}
	return key
}

// find returns the key of the head, if it is known. The caller has locked k.
func (k *known) find(head []byte) *dataKey {
	key := k.opening[string(head)]
	if key == nil || !k.now().Before(key.until) {
		return nil
	}
	return key
}

// keep makes a key known, and forgets what is too old, or any if there are too many. The
// caller has locked k.
func (k *known) keep(key *dataKey) {
	now := k.now()
	for name, old := range k.opening {
		if len(k.opening) >= MaxKeys || !now.Before(old.until) {
			delete(k.opening, name)
		}
	}
	k.opening[string(key.head)] = key
}

// make returns a new data key, wrapped.
func (s *Sealer) make(ctx context.Context) (*dataKey, error) {
	const op = "envelope.Seal"
	raw := make([]byte, dataKeyBytes)
	defer clear(raw)
	_, _ = rand.Read(raw) // it never fails
	wrapped, err := s.wrapper.Wrap(ctx, raw)
	if err != nil {
		return nil, unavailable(op, err)
	}
	if len(wrapped.Key) > MaxName || len(wrapped.Octets) > MaxWrapped {
		return nil, fault.New(fault.Internal, op, "the wrapped key has more than %d octets, or its name more than %d", MaxWrapped, MaxName)
	}
	aead, err := newAEAD(raw)
	if err != nil {
		return nil, err
	}
	return &dataKey{name: wrapped.Key, head: head(wrapped), aead: aead, until: s.known.now().Add(KeyFor)}, nil
}

// unwrap returns the data key of a head.
func (s *Sealer) unwrap(ctx context.Context, head []byte, wrapped Wrapped) (*dataKey, error) {
	raw, err := s.wrapper.Unwrap(ctx, wrapped)
	if err != nil {
		if errors.Is(err, fault.Invalid) {
			return nil, err
		}
		return nil, unavailable("envelope.Open", err)
	}
	aead, err := newAEAD(raw)
	if err != nil {
		return nil, err
	}
	return &dataKey{name: wrapped.Key, head: append([]byte(nil), head...), aead: aead, until: s.known.now().Add(KeyFor)}, nil
}
