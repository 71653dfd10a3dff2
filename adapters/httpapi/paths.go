package httpapi

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// canonicalPath returns the decoded segments of an encoded path, and the one
// way in which that path is written: "/v1/%24query" becomes "/v1/$query".
//
// A path that two readers could take for different ones is refused: with an
// empty segment inside, a dot segment, a slash or backslash behind an escape,
// or any of these behind an escape of an escape.
func canonicalPath(escaped string) (segments []string, canonical string, err error) {
	if escaped == "" || escaped[0] != '/' {
		return nil, "", badPath("the path begins with a slash")
	}
	var b strings.Builder
	raws := strings.Split(escaped[1:], "/")
	for i, raw := range raws {
		if raw == "" && i < len(raws)-1 {
			return nil, "", badPath("the path has two slashes in a row")
		}
		segment, err := url.PathUnescape(raw)
		if err != nil || !utf8.ValidString(segment) {
			return nil, "", badPath("the path is not percent-encoded UTF-8")
		}
		if err := checkSegment(segment); err != nil {
			return nil, "", err
		}
		segments = append(segments, segment)
		b.WriteByte('/')
		b.WriteString(url.PathEscape(segment))
	}
	return segments, b.String(), nil
}

// checkSegment refuses a decoded segment that is path syntax, or would become
// that if it were decoded again. A "$" counts only if it appears by decoding
// again: as it is, it begins an operation.
func checkSegment(segment string) error {
	for again := false; ; again = true {
		switch {
		case strings.ContainsAny(segment, "/\\"):
			return badPath("a segment of the path holds a slash or backslash")
		case segment == "." || segment == "..":
			return badPath("a segment of the path is . or ..")
		case strings.ContainsFunc(segment, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return badPath("a segment of the path holds a control character")
		case again && strings.HasPrefix(segment, "$"):
			return badPath("a segment of the path is encoded twice")
		}
		decoded, err := url.PathUnescape(segment)
		if err != nil || decoded == segment {
			return nil // a lone "%" is a character of an id like any other
		}
		segment = decoded
	}
}

func badPath(detail string) error {
	return fault.New(fault.Invalid, "httpapi.canonicalPath", "%s", detail).Coded("bad-path")
}

// shortened cuts text of the caller's to what a sentence can quote.
func shortened(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// quoted returns text of the caller's, cut and quoted, without anything that
// could disturb a terminal or a log.
func quoted(text string) string { return strconv.QuoteToGraphic(shortened(text)) }
