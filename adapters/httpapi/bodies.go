package httpapi

import (
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

// body reads the body of a request to do the action, which must be of one of
// the media types, and returns it decompressed with its media type. It reads
// nothing from who may not do that anyway, and never more than the limit.
func (s *server) body(x *exchange, action policy.Action, types ...string) (mediaType string, body []byte, err error) {
	if err := s.api.May(x.r.Context(), x.who, x.collection, action); err != nil {
		return "", nil, err
	}
	return s.received(x, types...)
}

// received reads the body of a request, as body does, from whoever sends it.
func (s *server) received(x *exchange, types ...string) (mediaType string, body []byte, err error) {
	const op = "httpapi.body"
	mediaType, err = mediaTypeOf(x.r.Header["Content-Type"], types)
	if err != nil {
		allow := "Accept"
		if x.r.Method == http.MethodPatch {
			allow = "Accept-Patch" // RFC 5789
		}
		x.Header().Set(allow, strings.Join(types, ", "))
		return "", nil, err
	}
	compressed, err := codingOf(x.r.Header["Content-Encoding"])
	if err != nil {
		x.Header().Set("Accept-Encoding", bodyCodings)
		return "", nil, err
	}
	if x.r.ContentLength > s.maxBody {
		s.readPast(x)
		return "", nil, s.tooLarge()
	}
	limited := http.MaxBytesReader(x.w, x.r.Body, s.maxBody)
	if compressed != identity {
		body, err = inflate(compressed, limited, s.maxBody)
	} else {
		body, err = io.ReadAll(limited)
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over), errors.Is(err, errTooLarge):
		s.readPast(x)
		return "", nil, s.tooLarge()
	case errors.Is(err, errRatio): // an attack, to whose end nobody reads
		return "", nil, fault.New(fault.TooLarge, op, "the body grows more than %d times when decompressed", inflateRatio).Coded("too-compressed")
	case errors.Is(err, errBroken):
		return "", nil, miscoded(compressed, err)
	case err != nil:
		return "", nil, fault.New(fault.Invalid, op, "the body could not be read to its end").Coded("body-incomplete").Because(err)
	case len(body) == 0:
		return "", nil, fault.New(fault.Invalid, op, "the request has no body").Coded("no-body").
			Hinting("send one of %s", strings.Join(types, ", "))
	}
	return mediaType, body, nil
}

// miscoded says that the body is not what its Content-Encoding says.
func miscoded(c coding, cause error) error {
	return fault.New(fault.Invalid, "httpapi.body", "the body is not %s as Content-Encoding says", c.String()).
		Coded("bad-" + c.String()).Because(cause)
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
// the parameter that may be there is charset=utf-8.
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
		if mediaType == typeCSV && name == "header" && value == "present" {
			continue // RFC 4180: there is no other way here
		}
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", wrong("Content-Type takes no parameter but charset=utf-8")
		}
	}
	return mediaType, nil
}
