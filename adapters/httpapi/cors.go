package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/portolan-io/portolan/core/fault"
)

// CORS says which pages in browsers may read answers: those of the origins.
type CORS struct {
	Origins     []string      // "https://app.example.com", exactly; "*" alone is every origin
	MaxAge      time.Duration // how long a browser may keep what it was told; 0 and less is not at all
	Credentials bool          // browsers may send the cookies and certificates that they keep; not with "*"
}

// everyOrigin is the origin that stands for all.
const everyOrigin = "*"

// CheckOrigin returns fault.Invalid with a sentence if no browser would send the
// text as an origin, so that it could never match. "*" is right.
func CheckOrigin(origin string) error {
	wrong := func(sentence string) error {
		return fault.New(fault.Invalid, "httpapi.CheckOrigin", "%s is no origin: %s", quoted(origin), sentence)
	}
	address, err := url.Parse(origin)
	switch {
	case origin == everyOrigin:
		return nil
	case origin == "null":
		return wrong("pages of any origin can make themselves null")
	case strings.Contains(origin, "*"):
		return wrong("it takes whole origins alone, or * for every one")
	case err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Host == "":
		return wrong("write scheme, host and perhaps port, as in https://app.example.com")
	case strings.ToLower(origin) != origin:
		return wrong("browsers write it in lower case")
	case address.Scheme+"://"+address.Host != origin:
		return wrong("nothing follows the host and the port, not even a slash")
	case address.Scheme == "https" && address.Port() == "443", address.Scheme == "http" && address.Port() == "80":
		return wrong("browsers leave the usual port out")
	}
	return nil
}

// check returns what is wrong with the whole.
func (c *CORS) check() error {
	for _, origin := range c.Origins {
		if err := CheckOrigin(origin); err != nil {
			return err
		}
	}
	all := slices.Contains(c.Origins, everyOrigin)
	switch {
	case all && c.Credentials:
		return fault.New(fault.Invalid, "httpapi.New", "credentials cannot be allowed to every origin; name the origins")
	case all && len(c.Origins) > 1:
		return fault.New(fault.Invalid, "httpapi.New", "* is every origin; leave the others out, or *")
	case len(c.Origins) == 0:
		return fault.New(fault.Invalid, "httpapi.New", "cors names no origins")
	}
	return nil
}

// What pages of other origins may use beyond what the Fetch standard always
// allows.
var (
	corsMethods = []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	}
	corsRequest = []string{
		"Accept", "Authorization", "Cache-Control", "Content-Encoding", "Content-Type", headerIdempotencyKey, "If-Match", "If-None-Match",
		"Prefer", "Traceparent", "Tracestate", "X-API-Key", "X-Request-Id",
	}
	corsAnswer = []string{
		"Accept", "Accept-Encoding", "Accept-Patch", "Allow", "Cache-Status", "Content-Encoding", "Deprecation", "ETag", headerReplayed, "Link",
		"Location", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "Sunset", "Vary", "WWW-Authenticate", "X-Request-Id",
	}
)

// crossOrigin answers to pages of other origins.
type crossOrigin struct {
	headers  *cors.Cors
	vary     []string
	resource []string // Cross-Origin-Resource-Policy
}

// newCrossOrigin returns what answers as c says. Nil c is nil: to pages of other
// origins this is a server like any other.
func newCrossOrigin(c *CORS, vary string) (*crossOrigin, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // there is nothing to answer, and nothing wrong
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	age := int(c.MaxAge / time.Second)
	if age <= 0 {
		age = -1 // which the library writes as 0; its 0 leaves it to the browser
	}
	options := cors.Options{
		AllowedOrigins: c.Origins, AllowedMethods: corsMethods, AllowedHeaders: corsRequest, ExposedHeaders: corsAnswer,
		MaxAge: age, AllowCredentials: c.Credentials,
	}
	if c.Origins[0] != everyOrigin { // the library takes capitals too, which no browser sends
		options.AllowOriginFunc = func(origin string) bool { return slices.Contains(c.Origins, origin) }
	}
	o := &crossOrigin{
		headers:  cors.New(options),
		vary:     []string{vary + ", Origin"},
		resource: guards["Cross-Origin-Resource-Policy"],
	}
	if c.Origins[0] == everyOrigin {
		o.resource = []string{"cross-origin"}
	}
	return o, nil
}

// crossOrigin sets the headers for the page that the request comes from, and
// reports whether the request was only a browser's question whether it may ask,
// which is answered: nothing else of such a request is read. An origin that is
// not in the list gets no header, whereupon its browser keeps the answer from it.
func (x *exchange) crossOrigin() (preflight bool) {
	o, h := x.site.cors, x.Header()
	if o == nil {
		return false
	}
	h["Vary"], h["Cross-Origin-Resource-Policy"] = o.vary, o.resource
	if len(x.r.Header["Origin"]) != 1 {
		return false
	}
	preflight = x.r.Method == http.MethodOptions && x.r.Header.Get("Access-Control-Request-Method") != ""
	delete(h, "Vary") // the library sets its own, which is all that the answer to a preflight depends on
	o.headers.HandlerFunc(x, x.r)
	if !preflight {
		h["Vary"] = o.vary
	}
	return preflight
}
