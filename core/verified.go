package core

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
)

// verifiedFor is how long it is kept that an API key is right, at most. A
// revocation ends it at once.
const verifiedFor = time.Minute

// verifiedKey is the key under which the holder of an API key is kept: by the
// HMAC of the secret, as the store keeps it, so that the cache holds no secret.
func verifiedKey(id record.ID, hash []byte) cache.Key {
	return cache.Key{Collection: keysSchema.Name, Text: string(hash), Tags: []string{recordTag(id), bulkTag}}
}

// recall returns whom the API key with this hash stands for if that is kept and
// the key has not expired; else with the lease to keep it, if it may be kept.
func (i *Identity) recall(ctx context.Context, key cache.Key) (who policy.Principal, known bool, lease cache.Lease) {
	if i.cache == nil {
		return policy.Principal{}, false, ""
	}
	found := i.cache.Look(ctx, key)
	if found.State != cache.Hit {
		return policy.Principal{}, false, found.Lease
	}
	who, known = decodeHolder(found.Value)
	if known && !who.Expires.IsZero() && !i.now().Before(who.Expires) {
		return policy.Principal{}, false, ""
	}
	return who, known, ""
}

// remember keeps whom an API key stands for. What was refused is not kept.
func (i *Identity) remember(ctx context.Context, key cache.Key, lease cache.Lease, who policy.Principal) {
	if lease == "" {
		return
	}
	ttl := verifiedFor
	if !who.Expires.IsZero() {
		ttl = min(ttl, who.Expires.Sub(i.now()))
	}
	i.cache.Fill(ctx, key, lease, encodeHolder(who), ttl)
}

// encodeHolder returns the holder of an API key as it is kept: the microsecond of
// its expiry, or 0; the subject; the roles.
func encodeHolder(who policy.Principal) []byte {
	var expires int64
	if !who.Expires.IsZero() {
		expires = who.Expires.UnixMicro()
	}
	kept := binary.AppendVarint([]byte{keptPresent}, expires)
	for _, text := range append([]string{who.Subject}, who.Roles...) {
		kept = append(binary.AppendUvarint(kept, uint64(len(text))), text...)
	}
	return kept
}

// decodeHolder returns the holder that encodeHolder wrote, and whether it is one.
func decodeHolder(kept []byte) (policy.Principal, bool) {
	if len(kept) == 0 || kept[0] != keptPresent {
		return policy.Principal{}, false
	}
	micros, size := binary.Varint(kept[1:])
	if size <= 0 {
		return policy.Principal{}, false
	}
	who := policy.Principal{Issuer: KeyIssuer, Roles: []string{}}
	if micros != 0 {
		who.Expires = time.UnixMicro(micros).UTC()
	}
	rest := kept[1+size:]
	for first := true; first || len(rest) > 0; first = false {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length > uint64(len(rest)-size) {
			return policy.Principal{}, false
		}
		text := string(rest[size : size+int(length)])
		rest = rest[size+int(length):]
		if first {
			who.Subject = text
		} else {
			who.Roles = append(who.Roles, text)
		}
	}
	return who, true
}
