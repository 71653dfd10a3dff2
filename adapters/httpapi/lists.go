package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
)

// list answers GET of a collection with one page.
func (s *server) list(x *exchange) error {
	req, err := listRequest(x.query)
	if err != nil {
		return err
	}
	page, err := s.api.List(x.r.Context(), x.who, x.vars["collection"], req)
	if err != nil {
		return err
	}
	return x.sendPage(page)
}

// listByBody answers $query with one page. The address of the next page carries
// its cursor; the same body is sent there.
func (s *server) listByBody(x *exchange) error {
	_, body, err := s.body(x, policy.Read, typeJSON)
	if err != nil {
		return err
	}
	req, err := parseQueryBody(body, queryMembers)
	if err != nil {
		return err
	}
	if after, ok := x.query.get("$after"); ok {
		if req.After != "" {
			return badMember("repeated-option", "after", "after is given in the body and in the URL")
		}
		req.After = after
	}
	page, err := s.api.List(x.r.Context(), x.who, x.vars["collection"], req)
	if err != nil {
		return err
	}
	return x.sendPage(page)
}

// deleteMany answers $delete with the number of records that it removed.
func (s *server) deleteMany(x *exchange) error {
	_, body, err := s.body(x, policy.Delete, typeJSON)
	if err != nil {
		return err
	}
	req, err := parseQueryBody(body, deleteMembers)
	if err != nil {
		return err
	}
	if req.Filter == "" && req.IDs == nil {
		return fault.New(fault.Invalid, "httpapi.deleteMany", "the body says neither by filter nor by ids what to delete").
			Coded("nothing-named").Hinting("to delete everything, name a filter that matches everything")
	}
	most := core.MaxDelete
	if x.prefer.maxAffected >= 0 {
		most = x.prefer.maxAffected
	}
	n, err := s.api.DeleteMany(x.r.Context(), x.who, x.vars["collection"], req, most)
	if err != nil {
		return err
	}
	x.applied()
	x.send(http.StatusOK, sentJSON, append(strconv.AppendInt([]byte(`{"deleted":`), int64(n), 10), '}'))
	return nil
}

// listRequest returns what the options of a URL ask for.
func listRequest(o options) (core.ListRequest, error) {
	var req core.ListRequest
	req.Filter, _ = o.get("$filter")
	req.OrderBy, _ = o.get("$orderby")
	req.Select, _ = o.get("$select")
	req.After, _ = o.get("$after")
	if digits, ok := o.get("$first"); ok {
		first, err := parseFirst("$first", digits)
		if err != nil {
			return req, err
		}
		req.First = first
	}
	switch count, ok := o.get("$count"); {
	case !ok, count == "false":
	case count == "true", count == "": // "?$count" alone says it too
		req.Count = true
	default:
		return req, badOption("bad-count", "$count", "$count is true or false, not %s", quoted(count))
	}
	return req, nil
}

// sendPage answers with a page in its envelope, or with 304 if the caller has
// it already. The tag is a weak one: it speaks of these octets, but a list has
// no revision that a write could be conditional upon.
func (x *exchange) sendPage(page core.Page) error {
	var next string
	if page.Next != "" {
		next = x.r.URL.EscapedPath() + "?" + x.query.with("$after", page.Next)
	}
	end := envelopeEnd(next, page.Count)
	if x.r.Method == http.MethodPost {
		x.link(next)
		x.send(http.StatusOK, sentJSON, envelopeBegin, page.JSON, end)
		return nil
	}
	tag := weakTag(page.JSON, end)
	same, err := unchanged(x.r, tag)
	if err != nil {
		return err
	}
	x.Header().Set("ETag", tag)
	x.link(next)
	if same {
		x.sendEmpty(http.StatusNotModified)
		return nil
	}
	x.send(http.StatusOK, sentJSON, envelopeBegin, page.JSON, end)
	return nil
}

// weakTag returns an ETag for a body of these pieces.
func weakTag(pieces ...[]byte) string {
	h := sha256.New()
	for _, piece := range pieces {
		h.Write(piece)
	}
	return `W/"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}

// link names the next page in the header too (RFC 8288), if there is one.
func (x *exchange) link(next string) {
	if next != "" {
		x.Header().Set("Link", "<"+next+`>; rel="next"`)
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
