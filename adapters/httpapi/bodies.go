package httpapi

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// The media types of bodies.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typePatch  = "application/merge-patch+json"
)

// Limits of compressed bodies. What JSON shrinks to is a tenth as a rule; the
// ratio counts from gzipSlack octets on, so that small bodies may be regular.
const (
	gzipRatio = 20
	gzipSlack = 64 << 10
)

// body reads the body of a request to do the action, which must be of one of
// the media types, and returns it decompressed with its media type. It reads
// nothing from who may not do that anyway, and never more than the limit.
func (s *server) body(x *exchange, action policy.Action, types ...string) (mediaType string, body []byte, err error) {
	const op = "httpapi.body"
	if err := s.api.May(x.r.Context(), x.who, x.vars["collection"], action); err != nil {
		return "", nil, err
	}
	mediaType, err = mediaTypeOf(x.r.Header["Content-Type"], types)
	if err != nil {
		allow := "Accept"
		if x.r.Method == http.MethodPatch {
			allow = "Accept-Patch" // RFC 5789
		}
		x.Header().Set(allow, strings.Join(types, ", "))
		return "", nil, err
	}
	compressed, err := gzipped(x.r.Header["Content-Encoding"])
	if err != nil {
		x.Header().Set("Accept-Encoding", "gzip")
		return "", nil, err
	}
	if x.r.ContentLength > s.maxBody {
		s.readPast(x)
		return "", nil, s.tooLarge()
	}
	limited := http.MaxBytesReader(x.w, x.r.Body, s.maxBody)
	if compressed {
		body, err = inflate(limited, s.maxBody)
	} else {
		body, err = io.ReadAll(limited)
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over), errors.Is(err, errTooLarge):
		s.readPast(x)
		return "", nil, s.tooLarge()
	case errors.Is(err, errRatio): // an attack, to whose end nobody reads
		return "", nil, fault.New(fault.TooLarge, op, "the body grows more than %d times when decompressed", gzipRatio).Coded("too-compressed")
	case errors.Is(err, errGzip):
		return "", nil, fault.New(fault.Invalid, op, "the body is not gzip as Content-Encoding says").Coded("bad-gzip").Because(err)
	case err != nil:
		return "", nil, fault.New(fault.Invalid, op, "the body could not be read to its end").Coded("body-incomplete").Because(err)
	case len(body) == 0:
		return "", nil, fault.New(fault.Invalid, op, "the request has no body").Coded("no-body").
			Hinting("send one of %s", strings.Join(types, ", "))
	}
	return mediaType, body, nil
}

// readPast reads the rest of a body that is refused, if the whole is known to be
// at most twice the limit: some clients read no answer before they have sent
// everything, and find the connection reset if it is closed meanwhile. What is
// longer is not worth it, and what waits for "100 Continue" is not being sent.
func (s *server) readPast(x *exchange) {
	length := x.r.ContentLength
	if length >= 0 && length <= 2*s.maxBody && x.r.Header.Get("Expect") == "" {
		if _, err := io.Copy(io.Discard, io.LimitReader(x.r.Body, length)); err == nil {
			return
		}
	}
	x.Header().Set("Connection", "close") // or net/http reads on
}

func (s *server) tooLarge() error {
	return fault.New(fault.TooLarge, "httpapi.body", "the body is larger than %d octets", s.maxBody).Coded("body-too-large").
		Hinting("send several requests")
}

// mediaTypeOf returns which of the allowed types the Content-Type is, exactly;
// the one parameter that may be there is charset=utf-8.
func mediaTypeOf(lines, allowed []string) (string, error) {
	wrong := func(detail string) error {
		return fault.New(fault.Invalid, "httpapi.mediaTypeOf", "%s", detail).Coded(codeMediaType).
			Hinting("Content-Type is one of %s", strings.Join(allowed, ", "))
	}
	switch len(lines) {
	case 0:
		return "", wrong("the body needs a Content-Type")
	case 1:
	default:
		return "", wrong("Content-Type is given more than once")
	}
	mediaType, params, err := mime.ParseMediaType(lines[0])
	if err != nil || !slices.Contains(allowed, mediaType) {
		return "", wrong("a body of this Content-Type is not read here")
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", wrong("Content-Type takes no parameter but charset=utf-8")
		}
	}
	return mediaType, nil
}

// gzipped reports whether the body is compressed, which only gzip may have done.
func gzipped(lines []string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(lines, ","))) {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	}
	return false, fault.New(fault.Invalid, "httpapi.gzipped", "a body of this Content-Encoding is not read here").
		Coded(codeMediaType).Hinting("compress with gzip, once, or not at all")
}

// Why a compressed body is not read on.
var (
	errTooLarge = errors.New("decompressed body over the limit")
	errRatio    = errors.New("decompressed body out of proportion")
	errGzip     = errors.New("not gzip")
)

// inflate decompresses all of r, as long as the output is at most limit octets
// and in proportion to what was read for it. It holds no more than twice limit.
func inflate(r io.Reader, limit int64) ([]byte, error) {
	in := &counter{r: r}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, in.blame(err)
	}
	out := make([]byte, 0, 16<<10)
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, len(out))
		}
		n, err := z.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch size := int64(len(out)); {
		case size > limit:
			return nil, errTooLarge
		case size > gzipSlack+gzipRatio*in.n:
			return nil, errRatio
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, in.blame(err)
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
// that what arrived is not gzip.
func (c *counter) blame(err error) error {
	if c.err != nil {
		return c.err
	}
	return errors.Join(errGzip, err)
}
