package record

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// NewUUID returns a new UUIDv7 (RFC 9562, section 5.7) in its canonical text:
// the milliseconds of now, then 74 random bits. Those of later milliseconds
// sort behind earlier ones. It is safe for concurrent use.
func NewUUID(now time.Time) ID {
	var u [16]byte
	rand.Read(u[6:]) // never fails, by its contract
	binary.BigEndian.PutUint64(u[:8], uint64(now.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(u[6:8])))
	u[6] = u[6]&0x0f | 0x70 // version 7
	u[8] = u[8]&0x3f | 0x80 // variant of RFC 9562

	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	hex.Encode(text[9:13], u[4:6])
	hex.Encode(text[14:18], u[6:8])
	hex.Encode(text[19:23], u[8:10])
	hex.Encode(text[24:36], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return ID(text[:])
}

// NewRevision returns a new revision, at most 20 octets of [0-9a-z]: the
// milliseconds of now, then 55 random bits, so that no two processes make the
// same one. It is safe for concurrent use.
func NewRevision(now time.Time) Revision {
	var random [8]byte
	rand.Read(random[:]) // never fails, by its contract
	var text [20]byte
	out := strconv.AppendInt(text[:0], max(now.UnixMilli(), 0), 36)
	const tail = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 // 11 digits, 56.9 bits
	// The leading digit is not zero, so every tail has 11 digits.
	n := binary.BigEndian.Uint64(random[:])%(tail-tail/36) + tail/36
	return Revision(strconv.AppendUint(out, n, 36))
}
