package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
)

// get answers GET of a record, with 304 if the caller has it already.
func (s *server) get(x *exchange) error {
	selection, _ := x.query.get("$select")
	expansion, _ := x.query.get("$expand")
	result, err := s.api.Get(x.r.Context(), x.who, x.collection, x.key, core.GetRequest{
		Select: selection, Expand: expansion, Related: x.related, Directives: directivesOf(x.r.Header),
	})
	if err == nil || fault.Of(err).Code == core.CodeUnknownRecord {
		x.cached(result.Cache)
	}
	if err != nil {
		return err
	}
	tag := tagOf(result)
	if err := matches(x.r, result); err != nil {
		return err
	}
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

// create answers POST of a collection with the new record, with all of them, or
// with a report of what became of each.
func (s *server) create(x *exchange) error {
	mediaType, body, err := s.body(x, policy.Create, typesCreated...)
	if err != nil {
		return err
	}
	given, err := s.records(x, mediaType, body)
	if err != nil {
		return err
	}
	if given.single { // which has no others to go on with
		x.prefer.each = false
		x.prefer.unapplied(preferContinue)
	}
	if len(given.records) > 1 {
		if err := x.costs(core.CostBulk); err != nil {
			return err
		}
	}
	once, err := x.once(mediaType, body)
	if err != nil {
		return err
	}
	how := x.how(core.Condition{})
	return x.write(how, once, func(how core.How) (core.Written, error) {
		written, err := s.api.Create(x.r.Context(), x.who, x.collection, given.records, how)
		return written, inLines(err, given.lines)
	}, func(w core.Written) reply {
		switch {
		case how.Each:
			return x.report(given.all(w))
		case given.single:
			return x.made(w.Result, x.location(w.ID))
		case x.prefer.minimal:
			return reply{status: http.StatusNoContent, applied: x.applied()}
		}
		return reply{
			status: http.StatusCreated, applied: x.applied(),
			mediaType: sentJSON, body: [][]byte{envelopeBegin, joined(w.Results), envelopeEnd("", -1)},
		}
	})
}

// location returns the address of a new record of the collection, which a trial
// has none of.
func (x *exchange) location(id record.ID) string {
	if x.prefer.trial {
		return ""
	}
	return x.r.URL.EscapedPath() + "/" + url.PathEscape(string(id))
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
	return x.write(x.how(cond), nil, func(how core.How) (core.Written, error) {
		return s.api.Replace(x.r.Context(), x.who, x.collection, x.key, body, how)
	}, func(w core.Written) reply {
		if !w.Created {
			return x.changed(w.Result)
		}
		location := x.r.URL.EscapedPath()
		if x.prefer.trial {
			location = ""
		}
		return x.made(w.Result, location)
	})
}

// patch answers PATCH of a record. A merge patch may also come as plain JSON,
// which is what most clients send.
func (s *server) patch(x *exchange) error {
	cond, err := conditionOf(x.r)
	if err != nil {
		return err
	}
	mediaType, body, err := s.body(x, policy.Update, typePatch, typeJSON)
	if err != nil {
		return err
	}
	once, err := x.once(mediaType, body)
	if err != nil {
		return err
	}
	return x.write(x.how(cond), once, func(how core.How) (core.Written, error) {
		return s.api.Patch(x.r.Context(), x.who, x.collection, x.key, body, how)
	}, func(w core.Written) reply { return x.changed(w.Result) })
}

// made is the reply to a write that created the record.
func (x *exchange) made(result core.Result, location string) reply {
	r := x.shown(result, http.StatusCreated)
	r.location = location
	return r
}

// changed is the reply to a write of a record that was there.
func (x *exchange) changed(result core.Result) reply { return x.shown(result, http.StatusOK) }

// shown replies to a write with the record as it is now, or with 204 if the
// caller prefers that, or may not read it: as OData 4.01 answers return=minimal,
// also where a record was created.
func (x *exchange) shown(result core.Result, status int) reply {
	r := reply{status: status, applied: x.applied(), tag: writtenTag(result)}
	if result.JSON == nil || x.prefer.minimal {
		r.status = http.StatusNoContent
		return r
	}
	r.mediaType, r.body = sentJSON, [][]byte{result.JSON}
	return r
}

// writtenTag returns the ETag of what was written, or "" if it is not shown, or
// has no revision that could be told: a trial leaves none, and what an unmanaged
// table makes of a write is not known before it is done.
func writtenTag(result core.Result) string {
	if result.JSON == nil || result.Revision == "" {
		return ""
	}
	return tagOf(result)
}

// applied tells which preferences are followed.
func (x *exchange) applied() string { return strings.Join(x.prefer.applied, ", ") }
