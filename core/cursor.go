package core

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/portolan-io/portolan/core/fault"
)

// macBytes is how much of the HMAC a cursor carries: 128 bits.
const macBytes = 16

// A sealer signs the cursors that stores make, and binds each to the narrowed
// query it belongs to, so that a caller can neither make one nor take one to
// another query, another policy or another projection.
type sealer struct {
	key    []byte
	others [][]byte // with which cursors may have been signed as well
}

// newSealer returns the sealer with the given key, or with one that lives as
// long as the process.
func newSealer(key []byte, others [][]byte) sealer {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key) // never fails, as of Go 1.24
	}
	return sealer{key, others}
}

// name returns a text that sealers share only if their key is the same. It is among what
// names a page that is kept, because a page has a cursor in it.
func (s sealer) name() string {
	return string(mac(s.key, "the name of this key", "")) // no query is like that
}

// seal returns the cursor that the caller gets, empty for an empty one.
func (s sealer) seal(query, cursor string) string {
	if cursor == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(mac(s.key, query, cursor), cursor...))
}

// open returns the store's cursor of what seal returned for the same query.
func (s sealer) open(query, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < macBytes || !s.signed(query, raw) {
		return "", fault.New(fault.Invalid, "core.cursor", "the cursor in $after was not given for this query").
			Coded("bad-cursor").Hinting("follow nextLink as it is, or begin again without $after")
	}
	return string(raw[macBytes:]), nil
}

// signed reports whether raw begins with what one of the keys makes of the rest.
func (s sealer) signed(query string, raw []byte) bool {
	cursor := string(raw[macBytes:])
	if hmac.Equal(raw[:macBytes], mac(s.key, query, cursor)) {
		return true
	}
	for _, other := range s.others {
		if hmac.Equal(raw[:macBytes], mac(other, query, cursor)) {
			return true
		}
	}
	return false
}

func mac(key []byte, query, cursor string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(query))
	h.Write([]byte{0}) // the canonical text of a query holds no NUL
	h.Write([]byte(cursor))
	return h.Sum(nil)[:macBytes]
}
