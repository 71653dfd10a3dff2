package keeper

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/secrets"
)

// minSecret is the fewest octets of a secret from which a key is made.
const minSecret = 32

// LocalConfig names the secrets from which the keys are made.
type LocalConfig struct {
	// Key is the secret from which the newest key is made, 32 octets or more, best as
	// secret://name; asked for anew each time.
	Key secrets.Value `yaml:"key" jsonschema:"required"`
	// Previous are the secrets that were the key before. What was encrypted under them
	// can still be read.
	Previous []secrets.Value `yaml:"previous"`
}

// Local is a keys.Keeper whose keys are secrets that this process knows.
type Local struct {
	cfg    LocalConfig
	closed atomic.Bool
}

var _ keys.Keeper = (*Local)(nil)

// OpenLocal returns a keeper, having asked for every secret once: one that is not there,
// or too short, stops the start.
func OpenLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if cfg.Key == nil {
		return nil, fault.New(fault.Invalid, "keeper.Open", "key is missing").Hinting("make one with openssl rand -base64 32, and keep it where secrets are kept")
	}
	l := &Local{cfg: cfg}
	for i := range l.all() {
		if _, err := l.key(ctx, "keeper.Open", i); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Local) all() []secrets.Value { return append([]secrets.Value{l.cfg.Key}, l.cfg.Previous...) }

// A localKey is a key with its name, which tells nothing of it.
type localKey struct {
	name string
	aead cipher.AEAD
}

// key returns the i-th key, the newest first.
func (l *Local) key(ctx context.Context, op string, i int) (localKey, error) {
	if l.closed.Load() {
		return localKey{}, fault.New(fault.Unavailable, op, "the keeper is closed")
	}
	text, err := l.all()[i](ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return localKey{}, ctx.Err()
	case errors.Is(err, fault.Forbidden):
		return localKey{}, fault.New(fault.Forbidden, op, "the secret that is the key may not be read").Because(err)
	case err != nil:
		return localKey{}, fault.New(fault.Unavailable, op, "the secret that is the key cannot be had").Because(err)
	case len(text) < minSecret:
		return localKey{}, fault.New(fault.Invalid, op, "a key has %d octets, but must have %d or more", len(text), minSecret).
			Hinting("make one with openssl rand -base64 32, and keep it where secrets are kept")
	}
	// Of one secret both come, but neither tells anything of the other.
	name, err := hkdf.Key(sha256.New, []byte(text), nil, "portolan keys local name 1", 8)
	if err != nil {
		return localKey{}, broken(op, err)
	}
	octets, err := hkdf.Key(sha256.New, []byte(text), nil, "portolan keys local wrap 1", 32)
	if err != nil {
		return localKey{}, broken(op, err)
	}
	defer clear(octets)
	block, err := aes.NewCipher(octets)
	if err != nil {
		return localKey{}, broken(op, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return localKey{}, broken(op, err)
	}
	return localKey{name: "local:" + hex.EncodeToString(name), aead: aead}, nil
}

func broken(op string, err error) error {
	return fault.New(fault.Internal, op, "no key can be made of the secret").Because(err)
}

// Wrap encrypts with AES-256-GCM, the name of the key being the additional data.
func (l *Local) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	const op = "keeper.Wrap"
	if err := ready(ctx, op, dataKey); err != nil {
		return envelope.Wrapped{}, err
	}
	key, err := l.key(ctx, op, 0)
	if err != nil {
		return envelope.Wrapped{}, usable(op, err)
	}
	return envelope.Wrapped{Key: key.name, Octets: key.aead.Seal(nil, nil, dataKey, []byte(key.name))}, nil
}

// Unwrap looks for the key by its name, the newest first.
func (l *Local) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	const op = "keeper.Unwrap"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var failed error
	for i := range l.all() {
		key, err := l.key(ctx, op, i)
		if err != nil {
			failed = usable(op, err)
			continue // another may be the one
		}
		if key.name != wrapped.Key {
			continue
		}
		if len(wrapped.Octets) < key.aead.Overhead() {
			return nil, fault.New(fault.Invalid, op, "what is wrapped is too short")
		}
		dataKey, err := key.aead.Open(nil, nil, wrapped.Octets, []byte(key.name))
		if err != nil {
			return nil, fault.New(fault.Invalid, op, "what is wrapped is not what the key wrapped").Because(err)
		}
		return dataKey, nil
	}
	if failed != nil {
		return nil, failed
	}
	return nil, fault.New(fault.NotFound, op, "there is no key called %q", wrapped.Key).
		Hinting("name the secret that was the key under keys.local.previous")
}

// usable is the error of a key that cannot be used now: a secret that became too short is
// no mistake of who reads.
func usable(op string, err error) error {
	if errors.Is(err, fault.Invalid) {
		return fault.New(fault.Unavailable, op, "the secret that is the key cannot be used").Because(err)
	}
	return err
}

// Close has the keeper used no more.
func (l *Local) Close() error {
	l.closed.Store(true)
	return nil
}
