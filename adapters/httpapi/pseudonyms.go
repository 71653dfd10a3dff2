package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/portolan-io/portolan/core/policy"
)

// Bounds of the pseudonyms that are kept.
const (
	maxPseudonyms = 4096
	maxNamed      = 512 // octets of an issuer and a subject
)

// pseudonyms are what the log calls principals: the same name for all requests of
// one, that names it only to who has the key and knows it. They are kept, because
// to make one takes as long as to write the rest of the line; when there are too
// many, they are made anew. It is safe for concurrent use.
type pseudonyms struct {
	key  []byte
	mu   sync.RWMutex
	kept map[bearer]string
}

// A bearer is whom a principal is told by.
type bearer struct{ issuer, subject string }

func newPseudonyms(key []byte) *pseudonyms {
	return &pseudonyms{key: key, kept: make(map[bearer]string)}
}

// record returns the pseudonym of a record of the collection, of which nothing is kept.
func (p *pseudonyms) record(collection, id string) string {
	h := hmac.New(sha256.New, p.key)
	for _, part := range []string{"record", collection, id} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // so that no two lists of parts are one text
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// of returns the pseudonym of the principal.
func (p *pseudonyms) of(who policy.Principal) string {
	told := bearer{who.Issuer, who.Subject}
	p.mu.RLock()
	name, kept := p.kept[told]
	p.mu.RUnlock()
	if kept {
		return name
	}
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte(who.Issuer))
	h.Write([]byte{0})
	h.Write([]byte(who.Subject))
	name = hex.EncodeToString(h.Sum(nil)[:8])
	if len(told.issuer)+len(told.subject) > maxNamed {
		return name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) >= maxPseudonyms {
		clear(p.kept)
	}
	p.kept[told] = name
	return name
}
