package core

import (
	"context"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
)

// Answers about collections with encrypted fields are kept sealed as a whole, as such
// fields are, because a cache and the store of idempotency keys are elsewhere, or may be.

// cachePlace is where the answer belongs that is kept under the key. No collection has such
// a name.
func cachePlace(key cache.Key) envelope.Place {
	return envelope.Place{Collection: "cache/" + key.Collection, ID: key.Text}
}

// seal returns what is kept in the cache of an encoded answer.
func (a *API) seal(ctx context.Context, c *collection, key cache.Key, encoded []byte) ([]byte, error) {
	if !c.Guarded() {
		return encoded, nil
	}
	if a.sealer == nil {
		return nil, keyless()
	}
	return a.sealer.Seal(ctx, cachePlace(key), encoded)
}

// open is decode of what seal returned. What does not open is as if it were not kept.
func (a *API) open(ctx context.Context, c *collection, key cache.Key, kept []byte) (answer, bool) {
	if c.Guarded() {
		if a.sealer == nil {
			return answer{}, false
		}
		var err error
		if kept, err = a.sealer.Open(ctx, cachePlace(key), kept); err != nil {
			return answer{}, false
		}
	}
	return a.decode(c, kept)
}

func keyless() error {
	return fault.New(fault.Unavailable, "core.seal", "a field is encrypted, and there are no keys").Coded(envelope.CodeUnavailable)
}

// A closing seals what is kept of a write with an idempotency key. The digest of its body
// is among that: whoever has the store could find a short body by trying all.
type closing struct {
	sealer *envelope.Sealer
	id     record.ID
}

func (s *closing) place() envelope.Place {
	return envelope.Place{Collection: onceSchema.Name, ID: string(s.id), Field: onceSchema.Fields[onceAnswer].Name}
}

// seal returns what is stored as the digest and as the answer. A nil closing stores them as
// they are.
func (s *closing) seal(ctx context.Context, digest, answer []byte) (storedDigest, stored []byte, err error) {
	if s == nil {
		return digest, answer, nil
	}
	if s.sealer == nil {
		return nil, nil, keyless()
	}
	stored, err = s.sealer.Seal(ctx, s.place(), append(digest[:len(digest):len(digest)], answer...))
	return nil, stored, err
}

// open returns what seal was given.
func (s *closing) open(ctx context.Context, digest, stored []byte) (openDigest, answer []byte, err error) {
	if s == nil || len(digest) > 0 { // stored before a field was encrypted
		return digest, stored, nil
	}
	if s.sealer == nil {
		return nil, nil, keyless()
	}
	text, err := s.sealer.Open(ctx, s.place(), stored)
	if err != nil || len(text) < digestBytes {
		return nil, nil, err
	}
	return text[:digestBytes], text[digestBytes:], nil
}
