package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// An outcome is how a kind of error looks over HTTP.
type outcome struct {
	status int
	title  string
}

// outcomes is the one map from kinds of errors to statuses.
var outcomes = map[fault.Kind]outcome{
	fault.Invalid:         {http.StatusBadRequest, "The request is not valid"},
	fault.Unauthenticated: {http.StatusUnauthorized, "A credential is needed"},
	fault.Forbidden:       {http.StatusForbidden, "This is not allowed"},
	fault.NotFound:        {http.StatusNotFound, "There is no such thing"},
	fault.Exists:          {http.StatusConflict, "It exists already"},
	fault.Conflict:        {http.StatusConflict, "What is stored forbids it"},
	fault.Stale:           {http.StatusPreconditionFailed, "The precondition does not hold"},
	fault.TooLarge:        {http.StatusRequestEntityTooLarge, "It is too large"},
	fault.Refused:         {http.StatusUnprocessableEntity, "It cannot be done as asked"},
	fault.Limited:         {http.StatusTooManyRequests, "Too many requests"},
	fault.Unsupported:     {http.StatusNotImplemented, "This is not supported here"},
	fault.Unavailable:     {http.StatusServiceUnavailable, "The service is not available"},
	fault.Internal:        {http.StatusInternalServerError, "Something went wrong"},
}

// codeInProgress is the code of the refusal that is worth repeating at once.
const codeInProgress = core.CodeInProgress

// Codes of what only HTTP knows, or has a status for. They are of the kind
// fault.Invalid or fault.Refused, and have a status of their own.
const (
	codeMethod    = "method-not-allowed"
	codeAccept    = "not-acceptable"
	codeMediaType = "unsupported-media-type"
	codeView      = "view-read-only"
	codeNotCached = core.CodeNotCached
)

// protocol holds the outcomes of these codes.
var protocol = map[string]outcome{
	codeMethod:    {http.StatusMethodNotAllowed, "The method is not allowed"},
	codeAccept:    {http.StatusNotAcceptable, "No representation is acceptable"},
	codeView:      {http.StatusMethodNotAllowed, "The method is not allowed"},
	codeMediaType: {http.StatusUnsupportedMediaType, "The media type is not supported"},
	codeNotCached: {http.StatusGatewayTimeout, "The answer is not cached"},
}

// outcomeOf returns how f looks over HTTP.
func outcomeOf(f *fault.Error) outcome {
	if o, ok := protocol[f.Code]; ok && (f.Kind == fault.Invalid || f.Kind == fault.Refused) {
		return o
	}
	if o, ok := outcomes[f.Kind]; ok {
		return o
	}
	return outcomes[fault.Internal]
}

// problemType is the media type of errors (RFC 9457).
const problemType = "application/problem+json; charset=utf-8"

// A problem is the body of every error (RFC 9457). It never has the cause or
// the operation of the fault: these are for the log.
type problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Instance  string        `json:"instance"`
	Code      string        `json:"code"`
	RequestID string        `json:"requestId"`
	Hint      string        `json:"hint,omitempty"`
	Errors    []fault.Place `json:"errors,omitempty"`
}

// problemURN begins the type of every problem; the code follows. It names the
// problem and leads nowhere, so that it stays the same wherever the API runs.
const problemURN = "urn:portolan:problem:"

// problemOf returns the body for f. Instance is the path of the request without
// its query, which may hold what nobody may log or copy.
func problemOf(f *fault.Error, instance, requestID string) ([]byte, int) {
	o := outcomeOf(f)
	p := problem{
		Type: problemURN + f.Code, Title: o.title, Status: o.status, Detail: f.Detail, Instance: instance,
		Code: f.Code, RequestID: requestID, Hint: f.Hint, Errors: f.Places,
	}
	if f.Kind == fault.Internal {
		p.Detail, p.Hint, p.Errors = "something went wrong on the server", "report it with the requestId", nil
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // the body is never HTML: its type says so, and nosniff keeps it
	_ = e.Encode(p)        // strings and ints always encode
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), o.status
}
