package bigcache

import (
	"encoding/binary"
	"time"
)

// A stamp is the end of an entry, before its value: by the wall clock and by the
// monotonic one. bigcache itself forgets by windows of whole seconds.
const stampSize = 16

// longestTTL keeps a stamp within 64 bits of nanoseconds.
const longestTTL = 10 * 365 * 24 * time.Hour

// A clock tells what is over. An entry is over as soon as either of its ends has
// come: neither a clock that was put back nor a machine that slept lets it live
// longer.
type clock struct{ began time.Time }

// stamp appends the end of what lives for ttl from now.
func (c clock) stamp(to []byte, ttl time.Duration) []byte {
	ttl = min(ttl, longestTTL)
	now := time.Now()
	to = binary.LittleEndian.AppendUint64(to, uint64(now.UnixNano()+int64(ttl)))
	return binary.LittleEndian.AppendUint64(to, uint64(now.Sub(c.began)+ttl))
}

// over reports whether the entry's end has come.
func (c clock) over(entry []byte) bool {
	now := time.Now()
	return now.UnixNano() >= int64(binary.LittleEndian.Uint64(entry)) ||
		int64(now.Sub(c.began)) >= int64(binary.LittleEndian.Uint64(entry[8:]))
}
