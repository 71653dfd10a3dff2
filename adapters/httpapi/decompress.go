package httpapi

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/portolan-io/portolan/core/fault"
)

// Limits of compressed bodies. What JSON shrinks to is a tenth as a rule; the
// ratio counts from inflateSlack octets on, so that small bodies may be regular.
const (
	inflateRatio = 20
	inflateSlack = 64 << 10
)

// maxZstdWindow is how far back a frame of zstd may refer, in octets: as much as
// RFC 9659 allows over HTTP. It is held in memory for each body.
const maxZstdWindow = 8 << 20

// bodyCodings is what Accept-Encoding says to who sent another coding.
const bodyCodings = "zstd, gzip"

// codingOf returns how the body is compressed, which it may be once.
func codingOf(lines []string) (coding, error) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(lines, ","))) {
	case "", identity.String():
		return identity, nil
	case codingGzip.String(), "x-gzip":
		return codingGzip, nil
	case codingZstd.String():
		return codingZstd, nil
	}
	return identity, fault.New(fault.Invalid, "httpapi.codingOf", "a body of this Content-Encoding is not read here").
		Coded(codeMediaType).Hinting("compress with zstd or gzip, once, or not at all")
}

// Why a compressed body is not read on.
var (
	errTooLarge = errors.New("decompressed body over the limit")
	errRatio    = errors.New("decompressed body out of proportion")
	errBroken   = errors.New("not what the coding says")
)

// An inflating reads what a compressed body holds. It returns errTooLarge as soon
// as that is more than limit octets, errRatio if it is more than ratio times
// what was read for it, and errBroken if it is not compressed that way. Errors of
// the body itself are returned as they are. The caller closes it.
type inflating struct {
	in           *counter
	z            io.Reader
	close        func()
	limit, ratio int64 // a ratio of 0 is none
	n            int64
}

func newInflating(c coding, r io.Reader, limit, ratio int64) (*inflating, error) {
	f := &inflating{in: &counter{r: r}, close: func() {}, limit: limit, ratio: ratio}
	if c == codingZstd {
		z, err := zstd.NewReader(f.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, f.in.blame(err)
		}
		f.z, f.close = z, z.Close
		return f, nil
	}
	z, err := gzip.NewReader(f.in)
	if errors.Is(err, io.EOF) { // in the middle of a header, too, as in that of a file with a name
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, f.in.blame(err)
	}
	f.z = z
	return f, nil
}

func (f *inflating) Read(p []byte) (int, error) {
	n, err := f.z.Read(p)
	f.n += int64(n)
	switch {
	case f.n > f.limit:
		return 0, errTooLarge
	case f.ratio > 0 && f.n > inflateSlack+f.ratio*f.in.n:
		return 0, errRatio
	case errors.Is(err, io.EOF) && f.in.n == 0: // an empty body is no frame of zstd, though its decoder takes it for none
		return n, errors.Join(errBroken, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, f.in.blame(err)
	}
	return n, err
}

// inflate decompresses all of r, as long as the output is at most limit octets
// and in proportion to what was read for it. It holds no more than twice limit,
// and what the decoder looks back on.
func inflate(c coding, r io.Reader, limit int64) ([]byte, error) {
	f, err := newInflating(c, r, limit, inflateRatio)
	if err != nil {
		return nil, err
	}
	defer f.close()
	out := make([]byte, 0, 16<<10)
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, len(out))
		}
		n, err := f.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, errBroken):
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}

// A counter counts what is read through it, and keeps the error that ended it.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// blame returns the error of the transport if there was one, and otherwise says
// that what arrived is broken.
func (c *counter) blame(err error) error {
	if c.err != nil {
		return c.err
	}
	return errors.Join(errBroken, err)
}
