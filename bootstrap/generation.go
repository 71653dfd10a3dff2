package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
)

// A generation is all that one configuration opened, and what answers by it. A server has
// one, and while it reloads for a moment two: requests that one began it also ends.
type generation struct {
	*served
	public, admin http.Handler // admin is nil if it is off
	limiting      limiting
	uploads       *importing
	shown         *certificate
	watching      *watching
	log           *slog.Logger
	opened        *closers
	resting       atomic.Pointer[func()] // ends what goes on beside requests, of one that leads

	asked    atomic.Int64 // requests and imports that go by it now; far below 0 when none may any more
	replaced atomic.Bool  // another one answers what comes
	idle     func()       // closes gone
	gone     chan struct{}
}

func newGeneration(s *served, shown *certificate, uploads *importing, l limiting, noted *auditing, w *watching, in surroundings, opened *closers, log *slog.Logger) (*generation, error) {
	g := &generation{served: s, limiting: l, uploads: uploads, shown: shown, watching: w, log: log, opened: opened, gone: make(chan struct{})}
	g.idle = sync.OnceFunc(func() { close(g.gone) })
	if err := s.checkUnsigned(log); err != nil {
		return nil, err
	}
	used, err := usageOf(opened)
	if err != nil {
		return nil, err
	}
	needed := s.needed(used)
	config := s.httpConfig(w, log)
	config.Audit, config.LogKey = noted.to, noted.key
	config.AuditAuthentication = auditOf(s.settings.Audit.Authentication)
	config.Uploads, config.Stall, config.Limits = uploads.Uploads, s.settings.Service.ReadTimeout, l.limits
	config.Ready = func(ctx context.Context) error {
		if err := in.accepting(ctx); err != nil {
			return err
		}
		for _, port := range needed {
			if err := port.Ping(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if g.public, err = httpapi.New(config); err != nil || s.settings.Service.Admin == "off" {
		return g, err
	}
	handlers := adminHandlers(w)
	if in.reload != nil {
		handlers[reloadPath] = in.reload
	}
	g.admin, err = httpapi.NewAdmin(httpapi.AdminConfig{
		Ports:    needed,
		Optional: s.optional(l, noted, w, used),
		Loopback: isLoopback(s.settings.Service.Admin),
		Ready:    in.accepting,
		Log:      log,
		Site:     config,
		Handlers: handlers,
	})
	return g, err
}

// begin makes the storage fit, and has everything else work that is needed before the first
// request.
func (g *generation) begin(ctx context.Context) error {
	if err := g.store.Ensure(ctx, g.api.Schemas()); err != nil {
		return err
	}
	return g.cache.join(ctx)
}

// lead has what goes on beside requests go by this generation, from now on.
func (g *generation) lead(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if err := g.watching.tell(); err != nil {
		g.log.Error("some figures are not told", "error", err)
	}
	g.uploads.begin(ctx, g)
	sweeps, rereads := sweeping(ctx, g.api, sweepEvery, g.log), rereading(ctx, g.rereads)
	end := sync.OnceFunc(func() { sweeps(); rereads() })
	g.resting.Store(&end)
}

// rest ends what goes on beside requests, if there is any yet, and waits until it has. It is safe
// for concurrent use.
func (g *generation) rest() {
	if end := g.resting.Load(); end != nil {
		(*end)()
	}
}

// close waits until nobody is answered any more, for half of the time that ctx allows, and lets go
// of everything.
func (g *generation) close(ctx context.Context) error {
	g.rest()
	g.replaced.Store(true)
	g.end()
	patient := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel func()
		patient, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	select {
	case <-g.gone:
	case <-patient.Done():
		g.idle() // what is left is cut off
	}
	return g.opened.close(ctx)
}

// over is what asked is below when nobody may enter any more.
const over = -1 << 40

// enter has the generation stay for a request or an import, until leave is called, and
// reports whether it can.
func (g *generation) enter() bool {
	if g.asked.Add(1) > 0 {
		return true
	}
	g.asked.Add(-1)
	return false
}

// leave is called when a request is answered, or an import is over or goes on elsewhere.
func (g *generation) leave() {
	if g.asked.Add(-1) == 0 && g.replaced.Load() {
		g.end()
	}
}

// end says that nobody is answered, if that is so, and has it stay so.
func (g *generation) end() {
	if g.asked.CompareAndSwap(0, over) {
		g.idle()
	}
}

// A serving is the generation that answers. It is safe for concurrent use.
type serving struct{ now atomic.Pointer[generation] }

// enter returns the generation for a request, which calls leave on it.
func (s *serving) enter() *generation {
	for {
		if g := s.now.Load(); g.enter() { // or another one has just taken its place
			return g
		}
	}
}

// handler answers by the generation of the moment at which the request came.
func (s *serving) handler(of func(*generation) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := s.enter()
		defer g.leave()
		of(g).ServeHTTP(w, r)
	})
}
