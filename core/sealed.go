package core

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

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

// deciding returns the positions of the fields that a write has to know as they are: all but the
// encrypted ones, by which nothing is decided, and those of them that it needs. So a value that is damaged, or
// whose key is lost, does not stop who deletes the record or gives the field another value.
func (c *collection) deciding(needs func(position int) bool) []int {
	positions := c.All()
	if !c.Guarded() {
		return positions
	}
	return slices.DeleteFunc(positions, func(i int) bool { return c.Fields[i].Encrypted && !needs(i) })
}

// nothing is what a delete needs of encrypted fields.
func nothing(int) bool { return false }

// given returns the members of an object by their names, if fields are encrypted. Of what is
// no object there are none: that is for who decodes it to refuse.
func (c *collection) given(body []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if !c.Guarded() || json.Unmarshal(body, &members) != nil {
		return nil
	}
	return members
}

// merges reports whether a patch with the value for the field depends on what the field is.
func (c *collection) merges(position int, value json.RawMessage) bool {
	return c.Fields[position].Type == record.JSONType && bytes.HasPrefix(bytes.TrimSpace(value), []byte("{"))
}

// unopened says what helps who writes a record of which a value does not open that would have to stay. One
// that is damaged is fault.Conflict here, because unlike who reads it the caller can do something; one whose key
// cannot be had may be well, and nobody is told to write over it, nor over another before that is known. Who may
// not see the record is not told of it, and who may not see the field not its name.
func (a *API) unopened(ctx context.Context, id record.ID, ch change, err error) error {
	if code := fault.Of(err).Code; code != envelope.CodeUnavailable && code != envelope.CodeDamaged {
		return err
	}
	current, exists, failed := a.read(ctx, ch.c, id, ch.c.deciding(nothing))
	if failed != nil {
		return failed
	}
	if err := ch.unseen(current, exists); err != nil {
		return err
	}
	damaged, hidden := []string{}, false
	for i := range ch.c.Fields {
		if !ch.c.Fields[i].Encrypted || !ch.needs(i) {
			continue
		}
		_, _, failed := a.read(ctx, ch.c, id, ch.c.deciding(func(position int) bool { return position == i }))
		switch {
		case failed == nil:
		case fault.Of(failed).Code == envelope.CodeUnavailable:
			why := *fault.Of(failed) // which others may have been given too
			return why.Hinting("try again later")
		case fault.Of(failed).Code != envelope.CodeDamaged:
			return failed
		case !ch.may.reads || isSet(ch.may.read.Hidden, i):
			hidden = true
		default:
			damaged = append(damaged, ch.c.Fields[i].Name)
		}
	}
	if len(damaged) == 0 && !hidden { // somebody wrote it meanwhile
		return fault.New(fault.Stale, "core.write", "the record has changed meanwhile")
	}
	detail, what := "a value of an encrypted field of "+ch.c.Name, "what does not open"
	if !hidden {
		what = strings.Join(damaged, " and ")
		detail = what + " of this record"
	}
	return fault.New(fault.Conflict, "core.write", "%s is not what was stored there, and this write would keep it", detail).Coded(envelope.CodeDamaged).
		Hinting("give %s another value or null, in the patch or with PUT, or delete the record", what).Because(err)
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
