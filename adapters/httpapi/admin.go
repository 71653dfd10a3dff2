package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// AdminConfig is what the handler of the admin listener is made from.
type AdminConfig struct {
	Ports []Port // what /readyz asks, in this order

	// Optional are ports that /readyz asks after those and tells of, but without
	// which the server is ready: what they do is done in another way then.
	Optional []Port

	// Loopback says that only this machine reaches the listener. Then nobody is answered who
	// asks by a name that is not this machine's: a page on the web whose name leads here.
	Loopback bool

	Ready func(ctx context.Context) error // further reasons not to be ready, a drain for one; may be nil
	Log   *slog.Logger                    // nil is slog.Default

	// Site is the configuration of the public listener. If its Docs is admin,
	// /docs and /openapi.json are here.
	Site Config

	// Handlers answer for the paths that they are listed under, /metrics or
	// /docs; a path that ends in a slash takes all below it, /debug/pprof/.
	Handlers map[string]http.Handler
}

// A Port is an adapter that /readyz tells of. It has a Ping or a Last.
type Port struct {
	Name   string // "repository", or as the configuration has it in a list, "auth.0"
	Driver string // "sqlite"

	Ping func(ctx context.Context) error // asks it whether it is well

	// Last returns the last call of it: for those that are not asked, because that would cost
	// money or send a mail. The zero Call is that it was not used yet.
	Last func() Call

	// Failed returns the last call of it that failed, the zero Call if none did. Of a port without
	// it that is not told.
	Failed func() Call
}

// A Call of a port is one that ended.
type Call struct {
	At   time.Time // when it ended
	Took time.Duration
	Err  error // why the port failed, nil if it did not
}

// pingTimeout is how long a port may take to answer /readyz.
const pingTimeout = 2 * time.Second

// NewAdmin returns the handler of the admin listener: /livez, /readyz with each
// port, and the handlers given. It asks nobody who they are: the listener is
// for those who reach it. It is safe for concurrent use. NewAdmin returns
// fault.Invalid if a path is no template of gorilla/mux.
func NewAdmin(cfg AdminConfig) (http.Handler, error) {
	resources := []*resource{
		{template: "/livez", methods: map[string]operation{http.MethodGet: {serve: live, open: true}}},
		{template: readyPath, methods: map[string]operation{http.MethodGet: {serve: cfg.readiness, open: true}}},
	}
	// In falling order, so that a path comes before the one that it is below.
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(cfg.Handlers))) {
		resources = append(resources, mounted(path, cfg.Handlers[path], http.MethodGet, http.MethodPost))
	}
	around := Config{Log: cfg.Log, Timeout: adminTimeout}
	if cfg.Site.Docs == DocsAdmin {
		public, err := newServer(cfg.Site)
		if err != nil {
			return nil, err
		}
		resources = append(resources, public.docResources()...)
		around.Identify, around.API = cfg.Site.Identify, cfg.Site.API
	}
	for _, res := range resources {
		for method, op := range res.methods {
			op.serve = cfg.admitted(op.serve)
			res.methods[method] = op
		}
	}
	s, err := newSite(around, resources)
	if err != nil {
		return nil, err
	}
	s.log.level = slog.LevelDebug // probes and scrapes come every few seconds
	return s, nil
}

// admitted returns serve for those who reach the listener themselves.
func (cfg AdminConfig) admitted(serve func(x *exchange) error) func(x *exchange) error {
	sites := http.NewCrossOriginProtection()
	return func(x *exchange) error {
		if cfg.Loopback && !isThisMachine(x.r.Host) {
			return fault.New(fault.Forbidden, "httpapi.admin", "this listener is for this machine, and is not asked by another name").
				Coded("wrong-host").Hinting("ask for it at 127.0.0.1 or localhost, or have it listen for others with service.admin")
		}
		if err := sites.Check(x.r); err != nil || embedded(x.r) {
			return fault.New(fault.Forbidden, "httpapi.admin", "a page of another site may not ask for this").Coded("cross-origin").
				Hinting("type the address in, or paste it").Because(err)
		}
		return serve(x)
	}
}

// embedded reports whether a page of another site has the browser ask, unless it is for a page to
// look at, to which somebody follows a link (Fetch Metadata Request Headers). An image, or a page that is
// fetched in case it is wanted, is enough to have a profile taken.
func embedded(r *http.Request) bool {
	if r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "" {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	followed := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-User") == "?1"
	return r.Method != http.MethodGet || !followed
}

// isThisMachine reports whether the Host of a request names the machine that it is made on, or is
// empty, as of HTTP/1.0 and never of a browser.
func isThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback() || host == "" || strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// adminTimeout leaves room for a profile of five minutes.
const adminTimeout = 6 * time.Minute

// mounted returns the resource of a handler that answers for a whole path, and
// for what is below it if the path ends in a slash.
func mounted(path string, handler http.Handler, methods ...string) *resource {
	res := &resource{template: path, below: strings.HasSuffix(path, "/"), methods: make(map[string]operation)}
	for _, method := range methods {
		res.methods[method] = operation{open: true, serve: func(x *exchange) error {
			handler.ServeHTTP(x, x.r)
			return nil
		}}
	}
	return res
}

// live answers that the process runs.
func live(x *exchange) error {
	x.Header().Set("Cache-Control", "no-store")
	x.send(http.StatusOK, sentJSON, []byte(`{"status":"ok"}`))
	return nil
}

// readiness answers whether requests can be served, and nothing else: this is
// the public side.
func readiness(ready func(context.Context) error) func(x *exchange) error {
	return func(x *exchange) error {
		x.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(x.r.Context(), pingTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			return fault.New(fault.Unavailable, "httpapi.readiness", "the service is not ready").Coded("not-ready").Because(err)
		}
		x.send(http.StatusOK, sentJSON, []byte(`{"status":"ok"}`))
		return nil
	}
}

// A portStatus is what the full /readyz says of a port. Error is the kind of
// the error alone: the text may name hosts and users.
type portStatus struct {
	Name        string     `json:"name"`
	Driver      string     `json:"driver"`
	Needed      bool       `json:"needed"` // without it the server is not ready
	Status      string     `json:"status"` // ok, failing or, if it was not used yet, unused
	LatencyMS   float64    `json:"latencyMs"`
	ThresholdMS int64      `json:"thresholdMs"` // a port that takes longer is failing
	Error       fault.Kind `json:"error,omitempty"`
	LastUsed    *time.Time `json:"lastUsed,omitempty"`  // of a port that is not asked: the rest tells of then
	LastError   *failure   `json:"lastError,omitempty"` // the last time that it failed
}

// A failure is why a port did not answer /readyz, and when.
type failure struct {
	Error fault.Kind `json:"error"`
	At    time.Time  `json:"at"`
}

// lastError returns what the port failed with last, nil if that is not known.
func (p Port) lastError() *failure {
	if p.Failed == nil {
		return nil
	}
	failed := p.Failed()
	if failed.Err == nil {
		return nil
	}
	return &failure{fault.KindOf(failed.Err), failed.At.UTC()}
}

// readyStatus is the body of the full /readyz.
type readyStatus struct {
	Status string       `json:"status"` // ok, failing or not ready
	Ports  []portStatus `json:"ports"`
}

// readiness answers how each port is: 200 if all that are needed are well, else 503.
func (cfg AdminConfig) readiness(x *exchange) error {
	ctx, cancel := context.WithTimeout(x.r.Context(), pingTimeout)
	defer cancel()
	asked := slices.Concat(cfg.Ports, cfg.Optional)
	answer := readyStatus{Status: "ok", Ports: make([]portStatus, len(asked))}
	var pings sync.WaitGroup
	for i, port := range asked {
		pings.Go(func() {
			answer.Ports[i] = port.status(ctx)
			answer.Ports[i].Needed = i < len(cfg.Ports)
			answer.Ports[i].LastError = port.lastError()
		})
	}
	pings.Wait()
	for _, port := range answer.Ports[:len(cfg.Ports)] {
		if port.Error != "" {
			answer.Status = "failing"
		}
	}
	if cfg.Ready != nil && cfg.Ready(ctx) != nil && answer.Status == "ok" {
		answer.Status = "not ready"
	}
	status := http.StatusOK
	if answer.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	x.Header().Set("Cache-Control", "no-store")
	x.send(status, sentJSON, body)
	return nil
}

// status asks the port whether it is well, or how it was when it was last used.
func (p Port) status(ctx context.Context) portStatus {
	status := portStatus{Name: p.Name, Driver: p.Driver, Status: "ok", ThresholdMS: pingTimeout.Milliseconds()}
	var call Call
	if p.Ping != nil {
		begun := time.Now()
		call.Err = p.Ping(ctx)
		call.Took = time.Since(begun)
	} else if call = p.Last(); call.At.IsZero() {
		status.Status = "unused"
	} else {
		at := call.At.UTC()
		status.LastUsed = &at
	}
	status.LatencyMS = float64(call.Took.Microseconds()) / 1000
	if call.Err != nil {
		status.Status, status.Error = "failing", fault.KindOf(call.Err)
	}
	return status
}
