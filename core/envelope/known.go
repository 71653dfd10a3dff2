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
	making  chan struct{} // closed when the key that is being made is; nil if none is
}

// sealing returns the data key to seal one value with, or makes one. Only one is made at a
// time, and everybody waits for it.
func (s *Sealer) sealing(ctx context.Context) (*dataKey, error) {
	for {
		key, wait, mine := s.known.use()
		switch {
		case key != nil:
			return key, nil
		case mine:
			key, err := s.make(ctx)
			s.known.made(key)
			return key, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// use returns the key for one more value. Without one it is for the caller to make it, or
// to wait for who does.
func (k *known) use() (key *dataKey, wait chan struct{}, mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key = k.sealing; key != nil && key.uses < KeyUses && k.now().Before(key.until) {
		key.uses++
		return key, nil, false
	}
	k.sealing = nil
	if k.making == nil {
		k.making = make(chan struct{})
		return nil, nil, true
	}
	return nil, k.making, false
}

// made has a key used that was made, or lets another try if it is nil.
func (k *known) made(key *dataKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealing = key
	if key != nil {
		key.uses++
		k.keep(key)
	}
	close(k.making)
	k.making = nil
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

// opening returns the data key of a head, unwrapped unless it is known. A wrapped key that
// is none is fault.Invalid.
func (s *Sealer) opening(ctx context.Context, head []byte, wrapped Wrapped) (*dataKey, error) {
	if key := s.known.find(head); key != nil {
		return key, nil
	}
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
	key := &dataKey{name: wrapped.Key, head: append([]byte(nil), head...), aead: aead, until: s.known.now().Add(KeyFor)}
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	s.known.keep(key)
	return key, nil
}

// find returns the key of the head, if it is known.
func (k *known) find(head []byte) *dataKey {
	k.mu.Lock()
	defer k.mu.Unlock()
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
