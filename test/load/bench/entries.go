//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	started "github.com/portolan-io/portolan/test/servers"
)

// Entries are what a number of cached records take.
type entries struct {
	what   string
	n      int
	server int64 // resident octets of the server more than before
	redis  int64 // octets that Redis uses more than before
}

// mostEntries is how many records are read, if there are so many.
const mostEntries = 100_000

// roomy is how many MiB bigcache may take for so many records to be kept at once.
const roomy = 256

// entries has each way of caching keep different records, and looks at the memory
// before and after.
func (w *workshop) entries(ctx context.Context, s settings, h *hall) (all []entries, err error) {
	for _, one := range []struct {
		what string
		db   string
		variant
	}{
		{inProcess, "entries_one", variant{Cached: true, Room: roomy}},
		{overNetwork, "entries_many", variant{}},
		{tiered, "entries_near", variant{Near: true, Room: roomy}},
	} {
		v := one.variant
		v.binary, v.Everything = w.portolan, true
		if v.DSN, err = h.database.copyOf(ctx, "shop", one.db); err != nil {
			return nil, err
		}
		e, err := w.measureEntries(ctx, s, v, !v.Cached, h.token)
		if err != nil {
			return nil, fmt.Errorf("entries: %s: %w", one.what, err)
		}
		e.what = one.what
		all = append(all, e)
	}
	return all, nil
}

// measureEntries starts a server, with an empty Redis if it shares, and has it keep
// the records.
func (w *workshop) measureEntries(ctx context.Context, s settings, v variant, shares bool, token string) (e entries, err error) {
	usedOctets := func(context.Context) (int64, error) { return 0, nil }
	if shares {
		server, err := started.StartRedis() //nolint:contextcheck // it runs until Stop
		if err != nil {
			return e, err
		}
		v.Redis = server.Address
		client := goredis.NewClient(&goredis.Options{Addr: server.Address, Protocol: 2})
		defer func() { err = errors.Join(err, client.Close(), server.Stop()) }()
		usedOctets = func(ctx context.Context) (int64, error) { return usedMemory(ctx, client) }
	}
	p, err := w.serve(ctx, v, "entries")
	if err != nil {
		return e, err
	}
	defer p.stop()
	look := func() (server, redis int64, err error) {
		// Two collections, because what the first finds to be garbage the second gives back.
		if err := errors.Join(fetch(ctx, p.admin, "/debug/pprof/heap?gc=1", io.Discard), fetch(ctx, p.admin, "/debug/pprof/heap?gc=1", io.Discard)); err != nil {
			return 0, 0, err
		}
		server, err = p.resident()
		redis, wrong := usedOctets(ctx)
		return server, redis, errors.Join(err, wrong)
	}
	// One record first, again and again, so that connections and the heap have grown.
	e.n = min(mostEntries, len(w.ids))
	warm := contestant{what: "entries", server: p, next: gets(token, one("/v1/products/", w.ids[:1]))}
	if _, err := warm.drive(ctx, s.round); err != nil {
		return e, err
	}
	server, redis, err := look()
	if err != nil {
		return e, err
	}
	if err := readAll(ctx, s, p, token, w.ids[:e.n]); err != nil {
		return e, err
	}
	e.server, e.redis, err = look()
	e.server, e.redis = e.server-server, e.redis-redis
	return e, err
}

// readAll gets each of the records once at least.
func readAll(ctx context.Context, s settings, p *process, token string, ids []string) error {
	asked := 0
	reader := contestant{what: "entries", server: p, next: func(dst []byte) []byte {
		id := ids[asked%len(ids)]
		asked++
		return appendGet(dst, "/v1/products/"+id, token)
	}}
	for asked < len(ids) {
		if _, err := reader.drive(ctx, s.round); err != nil {
			return err
		}
	}
	return nil
}

// usedMemory returns how many octets Redis uses for what it keeps.
func usedMemory(ctx context.Context, client *goredis.Client) (int64, error) {
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(info, "used_memory:")
	digits, _, _ := strings.Cut(after, "\r\n")
	return strconv.ParseInt(digits, 10, 64)
}

// appendGet appends a request for the path.
func appendGet(dst []byte, path, headers string) []byte {
	for _, part := range []string{"GET ", path, " HTTP/1.1\r\nHost: bench\r\n", headers, "\r\n"} {
		dst = append(dst, part...)
	}
	return dst
}
