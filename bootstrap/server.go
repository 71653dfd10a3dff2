package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// writeAllowance is what writing an answer may take on top of making it.
const writeAllowance = 5 * time.Second

// maxStreams is how many requests one connection of HTTP/2 may have at once.
const maxStreams = 100

// maxFrame is how many octets one of its frames may have: what every peer takes (RFC 9113,
// section 4.2).
const maxFrame = 16 << 10

// maxAdminConnections is enough for probes, a scrape and a profile.
const maxAdminConnections = 64

// A server is the two listeners: the API for everybody, and metrics, readiness
// and profiles for whoever runs it.
type server struct {
	settings *settings
	log      *slog.Logger
	public   endpoint
	admin    endpoint     // without a handler if it is off
	shown    *certificate // nil if it speaks plain HTTP
	unwatch  func()       // ends what looks for another one
	cut      func(error)  // ends the requests that are being answered, for that cause
	serving  serving
	failed   chan error
	draining *atomic.Bool
}

// An endpoint is one listener and what answers on it.
type endpoint struct {
	*http.Server
	listener net.Listener
	secure   bool // it speaks TLS; net/http puts a TLSConfig into any server
}

// newServer returns the server that answers by the generation, and by those that follow it.
// How it listens is that of the first. Requests go on when ctx is done.
func newServer(ctx context.Context, g *generation, draining *atomic.Bool) *server {
	s := &server{settings: g.settings, log: g.log, shown: g.shown, draining: draining, failed: make(chan error, 2)}
	var requests context.Context
	requests, s.cut = context.WithCancelCause(context.WithoutCancel(ctx))
	s.serving.now.Store(g)
	s.public.Server = s.newHTTP(requests, s.serving.handler(func(g *generation) http.Handler { return g.public }))
	if g.shown != nil {
		s.public.TLSConfig, s.public.secure = g.shown.config(), true
	}
	if g.admin != nil {
		s.admin.Server = s.newHTTP(requests, s.serving.handler(func(g *generation) http.Handler { return g.admin }))
		s.admin.WriteTimeout = 0 // a profile takes as long as it was asked to
	}
	return s
}

// checkUnsigned says aloud that whatever tokens say is believed, and returns an error if
// others than this machine can send some.
func (s *served) checkUnsigned(log *slog.Logger) error {
	if !s.unsigned {
		return nil
	}
	service := s.settings.Service
	if !isLoopback(service.Listen) || len(service.TrustedProxies) > 0 {
		return fault.New(fault.Invalid, "bootstrap.newServer", "with an emulator tokens are signed by nobody, and %s is reached by others than this machine", service.Listen).
			Hinting("listen on 127.0.0.1 without trusted_proxies, or leave emulator out")
	}
	log.Warn("tokens of the Firebase emulator are accepted, which nobody signs: whoever reaches this server can be anybody")
	return nil
}

// httpConfig returns the configuration of the public handler.
func (s *served) httpConfig(w *watching, log *slog.Logger) httpapi.Config {
	service := s.settings.Service
	config := httpapi.Config{
		API: s.api, Identify: s.identity.Identify, Observer: w.Observer, Log: log,
		Base: service.Base, Docs: service.Docs, MaxBody: service.MaxBody, Timeout: service.RequestTimeout,
		TrustedProxies: service.TrustedProxies, CORS: service.CORS.of(),
		TraceID: otel.TraceID, Extract: extract, // a trace that comes in is logged, exported or not
		Loopback: isLoopback(service.Listen) && len(service.TrustedProxies) == 0, // behind a proxy others reach it too
	}
	if w.spans {
		config.Span = otel.Span
	}
	if s.issuer != nil {
		config.KeySet = s.issuer.KeySet
	}
	if s.elsewhere != nil {
		config.Accounts = s.elsewhere
	}
	if s.accounts != nil {
		config.Accounts, config.Identify, config.Providers = s.accounts, s.accounts.Identify, s.oauth
	}
	config.Identify = layer.TraceGate(config.Identify, w)
	return config
}

// extract returns ctx as part of the trace that a request carries in. A trusted proxy has a say
// in whether it is recorded.
func extract(ctx context.Context, header http.Header, trusted bool) context.Context {
	ctx = otel.Extract(ctx, header)
	if trusted {
		ctx = otel.Trust(ctx)
	}
	return ctx
}

func adminHandlers(w *watching) map[string]http.Handler {
	handlers := map[string]http.Handler{
		"/debug/pprof/":        http.HandlerFunc(pprof.Index),
		"/debug/pprof/cmdline": http.HandlerFunc(pprof.Cmdline),
		"/debug/pprof/profile": http.HandlerFunc(pprof.Profile),
		"/debug/pprof/symbol":  http.HandlerFunc(pprof.Symbol),
		"/debug/pprof/trace":   http.HandlerFunc(pprof.Trace),
	}
	if w.metrics != nil {
		handlers["/metrics"] = w.metrics
	}
	return handlers
}

// newHTTP returns a server whose requests are within the context.
func (s *server) newHTTP(requests context.Context, handler http.Handler) *http.Server {
	service := s.settings.Service
	return &http.Server{
		BaseContext:       func(net.Listener) context.Context { return requests },
		Handler:           handler,
		ReadHeaderTimeout: service.HeaderTimeout,
		ReadTimeout:       service.ReadTimeout,
		WriteTimeout:      service.RequestTimeout + writeAllowance,
		IdleTimeout:       service.IdleTimeout,
		MaxHeaderBytes:    service.MaxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxFrame},
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // clients that break off
	}
}

// start takes the addresses and begins to serve. It does not block.
func (s *server) start(ctx context.Context) error {
	service := s.settings.Service
	if err := s.listen(ctx, &s.public, service.Listen, service.MaxConnections); err != nil {
		return err.Hinting("%s", s.settings.elsewhere("listen"))
	}
	s.watch(ctx)
	if s.admin.Server == nil {
		return nil
	}
	if err := s.listen(ctx, &s.admin, service.Admin, maxAdminConnections); err != nil {
		return errors.Join(err.Hinting("%s", s.settings.elsewhere("admin")), s.stop(ctx))
	}
	return nil
}

// elsewhere says how to choose another address than that of the key of service:
// by the environment variables that it is made of, if there are any.
func (s *settings) elsewhere(key string) string {
	where := "choose another with service." + key
	written := within(s.document.root, []string{"service", key})
	if written.Kind != yaml.ScalarNode {
		return where
	}
	var names []string
	for _, reference := range variable.FindAllStringSubmatch(written.Value, -1) {
		name, _, _ := strings.Cut(reference[1], ":-")
		if !strings.HasPrefix(reference[0], "$$") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return where
	}
	return where + ", or with " + enumerate(names, "and") + ", of which it is made"
}

// watch has it looked for another certificate until the stop.
func (s *server) watch(ctx context.Context) {
	if s.shown == nil {
		return
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.shown.watch(ctx) })
	s.unwatch = func() {
		end()
		running.Wait()
	}
}

func (s *server) listen(ctx context.Context, e *endpoint, address string, most int) *fault.Error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fault.New(fault.Unavailable, "bootstrap.listen", "the address %s cannot be listened on; another program may have it", address).
			Because(err)
	}
	e.listener = capConnections(listener, most)
	go func() {
		serve := func() error { return e.Serve(e.listener) }
		if e.secure {
			serve = func() error { return e.ServeTLS(e.listener, "", "") }
		}
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return nil
}

// drain makes the server not ready and goes on accepting for the drain delay,
// so that whoever sends requests here notices first.
func (s *server) drain(ctx context.Context) {
	s.draining.Store(true)
	select {
	case <-time.After(s.settings.Service.DrainDelay):
	case <-ctx.Done():
	}
}

// cutTime is what is left of a stop, or half of what is left then, for requests that are told that they
// will not be finished: more than a database is given to end what it was told to cancel.
const cutTime = 1500 * time.Millisecond

// stop takes no more requests and waits for those that are being answered, as
// long as ctx allows. A little before, what is left is told to end, and answered so; what is
// left then is cut off.
func (s *server) stop(ctx context.Context) error {
	s.draining.Store(true)
	if s.unwatch != nil {
		s.unwatch()
	}
	patient := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var end func()
		patient, end = context.WithDeadline(ctx, deadline.Add(-min(cutTime, time.Until(deadline)/2)))
		defer end()
	}
	var errs []error
	for _, e := range []endpoint{s.public, s.admin} {
		if e.Server == nil || e.listener == nil || e.Shutdown(patient) == nil {
			continue
		}
		s.cut(telemetry.ErrStopping)
		if e.Shutdown(ctx) != nil {
			errs = append(errs, e.Close())
		}
	}
	return errors.Join(errs...)
}
