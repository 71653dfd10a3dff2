package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/portolan-io/portolan/core/fault"
)

// A coding is a content coding of an answer (RFC 9110, section 8.4.1).
type coding uint8

// The codings, the better ones last.
const (
	identity coding = iota // as it is
	codingGzip
	codingZstd
	codings
)

// String returns what the coding is called in Content-Encoding, and in the tags of
// what has it.
func (c coding) String() string { return [codings]string{"identity", "gzip", "zstd"}[c] }

// minCompressed is how many octets a body must have to be compressed: a smaller
// one fits into one packet anyway.
const minCompressed = 1 << 10

// zstdWindow is how far back the encoder looks, in octets. RFC 9659 allows 8 MiB;
// pages are smaller, and each encoder at work holds twice this.
const zstdWindow = 256 << 10

// An encoder compresses into the writer that it was last reset to.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// gzips keep what compresses, because making an encoder costs more than most
// bodies do. The level is one that the constructor accepts.
var gzips = sync.Pool{New: func() any {
	e, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return e
}}

// zstds keep what compresses, as gzips do.
var zstds = sync.Pool{New: func() any {
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
	return e
}}

// encoders returns what keeps the encoders of the coding.
func (c coding) encoders() *sync.Pool {
	if c == codingGzip {
		return &gzips
	}
	return &zstds
}

// newEncoder returns an encoder of the coding that writes to w. It is given back
// with release.
func newEncoder(c coding, w io.Writer) encoder {
	e := c.encoders().Get().(encoder)
	e.Reset(w)
	return e
}

func release(c coding, e encoder) {
	e.Reset(nil) // so that what it wrote to is not held on to
	c.encoders().Put(e)
}

// An acceptance is what a request says of the codings that it takes.
type acceptance struct {
	read  bool   // the header was looked at
	best  coding // the one to use, identity if there is no better
	plain bool   // the body may also be sent as it is
}

// acceptanceOf reads the lines of Accept-Encoding (RFC 9110, section 12.5.3).
// Of codings with the same weight the one that is faster here is the best; one
// that is better for us than for the client gives way to identity only if the
// client weighs identity higher.
func acceptanceOf(lines []string) acceptance {
	const unsaid = -1
	weights, others := [codings]int{unsaid, unsaid, unsaid}, unsaid
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			name = strings.TrimSpace(name)
			if name == "*" {
				others = weightOf(parameters)
			} else if at := codingNamed(name); at >= 0 {
				weights[at] = weightOf(parameters)
			}
		}
	}
	for c := range weights {
		if weights[c] == unsaid && (coding(c) != identity || others == 0) {
			weights[c] = max(others, 0)
		}
	}
	a := acceptance{read: true, plain: weights[identity] != 0}
	for c := codingZstd; c > identity; c-- {
		if weights[c] > 0 && (a.best == identity || weights[c] > weights[a.best]) {
			a.best = c
		}
	}
	if a.best != identity && weights[identity] > weights[a.best] {
		a.best = identity
	}
	return a
}

// codingNamed returns the position of the coding with the name, or -1.
func codingNamed(name string) int {
	if strings.EqualFold(name, "x-gzip") {
		return int(codingGzip)
	}
	for c := range codings {
		if strings.EqualFold(c.String(), name) {
			return int(c)
		}
	}
	return -1
}

// weightOf returns the weight among the parameters in thousandths: 1000 if there
// is none, and 0 if it cannot be read.
func weightOf(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, given := strings.Cut(strings.TrimSpace(parameter), "=")
		if !given || !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || q < 0 || q > 1 {
			return 0
		}
		return int(q * 1000)
	}
	return 1000
}

// takes returns what the request says of codings, which is read once.
func (x *exchange) takes() acceptance {
	if !x.accepted.read {
		if lines := x.r.Header["Accept-Encoding"]; len(lines) == 0 {
			x.accepted = acceptance{read: true, plain: true}
		} else {
			x.accepted = acceptanceOf(lines)
		}
	}
	return x.accepted
}

// encodable returns an error if the request rules out every coding that an
// answer could have.
func (x *exchange) encodable() error {
	if a := x.takes(); a.plain || a.best != identity {
		return nil
	}
	return fault.New(fault.Invalid, "httpapi.encodable", "Accept-Encoding rules out every coding that there is").
		Coded(codeAccept).Hinting("take one of zstd, gzip and identity, or send no Accept-Encoding")
}

// coding returns the coding in which a body of the type and size is sent. What
// may not be stored may be a credential, so it is never compressed: its length
// would tell of what it holds (BREACH).
func (x *exchange) coding(mediaType string, size int) coding {
	a := x.takes()
	switch {
	case a.best == identity, a.plain && (size < minCompressed || !compressible(mediaType)):
		return identity
	case a.plain && x.w.Header().Get("Cache-Control") == noStore:
		return identity
	}
	return a.best
}

// noStore is the Cache-Control of what nobody may keep.
const noStore = "no-store"

// compressible reports whether bodies of the type shrink: those of text, and of
// JSON by whatever name.
func compressible(mediaType string) bool {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return strings.HasPrefix(mediaType, "text/") || strings.Contains(mediaType, "json")
}

// codedTag returns the tag of a body in the coding. Different octets have
// different strong tags (RFC 9110, section 8.8.3.3). Weak ones could be shared,
// but then a cache would give one client the coding that it kept for another.
func codedTag(tag string, c coding) string {
	if c == identity || tag == "" {
		return tag
	}
	return strings.TrimSuffix(tag, `"`) + "-" + c.String() + `"`
}

// encoded says in the header that the body is in the coding.
func (x *exchange) encoded(c coding) {
	h := x.w.Header()
	h.Set("Content-Encoding", c.String())
	if tag := h.Get("ETag"); tag != "" {
		h.Set("ETag", codedTag(tag, c))
	}
}

// sendCoded is send in a coding. HEAD compresses too, so that its header is that
// of GET.
func (x *exchange) sendCoded(c coding, status int, body [][]byte) {
	buf := squeezed.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxPooled {
			buf.Reset()
			squeezed.Put(buf)
		}
	}()
	e := newEncoder(c, buf)
	for _, piece := range body {
		_, _ = e.Write(piece) // into memory
	}
	_ = e.Close()
	release(c, e)
	x.encoded(c)
	x.sized = true
	x.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	x.WriteHeader(status)
	_, _ = x.Write(buf.Bytes()) // a client that went away is seen by its context
}

// squeezed keeps the buffers that bodies are compressed into.
var squeezed = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled is the most octets of a buffer that is kept: one large page would
// otherwise take its memory for good.
const maxPooled = 256 << 10

// stream begins to compress an answer whose length is not known when it begins:
// it goes out as it is written, and at once when it is flushed.
func (x *exchange) stream() {
	if x.sized {
		return
	}
	h := x.w.Header()
	if x.status == http.StatusNoContent || x.status == http.StatusNotModified || h.Get("Content-Length") != "" || h.Get("Content-Encoding") != "" {
		return
	}
	c := x.coding(h.Get("Content-Type"), minCompressed)
	if c == identity || h.Get("Content-Type") == "" {
		return
	}
	x.encoded(c)
	if x.r.Method != http.MethodHead {
		x.streaming, x.encoder = c, newEncoder(c, (*wire)(x))
	}
}

// FlushError sends what has been written so far. It is what
// http.ResponseController calls.
func (x *exchange) FlushError() error {
	x.WriteHeader(http.StatusOK)
	if x.encoder != nil {
		if err := x.encoder.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(x.w).Flush()
}

// finish ends what stream began. An answer that broke off gets no end, so that it
// does not look whole.
func (x *exchange) finish() {
	if x.encoder == nil {
		return
	}
	if !x.torn {
		_ = x.encoder.Close() // a client that went away is seen by its context
	}
	release(x.streaming, x.encoder)
	x.encoder = nil
}

// A wire is the exchange beneath its encoder.
type wire exchange

// Write sends octets as they are.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.bytes += int64(n)
	return n, err
}
