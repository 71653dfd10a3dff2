package httpapi

import (
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// list answers GET of a collection with one page.
func (s *server) list(x *exchange) error {
	req, err := listRequest(x.query)
	if err != nil {
		return err
	}
	if err := x.represented(&req); err != nil {
		return err
	}
	req.Related = x.related
	page, err := s.api.List(x.r.Context(), x.who, x.collection, req)
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
	if err := x.represented(&req); err != nil {
		return err
	}
	req.Related = x.related
	page, err := s.api.List(x.r.Context(), x.who, x.collection, req)
	if err != nil {
		return err
	}
	return x.sendPage(page)
}

// listRequest returns what the options of a URL ask for.
func listRequest(o options) (core.ListRequest, error) {
	var req core.ListRequest
	req.Filter, _ = o.get("$filter")
	req.OrderBy, _ = o.get("$orderby")
	req.Select, _ = o.get("$select")
	req.After, _ = o.get("$after")
	req.Expand, _ = o.get("$expand")
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
