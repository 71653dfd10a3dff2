package httpapi

import (
	"net/http"
	"strconv"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/record"
)

// sendPage answers with a page, as JSON in its envelope, or with 304 if the caller
// has it already. The tag is a weak one: it speaks of these octets, but a list has
// no revision that a write could be conditional upon.
func (x *exchange) sendPage(page core.Page) error {
	var next string
	if page.Next != "" {
		next = x.r.URL.EscapedPath() + "?" + x.query.with("$after", page.Next)
	}
	x.cached(page.Cache)
	x.link(next)
	pieces := [][]byte{page.Body}
	if x.as.format == "" {
		pieces = [][]byte{envelopeBegin, page.Body, envelopeEnd(next, page.Count)}
	}
	if x.r.Method == http.MethodPost {
		x.send(http.StatusOK, x.as.sent, pieces...)
		return nil
	}
	return x.sendTagged(`W/"`+page.Tag+`"`, x.as.sent, pieces...)
}

// link names the next page in the header too (RFC 8288), if there is one.
func (x *exchange) link(next string) {
	if next != "" {
		x.Header().Add("Link", "<"+next+`>; rel="next"`)
	}
}

// The body of a page is {"value":[…],"nextLink":"…","count":n}, without a
// nextLink at the end and without a count that was not asked for. The array is
// sent as it is between the two parts of its envelope.
var envelopeBegin = []byte(`{"value":`)

// envelopeEnd returns what follows the array. A count below 0 is none.
func envelopeEnd(next string, count int64) []byte {
	end := make([]byte, 0, len(next)+64)
	if next != "" {
		end = record.AppendString(append(end, `,"nextLink":`...), next)
	}
	if count >= 0 {
		end = strconv.AppendInt(append(end, `,"count":`...), count, 10)
	}
	return append(end, '}')
}
