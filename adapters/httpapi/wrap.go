package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// A site is what stands around the routes of a listener: every request passes
// it, and every answer leaves through it, errors and panics included. The
// router only finds the resource for a path. It never answers, because what it
// would say of its own is plain text without an id.
type site struct {
	router      *mux.Router
	resources   map[string]*resource
	names       map[name]string // of operations
	collections map[string]bool // the names that metrics may have as labels
	views       map[string]bool // those of them that are only read
	base        string
	below       string    // what the path of every collection begins with
	listed      *resource // of the path of a collection
	single      *resource // of the path of a record
	identify    identifier
	logins      *logins  // nil: there are no accounts
	vary        []string // of every answer
	trusted     proxies
	timeout     time.Duration
	observer    telemetry.Observer
	log         accessLog
	audit       *auditor
	manners     map[string]*manners
	limits      *core.Limits // nil: everybody asks as much as he likes
	policies    map[*core.Bound][]string
	cors        *crossOrigin // nil: pages of other origins read nothing
	extract     func(context.Context, http.Header, bool) context.Context
}

// newSite returns the site around the given resources.
func newSite(cfg Config, resources []*resource) (*site, error) {
	s := &site{
		router:    mux.NewRouter().SkipClean(true).UseEncodedPath(),
		resources: make(map[string]*resource), names: names(resources), collections: make(map[string]bool), views: make(map[string]bool),
		base: cfg.Base, below: cfg.Base + "/", identify: cfg.Identify, trusted: cfg.TrustedProxies, timeout: cfg.Timeout,
		observer: cfg.Observer, extract: cfg.Extract, log: newAccessLog(cfg), limits: cfg.Limits, policies: policiesOf(cfg.Limits),
		logins: newLogins(cfg), vary: guards["Vary"],
	}
	if s.logins != nil {
		s.vary = []string{varyWithCookies}
	}
	s.audit = newAuditor(cfg, s.log)
	if s.identify == nil {
		s.identify = nobody
	}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if s.observer == nil {
		s.observer = unobserved{}
	}
	if s.extract == nil {
		s.extract = func(ctx context.Context, _ http.Header, _ bool) context.Context { return ctx }
	}
	if cfg.API != nil {
		for _, served := range cfg.API.Served() {
			s.collections[served.Schema.Name] = true
			s.views[served.Schema.Name] = served.Schema.Base != nil
		}
		s.manners = mannersOf(cfg.API.Served())
	}
	var err error
	if s.cors, err = newCrossOrigin(cfg.CORS, s.vary[0]); err != nil {
		return nil, err
	}
	for _, res := range resources {
		route := s.router.NewRoute().Name(res.template)
		if res.below {
			route = route.PathPrefix(res.pattern())
		} else {
			route = route.Path(res.pattern())
		}
		if err := route.GetError(); err != nil {
			return nil, fault.New(fault.Invalid, "httpapi.New", "the route %s cannot be made", res.template).Because(err)
		}
		s.resources[res.template] = res
	}
	s.listed, s.single = s.resources[s.below+"{collection}"], s.resources[s.below+"{collection}/{id}"]
	return s, nil
}

// ServeHTTP answers one request: it is the outermost of this package.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, site: s, begun: time.Now(), id: requestID(r), path: r.URL.EscapedPath()}
	x.guard()
	err := x.find()
	x.manners = s.manners[x.collection]
	x.manners.announce(x.Header())
	limited := &deadline{Context: s.extract(r.Context(), r.Header, s.trusted.sent(r)), at: x.begun.Add(x.timeout()), answer: &x.answer}
	defer limited.end()
	ctx, end := s.observer.Start(limited, x.op())
	x.r = x.r.WithContext(ctx)
	defer x.breakOff(r)()
	if preflight := x.crossOrigin(); preflight {
		err = nil // whatever is at the path, the request itself will be told
	} else {
		err = x.serve(err)
	}
	if err != nil {
		if wait := core.RetryAfter(err); wait > 0 {
			x.Header().Set("Retry-After", strconv.FormatInt(int64(wait/time.Second), 10))
		}
		s.audit.refused(x, err)
		err = x.fail(r.Context(), err)
	}
	x.finish()
	x.answer = telemetry.Answer{Status: x.status, Scheme: x.site.trusted.scheme(r)}
	end(err)
	s.log.write(x, err)
	if x.torn {
		panic(http.ErrAbortHandler) // net/http closes the connection, so that half an answer does not look whole
	}
}

// timeout returns how long the request may be worked on.
func (x *exchange) timeout() time.Duration {
	if x.resource != nil {
		if op, _ := x.resource.operation(x.r.Method); op.slow {
			return uploadTime + x.site.timeout
		}
	}
	return x.site.timeout
}

// serve asks the limits and lets the operation answer, if one was found, and turns a
// panic into an error.
func (x *exchange) serve(notFound error) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			x.torn = true
			err = fault.New(fault.Unavailable, "httpapi.serve", "the answer was broken off").Coded("aborted")
		default:
			x.torn = x.status != 0
			err = fault.New(fault.Internal, "httpapi.serve", "something went wrong on the server").
				Coded("panic").Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if err := x.arrive(); err != nil {
		return err
	}
	if notFound != nil {
		return x.unadmitted(notFound)
	}
	return x.unadmitted(x.perform())
}

// perform finds the operation for the method, reads what all operations have in
// common, and lets it answer.
func (x *exchange) perform() (err error) {
	op, ok := x.resource.operation(x.r.Method)
	switch {
	case x.r.Method == http.MethodOptions && !ok:
		x.Header().Set("Allow", x.allow())
		x.WriteHeader(http.StatusNoContent)
		return nil
	case !ok:
		x.Header().Set("Allow", x.allow())
		return fault.New(fault.Invalid, "httpapi.perform", "this path does not take the method %s", shortened(x.r.Method)).
			Coded(codeMethod).Hinting("it takes %s", x.allow())
	case op.open:
		return x.site.audit.enters(x, op)
	}
	if x.query, err = parseQuery(x.r.URL.RawQuery, op.options); err != nil {
		return err
	}
	if x.prefer, err = parsePrefer(x.r.Header["Prefer"], op.prefers); err != nil {
		return err
	}
	if op.records && x.as == nil {
		x.as, err = represent(x.r.Header["Accept"])
	} else if !op.records {
		err = acceptable(x.r.Header["Accept"], op.produces)
	}
	if err != nil {
		return err
	}
	if op.produces != "" {
		if err := x.encodable(); err != nil {
			return err
		}
	}
	if op.nameless { // which finds out itself who asks
		x.who.Address = x.site.trusted.client(x.r)
		return x.site.audit.enters(x, op)
	}
	if err := x.site.audit.identified(x, x.authenticate()); err != nil {
		return err
	}
	x.judged = true
	if x.who.Known() && x.scheme != auth.Session { // by a header field, see guards
		delete(x.Header(), "Cross-Origin-Resource-Policy")
	}
	if err := x.admit(); err != nil {
		return err
	}
	if err := x.site.audit.allowed(x); err != nil { // behind the limits: a line may cost an fsync
		return err
	}
	return op.serve(x)
}

// fail answers with the problem that err is, and returns err as the log and the
// metrics should have it.
func (x *exchange) fail(client context.Context, err error) error {
	const op = "httpapi.fail"
	gone, unavailable := false, fault.KindOf(err) == fault.Unavailable
	switch {
	case stopping(client) && (unavailable || errors.Is(err, os.ErrDeadlineExceeded)): // see breakOff
		err = fault.New(fault.Unavailable, op, "the server stopped before the request was finished").
			Coded("stopping").Hinting("try again").Because(err)
	case !unavailable:
	case client.Err() != nil:
		gone = true
		err = fault.New(fault.Unavailable, op, "the client went away").Coded("client-gone").Because(err)
	case x.r.Context().Err() != nil:
		err = fault.New(fault.Unavailable, op, "the request was not finished within %s", x.site.timeout).
			Coded("timeout").Hinting("ask for less at once, or try again later").Because(err)
	}
	if x.status != 0 {
		return err
	}
	// Also to a client that went away: net/http would send 200 of its own, and
	// the client may have closed its half of the connection alone.
	x.problem(fault.Of(err))
	if gone {
		x.status = statusClientGone
	}
	return err
}

// stopping reports whether the server cuts the request off.
func stopping(ctx context.Context) bool { return errors.Is(context.Cause(ctx), telemetry.ErrStopping) }

// breakOff has nobody wait any more for the rest of the body once the server cuts the request off: who
// reads it does not see the context. The function that it returns ends that, before the handler
// does, behind which a writer of HTTP/2 is nobody's.
func (x *exchange) breakOff(r *http.Request) (end func()) {
	if r.ContentLength == 0 {
		return func() {}
	}
	ctx, over := r.Context(), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		if stopping(ctx) {
			_ = http.NewResponseController(x.w).SetReadDeadline(time.Unix(1, 0)) // a writer without deadlines is no connection
		}
	})
	return func() {
		if !stop() {
			<-over
		}
	}
}

// statusClientGone is what the log shows for a request whose client went away
// before the answer. It is never sent.
const statusClientGone = 499

// op is what metrics and traces call the exchange. Nothing of it is a caller's
// text.
func (x *exchange) op() telemetry.Op {
	op := telemetry.Op{Port: "http", Name: x.site.names[name{methodLabel(x.r.Method), x.template()}]}
	if x.site.collections[x.collection] {
		op.Collection = x.collection
	}
	return op
}

// A name is that of an operation, in its two parts.
type name struct{ method, template string }

// names returns the names of all operations on the resources, and of what is done
// with paths that lead nowhere.
func names(resources []*resource) map[name]string {
	all := make(map[name]string)
	for _, method := range append(slices.Clone(methods), otherMethod) {
		all[name{method, unknownTemplate}] = method + " " + unknownTemplate
		for _, res := range resources {
			all[name{method, res.template}] = method + " " + res.template
		}
	}
	return all
}

// methods are those that have a name in metrics, logs and problems.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodOptions, http.MethodTrace, http.MethodConnect,
}

const otherMethod = "OTHER"

// methodLabel returns the method, or OTHER for what is none of HTTP's.
func methodLabel(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return otherMethod
}

// unobserved is the observer of those who want none.
type unobserved struct{}

func (unobserved) Start(ctx context.Context, _ telemetry.Op) (context.Context, func(error)) {
	return ctx, func(error) {}
}

func (unobserved) Close(context.Context) error { return nil }
