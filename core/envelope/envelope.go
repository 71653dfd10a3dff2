// Package envelope encrypts single values with keys that are themselves encrypted, and
// stand beside them. Start at [Sealer]; the format of what it makes is in
// docs/encryption.md.
package envelope

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// The codes of what Open refuses.
const (
	CodeDamaged     = "encrypted-value-damaged" // it is not what was sealed at this place
	CodeUnavailable = "keys-unavailable"        // the key to it cannot be had now
)

// Limits of what a Sealer does with one data key, and of the names and the sizes of what
// is wrapped.
const (
	KeyFor  = 10 * time.Minute // how long a data key is known after it was made or unwrapped
	KeyUses = 1 << 20          // how many values one seals: of 2^32 random nonces two may be equal
	MaxKeys = 4096             // how many are known at once

	MaxName    = 1024 // octets of the name of a key
	MaxWrapped = 8192 // octets of a wrapped data key

	MaxHead = 1 + 2*binary.MaxVarintLen64 + MaxName + MaxWrapped // octets of what stands before a nonce
)

// version is the first octet of everything that is sealed.
const version = 1

const (
	dataKeyBytes = 32 // AES-256
	nonceBytes   = 12
	tagBytes     = 16
)

// Wrapped is a data key that is encrypted, with the name of the key that opens it.
type Wrapped struct {
	Key    string
	Octets []byte
}

// A Wrapper wraps data keys and unwraps them; keys.Keeper is one, and its contract holds.
type Wrapper interface {
	Wrap(ctx context.Context, dataKey []byte) (Wrapped, error)
	Unwrap(ctx context.Context, wrapped Wrapped) ([]byte, error)
}

// A Sealer seals values and opens them, each at its place alone. It is safe for
// concurrent use. Data keys are made at random, known for a bounded time, and used a
// bounded number of times.
type Sealer struct {
	wrapper Wrapper
	known   known
}

// A Config is what a Sealer is made from.
type Config struct {
	Wrapper Wrapper
	Now     func() time.Time // nil is time.Now
}

// New returns a sealer. It asks for no key yet.
func New(config Config) *Sealer {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Sealer{wrapper: config.Wrapper, known: known{now: config.Now, opening: map[string]*dataKey{}, asking: map[string]*asked{}}}
}

// A Place says where a value belongs: it opens nowhere else.
type Place struct{ Collection, ID, Field string }

// append appends the place in a form that no other place has.
func (p Place) append(dst []byte) []byte {
	for _, part := range [...]string{p.Collection, p.ID, p.Field} {
		dst = append(binary.AppendUvarint(dst, uint64(len(part))), part...)
	}
	return dst
}

// Seal encrypts a value for the place. What it returns is another each time, and longer
// than the value by 29 octets and the wrapped key with its name. Without a key it is
// fault.Unavailable with CodeUnavailable.
func (s *Sealer) Seal(ctx context.Context, at Place, value []byte) ([]byte, error) {
	key, err := s.sealing(ctx)
	if err != nil {
		return nil, err
	}
	head := key.head
	sealed := make([]byte, len(head)+nonceBytes, len(head)+nonceBytes+len(value)+tagBytes)
	copy(sealed, head)
	nonce := sealed[len(head):]
	_, _ = rand.Read(nonce) // it never fails
	return key.aead.Seal(sealed, nonce, value, at.append(head[:len(head):len(head)])), nil
}

// Open returns the value that was sealed for the place. What was not is fault.Internal
// with CodeDamaged; if the key cannot be had it is fault.Unavailable with CodeUnavailable.
// Neither says more of the value than its collection and field.
func (s *Sealer) Open(ctx context.Context, at Place, sealed []byte) ([]byte, error) {
	wrapped, size, ok := parse(sealed)
	if !ok || len(sealed) < size+nonceBytes+tagBytes {
		return nil, damaged(at, nil)
	}
	head := sealed[:size:size]
	key, err := s.opening(ctx, head, wrapped)
	switch {
	case errors.Is(err, fault.Invalid):
		return nil, damaged(at, err)
	case err != nil:
		return nil, err
	}
	value, err := key.aead.Open(nil, sealed[size:size+nonceBytes], sealed[size+nonceBytes:], at.append(head))
	if err != nil {
		return nil, damaged(at, nil)
	}
	return value, nil
}

// atOnce is how many keys Ready asks for at the same time.
const atOnce = 8

// Ready has the keys of the sealed values known before they are opened one after the other:
// several that are not are unwrapped at the same time. The first MaxHead octets of each value are
// enough. What fails is told by Open.
func (s *Sealer) Ready(ctx context.Context, sealed [][]byte) {
	wanted := map[string]Wrapped{}
	for _, each := range sealed {
		if wrapped, size, ok := parse(each); ok {
			wanted[string(each[:size])] = wrapped
		}
	}
	if len(wanted) < 2 { // as it is nearly always
		return
	}
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for head, wrapped := range wanted {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			_, _ = s.opening(ctx, []byte(head), wrapped)
		})
	}
	group.Wait()
}

// Renewed reports whether what is sealed is sealed under the key that is the newest now,
// and not under an older one.
func (s *Sealer) Renewed(ctx context.Context, sealed []byte) (bool, error) {
	wrapped, _, ok := parse(sealed)
	if !ok {
		return false, nil
	}
	key, err := s.sealing(ctx)
	if err != nil {
		return false, err
	}
	return wrapped.Key == key.name, nil
}

// HeadOf returns of what is sealed the name of the key that its data key is wrapped with, and what
// stands before its nonce, which is the same for all that was sealed with that data key. It is
// a part of sealed. Of what cannot be sealed ok is false.
func HeadOf(sealed []byte) (key string, head []byte, ok bool) {
	wrapped, size, ok := parse(sealed)
	return wrapped.Key, sealed[:size:size], ok
}

// Try returns an error if no new data key can be wrapped now, which is fault.Unavailable with
// CodeUnavailable: else a value that does not open for want of its key has one that is lost. The
// key is not used.
func (s *Sealer) Try(ctx context.Context) error {
	_, err := s.make(ctx)
	return err
}

// parse returns the wrapped key that stands before a sealed value, and how many octets
// the version and it have.
func parse(sealed []byte) (w Wrapped, size int, ok bool) {
	if len(sealed) == 0 || sealed[0] != version {
		return w, 0, false
	}
	rest := sealed[1:]
	parts := [2][]byte{}
	for i, most := range [2]uint64{MaxName, MaxWrapped} {
		n, digits := binary.Uvarint(rest)
		if digits <= 0 || n > most || n > uint64(len(rest)-digits) {
			return w, 0, false
		}
		parts[i], rest = rest[digits:digits+int(n)], rest[digits+int(n):]
	}
	return Wrapped{Key: string(parts[0]), Octets: parts[1]}, len(sealed) - len(rest), true
}

// head returns what stands before the values that are sealed with a wrapped key.
func head(w Wrapped) []byte {
	text := append([]byte{version}, binary.AppendUvarint(nil, uint64(len(w.Key)))...)
	text = append(text, w.Key...)
	return append(binary.AppendUvarint(text, uint64(len(w.Octets))), w.Octets...)
}

// newAEAD returns what seals with a data key, and wipes the key: what the cipher made of
// it is not for us to wipe.
func newAEAD(key []byte) (cipher.AEAD, error) {
	defer clear(key)
	if len(key) != dataKeyBytes {
		return nil, fault.New(fault.Invalid, "envelope.Open", "a data key has %d octets, and not %d", dataKeyBytes, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.New(fault.Internal, "envelope.Open", "a data key cannot be used").Because(err)
	}
	return cipher.NewGCM(block)
}

func damaged(at Place, cause error) error {
	return fault.New(fault.Internal, "envelope.Open", "a value of the encrypted field %s of %s is not what was stored there", at.Field, at.Collection).
		Coded(CodeDamaged).Hinting("select the other fields to read those; the record has to be restored or written anew").Because(cause)
}

// unavailable is the error of a key that cannot be had, whatever the reason is: who reads
// can do nothing but come again.
func unavailable(op string, cause error) error {
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return fault.New(fault.Unavailable, op, "the key of encrypted fields cannot be had now").
		Coded(CodeUnavailable).Hinting("select the other fields to read those, or try again later").Because(cause)
}
