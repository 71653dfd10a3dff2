package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"time"

	"github.com/portolan-io/portolan/core/policy"
)

// stopTime is how long a stop may take until the listeners are closed. With
// closeTime for the ports it is nine seconds, which is less than what the
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
	r, err := p.newReloader(doc)
	if err != nil {
		return err
	}
	first, err := r.open(ctx, doc, surroundings{})
	if err != nil {
		return err
	}
	srv := newServer(ctx, first, &r.draining)
	r.serving = &srv.serving
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	first.settings.warnOfLimits(first.limiting, first.log)
	developing, err := first.develop(ctx, first.log)
	if err != nil {
		return err
	}
	if err := srv.start(ctx); err != nil {
		return err
	}
	first.lead(ctx)
	defer sparing(ctx, first.cache.held, spareEvery, p.env)()
	p.announce(ctx, first.served, srv, developing)
	first.log.Info("serving", "api", srv.public.url(), "admin", srv.admin.url(), "configuration", doc.name)
	unwatch := r.watch(ctx, watchEvery)
	return srv.untilStopped(ctx, first.log, func(within context.Context) error {
		unwatch()
		last := srv.serving.now.Load()
		go last.rest()          // a database that hangs lets go of it a second later
		imports := last.uploads // stops first: it has the longest way to its end
		return errors.Join(imports.stop(within), srv.stop(within))
	})
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
