package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// bodyStatuses are what may be wrong with any body, or with what answers it.
var bodyStatuses = []int{http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}

// everyStatus are the errors that any operation may answer with.
var everyStatus = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// answers returns the responses of an operation: the given ones, those that any
// operation has, and those of the further statuses.
func (d *documenter) answers(well object, statuses ...int) object {
	statuses = slices.Concat(everyStatus, statuses)
	slices.Sort(statuses)
	for _, status := range statuses {
		well = well.with(strconv.Itoa(status), d.problemAnswer(status))
	}
	return well
}

// problems are examples of what is wrong, by status.
var problems = map[int]*fault.Error{
	http.StatusBadRequest: fault.New(fault.Invalid, "", "there is no field pirce").Coded("unknown-field").
		Hinting("did you mean price?").At(fault.Place{Pointer: "/pirce", Code: "unknown-field", Detail: "there is no field pirce"}),
	http.StatusUnauthorized: fault.New(fault.Unauthenticated, "", "to read this needs a credential").
		Hinting("send a bearer token in Authorization or a key in X-API-Key"),
	http.StatusForbidden:             fault.New(fault.Forbidden, "", "you may not change this record").Coded("row-policy"),
	http.StatusNotFound:              fault.New(fault.NotFound, "", "there is no such record"),
	http.StatusNotAcceptable:         fault.New(fault.Invalid, "", "the answer is application/json, which Accept rules out").Coded(codeAccept),
	http.StatusConflict:              fault.New(fault.Exists, "", "there is a record with this id already"),
	http.StatusPreconditionFailed:    fault.New(fault.Stale, "", "the record has changed since you read it"),
	http.StatusRequestEntityTooLarge: fault.New(fault.TooLarge, "", "the body is larger than 4194304 octets").Coded("body-too-large"),
	http.StatusUnsupportedMediaType:  fault.New(fault.Invalid, "", "a body of this Content-Type is not read here").Coded(codeMediaType),
	http.StatusUnprocessableEntity: fault.New(fault.Refused, "", "to count what matches would read more than 10000 records").
		Coded("query-needs-index").Hinting("leave $count out, or filter by an indexed field"),
	http.StatusTooManyRequests: fault.New(fault.Limited, "", "you have sent too many requests").
		Hinting("wait for as many seconds as Retry-After says"),
	http.StatusInternalServerError: fault.New(fault.Internal, "", "something went wrong on the server"),
	http.StatusServiceUnavailable:  fault.New(fault.Unavailable, "", "the store does not answer").Hinting("try again"),
	http.StatusGatewayTimeout: fault.New(fault.Refused, "", "the answer is not kept, and only-if-cached forbids to read it").Coded(codeNotCached).
		Hinting("leave only-if-cached out to have it read"),
}

// problemAnswer returns the reference to the response of an error.
func (d *documenter) problemAnswer(status int) object {
	f := problems[status]
	return shared(&d.responses, "responses", "Problem"+strconv.Itoa(status), func() object {
		body, _ := problemOf(f, d.base+"/things/7", "3Q7ZKXV5BHW2M6TD4RJN8PYCAE")
		headers := []string{}
		switch status {
		case http.StatusUnauthorized:
			headers = append(headers, "WWW-Authenticate")
		case http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			headers = append(headers, "Retry-After")
		}
		return object{
			{"description", outcomeOf(f).title + "."},
			{"headers", d.headersOf(headers...)},
			{"content", object{{"application/problem+json", object{
				{"schema", d.problemSchema()}, {"example", json.RawMessage(body)},
			}}}},
		}
	})
}

// problemSchema returns the reference to the schema of every error.
func (d *documenter) problemSchema() object {
	text := func(description string) object { return object{{"type", "string"}, {"description", description}} }
	return shared(&d.schemas, "schemas", "Problem", func() object {
		place := object{
			{"type", "object"},
			{"properties", object{
				{"pointer", text("A JSON pointer (RFC 6901) into the body, or the name of a parameter.")},
				{"code", text("A stable name of what is wrong there.")},
				{"detail", text("A sentence about it.")},
			}},
			{"required", array{"pointer", "code", "detail"}},
			{"additionalProperties", false},
		}
		return object{
			{"type", "object"},
			{"description", "What is wrong (RFC 9457)."},
			{"properties", object{
				{"type", text("A URI that names the kind of problem.").with("format", "uri")},
				{"title", text("The kind of problem in words.")},
				{"status", object{{"type", "integer"}, {"minimum", 400}, {"maximum", 599}, {"description", "The status of the answer."}}},
				{"detail", text("A sentence about this occurrence.")},
				{"instance", text("The path of the request.").with("format", "uri-reference")},
				{"code", text("A stable name of the exact condition, for programs.")},
				{"requestId", text("Names the request in the log of the server.")},
				{"hint", text("What would help.")},
				{"errors", object{{"type", "array"}, {"items", place}, {"description", "Where in the request, if it is about some places of it."}}},
			}},
			{"required", array{"type", "title", "status", "detail", "instance", "code", "requestId"}},
			{"additionalProperties", false},
		}
	})
}

// pageAnswer returns the response of one page of a list.
func (c *documented) pageAnswer(more object) object {
	var example object
	shown := func(i int) bool { return c.sees(policy.Read, i) }
	record := c.example(shown)
	csv, line := c.recordLines(shown)
	example = object{{"value", array{record}}, {"nextLink", c.base + "/" + c.Name + "?$after=opaque"}, {"count", 248}}
	return object{
		{"description", "A page of records."},
		{"headers", append(c.headersOf("Link", "Cache-Status"), more...)},
		{"content", withLines(object{{typeJSON, object{{"schema", c.pageSchema()}, {"example", example}}}}, "One record a line.", csv, line)},
	}
}

// recordAnswer returns the response with one record.
func (c *documented) recordAnswer(description string, headers ...string) object {
	return object{
		{"description", description},
		{"headers", c.headersOf(headers...)},
		{"content", object{{typeJSON, object{{"schema", c.recordSchema()}}}}},
	}
}

// createdAnswers returns the responses of POST: one record or all of them.
func (c *documented) createdAnswers() object {
	empty := c.unshownAnswer("The records were created.", "Location")
	if !c.may(policy.Read) {
		return object{{"204", empty}}
	}
	list := object{
		{"type", "object"},
		{"properties", object{{"value", object{{"type", "array"}, {"items", c.recordSchema()}}}}},
		{"required", array{"value"}},
		{"additionalProperties", false},
	}
	return object{
		{"201", object{
			{"description", "The records were created. One that was sent alone has Location and ETag."},
			{"headers", c.headersOf("ETag", "Location", "Preference-Applied")},
			{"content", object{{typeJSON, object{{"schema", object{{"anyOf", array{c.recordSchema(), list}}}}}}}},
		}},
		{"204", empty},
	}
}

// changedAnswers returns the responses of a write of a record that was there.
func (c *documented) changedAnswers() object {
	empty := c.unshownAnswer("The record was written.")
	if !c.may(policy.Read) {
		return object{{"204", empty}}
	}
	return object{
		{"200", c.recordAnswer("The record as it is now.", "ETag", "Preference-Applied")},
		{"204", empty},
	}
}

// replacedAnswers returns the responses of PUT, which may create, update or both.
func (c *documented) replacedAnswers(creates, updates bool) object {
	answers := object{}
	if updates && c.may(policy.Read) {
		answers = answers.with("200", c.recordAnswer("The record as it is now.", "ETag", "Preference-Applied"))
	}
	if !creates {
		return answers.with("204", c.unshownAnswer("The record was written."))
	}
	if c.may(policy.Read) {
		answers = answers.with("201", c.recordAnswer("The record was created.", "ETag", "Location", "Preference-Applied"))
	}
	return answers.with("204", c.unshownAnswer("The record was written.", "Location"))
}

// unshownAnswer returns the response of a write that does not show its result.
func (c *documented) unshownAnswer(done string, headers ...string) object {
	return object{
		{"description", done + " It is not shown, because return=minimal was preferred or because you may not read it."},
		{"headers", c.headersOf(append([]string{"ETag", "Preference-Applied"}, headers...)...)},
	}
}

// unchangedAnswer returns the response to who has the current state already.
func (c *documented) unchangedAnswer(tag string) object {
	return object{
		{"description", "What If-None-Match names is still as it is."},
		{"headers", c.headersOf("Cache-Status").with("ETag", c.header(tag))},
	}
}

// headersOf returns the given response headers, those that every answer has, and
// what an answer about a collection that is to go says of that.
func (c *documented) headersOf(names ...string) object {
	headers := c.documenter.headersOf(names...)
	if c.deprecated == nil {
		return headers
	}
	headers = headers.with("Deprecation", c.header("Deprecation"))
	if !c.deprecated.Sunset.IsZero() {
		headers = headers.with("Sunset", c.header("Sunset"))
	}
	return headers
}

// headersOf returns the given response headers, and those that every answer has.
func (d *documenter) headersOf(names ...string) object {
	headers := object{}
	for _, name := range append([]string{"X-Request-Id", "Cache-Control", "Vary", "RateLimit", "RateLimit-Policy"}, names...) {
		headers = headers.with(name, d.header(name))
	}
	return headers
}

// header returns the reference to a response header.
func (d *documenter) header(name string) object {
	return shared(&d.headers, "headers", name, func() object { return responseHeaders[name] })
}

// responseHeader describes a header of an answer.
func responseHeader(description, example string) object {
	return object{{"description", description}, {"schema", object{{"type", "string"}}}, {"example", example}}
}

// responseHeaders are the headers of answers, by name; WeakETag is the ETag of
// a list.
var responseHeaders = map[string]object{
	"X-Request-Id":       responseHeader("Names the request in the log of the server; the one that was sent, if it was fit.", "3Q7ZKXV5BHW2M6TD4RJN8PYCAE"),
	"Cache-Control":      responseHeader("Who may keep the answer.", "private, no-cache"),
	"Vary":               responseHeader("What of the request the answer depends on.", vary),
	"ETag":               responseHeader("The entity tag of the record: its revision, a dot, and what of it is shown. There is none without a record that is stored.", exampleTag),
	"WeakETag":           responseHeader("The weak entity tag of the page.", `W/"mXk3Tn1v8eQ2aZ0b"`),
	"Link":               responseHeader(`The address of the next page, with rel="next" (RFC 8288), unless this is the last.`, `</v1/things?$after=opaque>; rel="next"`),
	"Location":           responseHeader("The address of the record that was created.", "/v1/things/7"),
	"Preference-Applied": responseHeader("The preferences that were followed (RFC 7240), if any.", "return=minimal"),
	"Cache-Status": responseHeader("What the cache of the server had to do with the answer (RFC 9211): whether it was a hit, and if not, why. "+
		"The detail is how old answers of the collection may be.", "Portolan; hit; detail=strict"),
	"Deprecation": responseHeader("Since when the collection is deprecated, or from when on (RFC 9745): @ and seconds since 1970.", "@1769817600"),
	"Sunset":      responseHeader("When the collection may be gone (RFC 8594).", "Tue, 30 Jun 2026 10:00:00 GMT"),
	"RateLimit": responseHeader("How much may be asked at once now, and in how many seconds all may be asked again that may be at once, "+
		"if requests are limited (draft-ietf-httpapi-ratelimit-headers).", `"default";r=87;t=8`),
	"RateLimit-Policy": responseHeader("How much may be asked in how many seconds, if requests are limited (draft-ietf-httpapi-ratelimit-headers).", `"default";q=100;w=60`),
	"Retry-After":      responseHeader("After how many seconds to try again, if that may help.", "1"),
	"WWW-Authenticate": responseHeader("How to say who asks.", `Bearer realm="portolan"`),
}
