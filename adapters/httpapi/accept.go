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

// accepts reports whether the lines of an Accept header take the media type.
func accepts(lines []string, mediaType string) bool { return quality(lines, mediaType) > 0 }

// quality returns how much the lines of an Accept header want the media type, from
// 0, not at all, to 1: the most specific range that names it decides (RFC 9110,
// section 12.5.1).
func quality(lines []string, mediaType string) float64 {
	family, _, _ := strings.Cut(mediaType, "/")
	best, wanted := -1, 0.0
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
		best, wanted = specific, 1
		if text, ok := params["q"]; ok {
			if wanted, err = strconv.ParseFloat(text, 64); err != nil || wanted < 0 || wanted > 1 {
				wanted = 0
			}
		}
	}
	return wanted
}
