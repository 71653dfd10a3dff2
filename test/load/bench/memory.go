//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A footprint is what a server takes to be there.
type footprint struct {
	what  string
	ready time.Duration // from the start of the program to its first answer
	idle  int64         // resident octets, a second after that
	busy  int64         // resident octets, after five rounds of requests at 32 connections
}

// starts is how often a server is started, of which the median counts.
const starts = 5

// footprints measures the laptop's configuration, and the one that is cached over
// SQLite with everything on.
func (w *workshop) footprints(ctx context.Context, s settings, token string) ([]footprint, error) {
	laptop := w.path("laptop") // without a configuration: the built-in one
	if err := os.MkdirAll(laptop, 0o755); err != nil {
		return nil, err
	}
	all := []struct {
		what  string
		start func() (*process, error)
		next  func([]byte) []byte
	}{
		{"laptop: memory, metrics, the sample of 2,000 products", func() (*process, error) {
			cmd := exec.CommandContext(ctx, w.portolan, "serve")
			cmd.Dir = laptop
			return w.launch(ctx, "laptop", cmd, "/v1/products?$first=1")
		}, gets("", w.page(pages, 10))},
		{"SQLite and bigcache, everything on", func() (*process, error) {
			return w.serve(ctx, variant{binary: w.portolan, Everything: true, Logged: true, Cached: true}, "portolan.db")
		}, w.everything(token)},
	}
	var found []footprint
	for _, one := range all {
		var each []footprint
		for range min(starts, s.rounds) {
			f, err := measureFootprint(ctx, one.start, one.next, s)
			if err != nil {
				return nil, err
			}
			each = append(each, f)
		}
		found = append(found, footprint{
			what:  one.what,
			ready: median(each, func(f footprint) time.Duration { return f.ready }),
			idle:  median(each, func(f footprint) int64 { return f.idle }),
			busy:  median(each, func(f footprint) int64 { return f.busy }),
		})
	}
	return found, nil
}

// everything asks for every record once in turn, and for pages in between, so that
// the cache is as full as it gets.
func (w *workshop) everything(headers string) func([]byte) []byte {
	list, at := gets(headers, w.page(pages, 10)), 0
	return func(dst []byte) []byte {
		at++
		if at%8 == 0 {
			return list(dst)
		}
		dst = append(append(dst, "GET /v1/products/"...), w.ids[at%len(w.ids)]...)
		return append(append(append(dst, " HTTP/1.1\r\nHost: bench\r\n"...), headers...), "\r\n"...)
	}
}

// measureFootprint starts a server, looks at it, drives it and looks again.
func measureFootprint(ctx context.Context, start func() (*process, error), next func([]byte) []byte, s settings) (f footprint, err error) {
	p, err := start()
	if err != nil {
		return f, err
	}
	defer p.stop()
	f.ready = p.ready
	time.Sleep(min(time.Second, s.round)) // what the start left to be collected, is
	if f.idle, err = p.resident(); err != nil {
		return f, err
	}
	driven := contestant{what: filepath.Base(p.name), server: p, next: next}
	if _, err := driven.drive(ctx, 5*s.round); err != nil {
		return f, err
	}
	f.busy, err = p.resident()
	return f, err
}
