package httpapi

import (
	"mime"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// acceptable returns an error if the lines of the Accept header rule out the
// media type that the operation answers with.
func acceptable(lines []string, mediaType string) error {
	if mediaType == "" || len(lines) == 0 || accepts(lines, mediaType) {
		return nil
	}
	return fault.New(fault.Invalid, "httpapi.acceptable", "the answer is %s, which Accept rules out", mediaType).
		Coded(codeAccept).Hinting("send Accept: %s, or no Accept", mediaType)
}

// accepts reports whether the lines of an Accept header take the media type:
// the most specific range that names it decides (RFC 9110, section 12.5.1).
func accepts(lines []string, mediaType string) bool {
	family, _, _ := strings.Cut(mediaType, "/")
	best, taken := -1, false
	for _, item := range splitOutsideQuotes(strings.Join(lines, ","), ',') {
		given, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		specific := -1
		switch given {
		case mediaType:
			specific = 2
		case family + "/*":
			specific = 1
		case "*/*":
			specific = 0
		}
		if specific <= best {
			continue
		}
		best, taken = specific, true
		if text, ok := params["q"]; ok {
			q, err := strconv.ParseFloat(text, 64)
			taken = err == nil && q > 0
		}
	}
	return taken
}
