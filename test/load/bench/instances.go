//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	started "github.com/portolan-io/portolan/test/servers"
)

// overRedis are the names of what is measured over PostgreSQL with what Redis keeps.
const overRedis = "shared-get shared-list shared-mixed shared-bursts shared-entries fencing-postgres-replace fencing-postgres-half"

// A redis is a Redis of this run.
type redis struct{ *started.Server }

func (r *redis) cpu() (time.Duration, error) { return used(r.PID) }

// A hall is the servers whose answers several instances share, or might. Each way of
// caching has a database of its own, because servers that cache in different ways
// notice each other, and then none of them does.
type hall struct {
	group
	database *database
	redis    *redis
	token    string

	limit                          *process // with Redis, and over the database of none
	none, one, many, near, bounded *process // everything on
	dsn                            map[string]string
}

// withRedis calls do with the servers, if Redis is there. The database shop is
// nobody's yet.
func (w *workshop) withRedis(ctx context.Context, d *database, token string, do func(*hall) error) (err error) {
	server, err := started.StartRedis() //nolint:contextcheck // it runs until Stop
	if errors.Is(err, started.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	h := &hall{database: d, redis: &redis{server}, token: token, dsn: map[string]string{}}
	defer h.stop()
	if err := h.open(ctx, w); err != nil {
		return err
	}
	return do(h)
}

// open copies the database and starts the servers.
func (h *hall) open(ctx context.Context, w *workshop) (err error) {
	for _, name := range []string{"none", "one", "many", "bounded"} {
		if h.dsn[name], err = h.database.copyOf(ctx, "shop", name); err != nil {
			return err
		}
	}
	if h.limit, err = h.start(w.serveLimit(ctx, "limit.db", "-postgres", h.dsn["none"], "-redis", h.redis.Address)); err != nil {
		return err
	}
	for _, each := range []struct {
		server *(*process)
		db     string
		variant
	}{
		{&h.none, "none", variant{}},
		{&h.one, "one", variant{Cached: true}},
		{&h.many, "many", variant{Redis: h.redis.Address}},
		{&h.near, "many", variant{Redis: h.redis.Address, Near: true}},
		{&h.bounded, "bounded", variant{Redis: h.redis.Address, Near: true, Bounded: true}},
	} {
		v := each.variant
		v.binary, v.Everything, v.DSN = w.portolan, true, h.dsn[each.db]
		if *each.server, err = h.start(w.serve(ctx, v, "shared-"+each.db)); err != nil {
			return err
		}
	}
	return nil
}

// overRedis measures what is over Redis.
func (w *workshop) overRedis(ctx context.Context, s settings, r *report, d *database, token string) error {
	return w.withRedis(ctx, d, token, func(h *hall) (err error) {
		if r.shared, err = judge(ctx, s, h.contests(w)); err != nil {
			return err
		}
		h.stop()
		if s.wants("shared-bursts") {
			if r.bursts, err = w.bursts(ctx, s, h); err != nil {
				return err
			}
		}
		if s.wants("shared-entries") {
			r.entries, err = w.entries(ctx, s, h)
		}
		return err
	})
}
