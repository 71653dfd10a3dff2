package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// get answers GET of a record, with 304 if the caller has it already.
func (s *server) get(x *exchange) error {
	selection, _ := x.query.get("$select")
	result, err := s.api.Get(x.r.Context(), x.who, x.vars["collection"], x.vars["id"], core.GetRequest{Select: selection})
	if err != nil {
		return err
	}
	tag := tagOf(result)
	if err := matches(x.r, result); err != nil {
		return err
	}
	x.cached(result.Cache)
	return x.sendTagged(tag, sentJSON, result.JSON)
}

// matches reports whether what was read is what If-Match asks for, if it does.
func matches(r *http.Request, result core.Result) error {
	match, err := parseTags("If-Match", r.Header["If-Match"])
	if err != nil || !match.given() || match.any {
		return err
	}
	for _, tag := range match.list {
		if !tag.weak && tag.revision() == result.Revision {
			return nil
		}
	}
	return fault.New(fault.Stale, "httpapi.get", "the record is not at the revision that If-Match names")
}

// create answers POST of a collection with the new record, or with all of them.
func (s *server) create(x *exchange) error {
	mediaType, body, err := s.body(x, policy.Create, typeJSON, typeNDJSON)
	if err != nil {
		return err
	}
	bodies, single, err := splitRecords(mediaType, body)
	if err != nil {
		return err
	}
	written, err := s.api.Create(x.r.Context(), x.who, x.vars["collection"], bodies, core.How{})
	if err != nil {
		return err
	}
	if single {
		x.Header().Set("Location", x.r.URL.EscapedPath()+"/"+url.PathEscape(string(written.ID)))
		x.sendResult(written.Result, http.StatusCreated)
		return nil
	}
	x.applied()
	if x.prefer.minimal {
		x.sendEmpty(http.StatusNoContent)
		return nil
	}
	x.send(http.StatusCreated, sentJSON, envelopeBegin, joined(written.Results), envelopeEnd("", -1))
	return nil
}

// joined returns the records that the caller may see as a JSON array.
func joined(results []core.Result) []byte {
	size := 2
	for _, result := range results {
		size += len(result.JSON) + 1
	}
	array := append(make([]byte, 0, size), '[')
	for _, result := range results {
		if result.JSON == nil {
			continue
		}
		if len(array) > 1 {
			array = append(array, ',')
		}
		array = append(array, result.JSON...)
	}
	return append(array, ']')
}

// replace answers PUT of a record.
func (s *server) replace(x *exchange) error {
	cond, err := conditionOf(x.r)
	if err != nil {
		return err
	}
	action := policy.Update
	if cond.Absent {
		action = policy.Create
	}
	_, body, err := s.body(x, action, typeJSON)
	if err != nil {
		return err
	}
	written, err := s.api.Replace(x.r.Context(), x.who, x.vars["collection"], x.vars["id"], body, core.How{If: cond})
	if err != nil {
		return err
	}
	if written.Created {
		x.Header().Set("Location", x.r.URL.EscapedPath())
		x.sendResult(written.Result, http.StatusCreated)
		return nil
	}
	x.sendResult(written.Result, http.StatusOK)
	return nil
}

// patch answers PATCH of a record. A merge patch may also come as plain JSON,
// which is what most clients send.
func (s *server) patch(x *exchange) error {
	cond, err := conditionOf(x.r)
	if err != nil {
		return err
	}
	_, body, err := s.body(x, policy.Update, typePatch, typeJSON)
	if err != nil {
		return err
	}
	written, err := s.api.Patch(x.r.Context(), x.who, x.vars["collection"], x.vars["id"], body, core.How{If: cond})
	if err != nil {
		return err
	}
	x.sendResult(written.Result, http.StatusOK)
	return nil
}

// remove answers DELETE of a record.
func (s *server) remove(x *exchange) error {
	cond, err := conditionOf(x.r)
	if err != nil {
		return err
	}
	if err := s.api.Delete(x.r.Context(), x.who, x.vars["collection"], x.vars["id"], core.How{If: cond}); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// sendResult answers a write with the record as it is now, or with 204 if the
// caller prefers that, or may not read it: as OData 4.01 answers return=minimal,
// also where a record was created.
func (x *exchange) sendResult(result core.Result, status int) {
	x.applied()
	if result.JSON != nil {
		x.Header().Set("ETag", tagOf(result))
	}
	if result.JSON == nil || x.prefer.minimal {
		x.sendEmpty(http.StatusNoContent)
		return
	}
	x.send(status, sentJSON, result.JSON)
}

// applied tells which preferences were followed.
func (x *exchange) applied() {
	if len(x.prefer.applied) > 0 {
		x.Header().Set("Preference-Applied", strings.Join(x.prefer.applied, ", "))
	}
}
