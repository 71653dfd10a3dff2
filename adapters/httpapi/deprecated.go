package httpapi

import (
	"net/http"
	"strconv"

	"github.com/portolan-io/portolan/core"
)

// deprecate makes the header fields that say that the collection is to go:
// Deprecation (RFC 9745), Sunset (RFC 8594) and a link to what to do about it.
func (m *manners) deprecate(d core.Deprecation) {
	m.deprecation = []string{"@" + strconv.FormatInt(d.Since.Unix(), 10)}
	if !d.Sunset.IsZero() {
		m.sunset = []string{d.Sunset.UTC().Format(http.TimeFormat)}
	}
	if d.Link != "" {
		m.link = "<" + d.Link + `>; rel="deprecation"`
	}
}

// announce says in the header of every answer, problems included, that the
// collection is to go, if it is.
func (m *manners) announce(h http.Header) {
	if m == nil || m.deprecation == nil {
		return
	}
	h["Deprecation"] = m.deprecation
	if m.sunset != nil {
		h["Sunset"] = m.sunset
	}
	if m.link != "" {
		h["Link"] = []string{m.link} // a slice of its own: others add to it
	}
}
