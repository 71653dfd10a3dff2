package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// The headers of requests that may be repeated
// (draft-ietf-httpapi-idempotency-key-header); how a replay is called is Stripe's.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotent-Replayed"
)

// idempotencyKey returns the key of the request, or "" if it has none. A key is a
// String of RFC 8941, as the draft has it, or the same without its quotes, as
// most clients send it.
func idempotencyKey(lines []string) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", badIdempotencyKey("it is given more than once")
	}
	text := strings.Trim(lines[0], " \t")
	key, quotes := text, false
	if strings.HasPrefix(text, `"`) {
		quotes = true
		if key = unquote(text); key == text || !quotedWell(text) {
			return "", badIdempotencyKey("its quotes do not fit")
		}
	}
	if key == "" || len(key) > core.MaxOnceKey {
		return "", badIdempotencyKey("it has " + strconv.Itoa(len(key)) + " characters")
	}
	for i := range len(key) {
		switch c := key[i]; {
		case c < ' ' || c > '~':
			return "", badIdempotencyKey("a character of it is not printable ASCII")
		case !quotes && strings.IndexByte(` ",;`, c) >= 0: // a second key, or parameters
			return "", badIdempotencyKey("it has spaces, commas, semicolons or quotes, but does not stand in quotes itself")
		}
	}
	return key, nil
}

// quotedWell reports whether the text is one String of RFC 8941: nothing but
// quotes and backslashes is escaped, and the first quote that is not ends it.
func quotedWell(text string) bool {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i == len(text)-1
		case '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return false
			}
		}
	}
	return false
}

func badIdempotencyKey(why string) error {
	return fault.New(fault.Invalid, "httpapi.idempotencyKey", "the header %s cannot be read: %s", headerIdempotencyKey, why).
		Coded("bad-idempotency-key").Hinting("send one key of 1 to %d printable ASCII characters, like a UUID", core.MaxOnceKey).
		At(fault.Place{Pointer: headerIdempotencyKey, Code: "bad-idempotency-key", Detail: why})
}

// how returns how a write is done, but for what once adds.
func (x *exchange) how(cond core.Condition) core.How {
	return core.How{If: cond, DryRun: x.prefer.trial, Each: x.prefer.each}
}

// write does a write and answers with what reply makes of it.
//
// An operation that takes an Idempotency-Key gives what once returns; the
// answer is then encoded, stored with the write, and sent from what was stored,
// now and whenever the request is repeated. What reply returns may depend on
// nothing but the request and what was written.
func (x *exchange) write(how core.How, once *core.Once, do func(core.How) (core.Written, error), reply func(core.Written) reply) error {
	if how.Once = once; once != nil {
		once.Answer = func(w core.Written) []byte { return reply(w).encode() }
	}
	written, err := do(how)
	if err != nil {
		return err
	}
	if written.Answer == nil {
		reply(written).send(x)
		return nil
	}
	answer, err := decodeReply(written.Answer)
	if err != nil {
		return fault.New(fault.Internal, "httpapi.write", "the stored answer cannot be read").Because(err)
	}
	if written.Repeated {
		x.Header().Set(headerReplayed, "true")
	}
	answer.send(x)
	return nil
}

// once returns what makes the write have one effect, or nil if the request has
// no Idempotency-Key. All that the answer depends on is in the digest: the body,
// decompressed, its type, the conditions and what the preferences mean. What takes a key
// has no options in its query.
func (x *exchange) once(mediaType string, body []byte) (*core.Once, error) {
	key, err := idempotencyKey(x.r.Header[headerIdempotencyKey])
	if err != nil || key == "" {
		return nil, err
	}
	h := sha256.New()
	for _, part := range []string{mediaType, strings.Join(x.r.Header["If-Match"], ","), x.prefer.meaning()} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	h.Write(body)
	return &core.Once{Key: key, Route: x.r.Method + " " + x.r.URL.EscapedPath(), Digest: [32]byte(h.Sum(nil))}, nil
}

// A reply is the answer to a write.
type reply struct {
	status    int
	location  string
	tag       string
	applied   string
	mediaType string // empty if there is no body
	body      [][]byte
}

// A replyHeader is a header of a reply.
type replyHeader struct {
	name  string
	value *string
}

// headers are those that a reply may have; an empty one it has not.
func (r *reply) headers() [4]replyHeader {
	return [...]replyHeader{
		{"Content-Type", &r.mediaType}, {"Location", &r.location}, {"ETag", &r.tag}, {"Preference-Applied", &r.applied},
	}
}

func (r reply) send(x *exchange) {
	h := x.Header()
	for _, each := range r.headers() {
		if *each.value != "" {
			h.Set(each.name, *each.value)
		}
	}
	if r.mediaType == "" {
		x.sendEmpty(r.status)
		return
	}
	x.send(r.status, r.mediaType, r.body...)
}

// replyVersion begins an encoded reply. A reply is kept for a day: whoever
// changes the form reads the old one for as long.
const replyVersion = "1 "

// encode returns the reply as it is stored: its status, its headers a line
// each, an empty line, and the body as it is.
func (r reply) encode() []byte {
	text := strconv.AppendInt([]byte(replyVersion), int64(r.status), 10)
	text = append(text, '\n')
	for _, each := range r.headers() {
		if *each.value != "" {
			text = append(append(append(append(text, each.name...), ": "...), *each.value...), '\n')
		}
	}
	text = append(text, '\n')
	for _, piece := range r.body {
		text = append(text, piece...)
	}
	return text
}

// decodeReply reads what encode returned.
func decodeReply(text []byte) (reply, error) {
	var r reply
	head, body, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	digits, known := strings.CutPrefix(lines[0], replyVersion)
	status, err := strconv.Atoi(digits)
	if !ok || !known || err != nil || status < http.StatusOK {
		return r, errReply
	}
	r.status, r.body = status, [][]byte{body}
	headers := r.headers()
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		i := slices.IndexFunc(headers[:], func(h replyHeader) bool { return h.name == name })
		if i < 0 {
			return r, errReply
		}
		*headers[i].value = value
	}
	return r, nil
}

var errReply = errors.New("it is no reply of this version")
