package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"time"

	"go.uber.org/fx"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// stopTime is how long a stop may take until the listeners are closed. With
// closeTime for the ports it is eight seconds, which is less than what the
// platforms allow before they kill.
const stopTime = 7 * time.Second

// serve runs the server until ctx is done or a listener fails. It stops in
// good order: first not ready, still accepting; then no new requests; then the
// ports are closed.
func (p *program) serve(ctx context.Context) (err error) {
	doc, err := p.document()
	if err != nil {
		return err
	}
	opened := &closers{}
	var running struct {
		*served
		server *server
		log    *slog.Logger
	}
	app, err := p.wire(ctx, doc, opened, func(lc fx.Lifecycle, s *served, srv *server, l limiting, uploads *core.Uploads, log *slog.Logger) {
		running.served, running.server, running.log = s, srv, log
		s.settings.warnOfLimits(l, log)
		lc.Append(fx.StartStopHook(srv.start, srv.stop))
		imports := importer(uploads, log)
		lc.Append(fx.StartStopHook(imports.start, imports.stop)) // stops first: it has the longest way to its end
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	if err := running.store.Ensure(ctx, running.api.Schemas()); err != nil {
		return err
	}
	unfollow, err := running.cache.follow(ctx, opened)
	if err != nil {
		return err
	}
	defer unfollow()
	developing, err := running.develop(ctx, running.log)
	if err != nil {
		return err
	}
	if err := app.Start(ctx); err != nil {
		return err
	}
	defer sweeping(ctx, running.api, sweepEvery, running.log)()
	defer rereading(ctx, running.rereads)()
	defer sparing(ctx, running.cache.held, spareEvery, p.env)()
	p.announce(ctx, running.served, running.server, developing)
	running.log.Info("serving", "api", running.server.public.url(), "admin", running.server.admin.url(), "configuration", doc.name)
	return running.server.untilStopped(ctx, running.log, app.Stop)
}

// untilStopped waits for the order to stop, or for a listener to fail, and then
// stops in good order within stopTime.
func (s *server) untilStopped(ctx context.Context, log *slog.Logger, stop func(context.Context) error) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.failed:
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if failure == nil {
		log.Info("stopping", "drain_delay", s.settings.Service.DrainDelay.String())
		s.drain(within)
	}
	err := errors.Join(failure, stop(within))
	log.Info("stopped")
	return err
}

// url returns where the endpoint listens, or off.
func (e endpoint) url() string {
	if e.listener == nil {
		return "off"
	}
	scheme := "http://"
	if e.secure {
		scheme = "https://"
	}
	return scheme + reachable(e.listener.Addr().String())
}

// operator is who runs a command: the process itself, under the name of the
// user who started it.
func operator() policy.Principal {
	name := "operator"
	if who, err := user.Current(); err == nil && who.Username != "" {
		name = who.Username
	}
	return policy.Principal{Issuer: "cli", Subject: name, Local: true}
}

// records names a number of records.
func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}
