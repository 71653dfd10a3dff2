package httpapi

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// An exchange is one request and its answer, with what is known of both. It is
// the http.ResponseWriter of everything beneath [site.ServeHTTP]. It belongs to
// one goroutine.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request // its path is canonical once the resource is found
	site  *site
	begun time.Time
	id    string
	path  string // as it was sent, for the problem's instance

	resource   *resource // nil if no resource has the path
	collection string    // that the path names, decoded; empty if its template names none
	key        string    // the {id} of the path, decoded; empty if its template has none
	query      options
	prefer     preferences
	who        policy.Principal
	answer     telemetry.Answer // for observers, once it is over
	scheme     auth.Scheme      // of the credential, empty if there is none
	judged     bool             // who asks was found out, and from there on what it may do is decided
	as         *representation  // of records, in operations that answer with these

	standing  core.Standing // with the limits; without a bound if there is nothing to tell
	cost      int           // of the request, for the limits
	uncounted bool          // a credential is shown, and it is not known yet whose requests it is one of

	manners   *manners   // of the collection, or nil
	accepted  acceptance // see takes
	streaming coding     // of encoder
	encoder   encoder    // of an answer that is compressed as it is written, or nil

	status int  // 0 until the answer begins
	sized  bool // its body is written in one piece, which nobody compresses any more
	bytes  int64
	torn   bool // the answer broke off

	values [4][1]string // of the header, so that the usual ones need no memory of their own
	used   int          // of values
}

// Header returns the header of the answer.
func (x *exchange) Header() http.Header { return x.w.Header() }

// set sets a field of the header, whose name is in its canonical form.
func (x *exchange) set(name, value string) {
	if x.used == len(x.values) {
		x.Header()[name] = []string{value}
		return
	}
	field := &x.values[x.used]
	x.used++
	field[0] = value
	x.Header()[name] = field[:]
}

// WriteHeader begins the answer. A second one is ignored; informational ones
// may come before.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	if status >= http.StatusOK {
		x.status = status
		x.tellStanding()
		x.stream()
	}
	x.w.WriteHeader(status)
}

// Write writes a part of the body, which HEAD leaves out.
func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return len(p), nil
	}
	if x.encoder != nil {
		return x.encoder.Write(p)
	}
	return (*wire)(x).Write(p)
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// template returns the template of the resource's path, which is one of few,
// whatever the request's path is.
func (x *exchange) template() string {
	if x.resource == nil {
		return unknownTemplate
	}
	return x.resource.template
}

const unknownTemplate = "unknown"

// The media types of answers, as Accept knows them and as they are sent.
const (
	producesJSON = "application/json"
	sentJSON     = "application/json; charset=utf-8"
)

// send answers with a whole body, which may be in pieces. It is compressed if the
// client takes that and it is worth it; the tag that the header has then names the
// coding too.
func (x *exchange) send(status int, mediaType string, body ...[]byte) {
	size := 0
	for _, piece := range body {
		size += len(piece)
	}
	x.set("Content-Type", mediaType)
	if c := x.coding(mediaType, size); c != identity {
		x.sendCoded(c, status, body)
		return
	}
	x.sized = true
	if size > maxUncounted || x.r.Method == http.MethodHead {
		x.set("Content-Length", strconv.Itoa(size))
	}
	x.WriteHeader(status)
	if len(body) > 1 && size <= maxJoined {
		joined := joints.Get().(*[]byte)
		defer joints.Put(joined)
		*joined = (*joined)[:0]
		for _, piece := range body {
			*joined = append(*joined, piece...)
		}
		body = [][]byte{*joined}
	}
	for _, piece := range body {
		if _, err := x.Write(piece); err != nil {
			return // a client that went away is seen by its context
		}
	}
}

// maxUncounted is how many octets a body may have whose length net/http says by
// itself, as it does of what it can hold back. That is cheaper than a field that
// is put into the header to be taken out again.
const maxUncounted = 1 << 10

// maxJoined is how many octets a body of several pieces may have to be joined. A
// small piece behind a large one would be sent by itself, which costs a system
// call and wakes the client; beside that, copying a page is nothing.
const maxJoined = 64 << 10

// joints are what bodies are joined in.
var joints = sync.Pool{New: func() any { return new([]byte) }}

// sendTagged answers a read with a body that has the tag, or with 304 if the
// client has it already. The tag is without the coding that the body is sent in.
func (x *exchange) sendTagged(tag, mediaType string, body ...[]byte) error {
	size := 0
	for _, piece := range body {
		size += len(piece)
	}
	coded := codedTag(tag, x.coding(mediaType, size))
	same, err := unchanged(x.r, coded)
	if err != nil {
		return err
	}
	if same {
		x.set("Etag", coded)
		x.sendEmpty(http.StatusNotModified)
		return nil
	}
	x.set("Etag", tag)
	x.send(http.StatusOK, mediaType, body...)
	return nil
}

// sendEmpty answers without a body.
func (x *exchange) sendEmpty(status int) {
	if status == http.StatusCreated {
		x.Header().Set("Content-Length", "0")
	}
	x.WriteHeader(status)
}

// problem answers with a fault.
func (x *exchange) problem(f *fault.Error) {
	body, status := problemOf(f, x.path, x.id)
	h := x.Header()
	for _, name := range []string{"ETag", "Link", "Location", "Preference-Applied", "Last-Modified", "Content-Encoding"} {
		h.Del(name) // they spoke of the answer that was begun instead
	}
	x.manners.forProblem(h)
	switch f.Code {
	case codeView:
		h.Set("Allow", x.allow())
	case codeNotCached:
		h["Cache-Status"] = x.manners.status[core.CacheUnread]
	}
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(x.r, x.site.logins != nil))
		if x.scheme == auth.Session {
			x.dropSession() // or every request would be refused until its time is over
		}
	case http.StatusConflict:
		if f.Code == codeInProgress {
			h.Set("Retry-After", "1")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	}
	x.send(status, problemType, body)
}

// guards are the headers that every answer begins with. Header.Add copies a
// slice that is full, so these may be shared.
//
// Each costs as much as a look into the cache, and the ninth as much as the eight
// before it, because a map of more than eight entries is of another kind. So there
// are none that only documents need, which add their own. And an answer to who
// shows a credential is without Cross-Origin-Resource-Policy: browsers ask that of
// what pages of other origins embed, and what embeds sends no such header fields. It
// does send cookies, so that an answer by one has it.
var guards = map[string][]string{
	"X-Content-Type-Options":       {"nosniff"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Cache-Control":                {"private, no-cache"},
	"Vary":                         {vary},
}

// vary is what of a request any answer may depend on.
const vary = "Accept, Accept-Encoding, Authorization, X-API-Key"

// guard sets the headers that every answer has, before anything can fail. An
// operation with needs of its own replaces them.
func (x *exchange) guard() {
	h := x.Header()
	maps.Copy(h, guards)
	h["Vary"] = x.site.vary
	x.set("X-Request-Id", x.id)
	if x.site.trusted.secure(x.r) {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// requestID returns the id that the request brings, if it is one that a log can
// take, or a new one.
func requestID(r *http.Request) string {
	lines := r.Header["X-Request-Id"]
	if len(lines) != 1 || len(lines[0]) == 0 || len(lines[0]) > 128 {
		return rand.Text()
	}
	for i := range len(lines[0]) {
		switch c := lines[0][i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return rand.Text()
		}
	}
	return lines[0]
}
