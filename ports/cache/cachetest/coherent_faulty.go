package cachetest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A faulty cache is a right one that a case can make fail, forget or wait.
type faulty struct {
	mu     sync.Mutex
	kept   map[string]entry
	fails  map[string]bool // methods that fail, by name
	closed bool

	// hold, if not nil, is called by Set before it keeps anything.
	hold func()
}

type entry struct {
	value []byte
	until time.Time
}

func newFaulty() *faulty { return &faulty{kept: make(map[string]entry), fails: make(map[string]bool)} }

// fail makes the methods fail from now on, or work again.
func (f *faulty) fail(fails bool, methods ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, method := range methods {
		f.fails[method] = fails
	}
}

// forget removes everything.
func (f *faulty) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.kept)
}

func (f *faulty) err(ctx context.Context, method string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.closed || f.fails[method] {
		return fault.New(fault.Unavailable, "cachetest."+method, "the cache does not answer")
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, key string) ([]byte, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.err(ctx, "Get"); err != nil {
		return nil, false, err
	}
	kept, ok := f.kept[key]
	if !ok || !time.Now().Before(kept.until) {
		return nil, false, nil
	}
	return kept.value, true, nil
}

func (f *faulty) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		hold()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.err(ctx, "Set"); err != nil {
		return err
	}
	if len(key) > cache.MaxKey {
		return fault.New(fault.Invalid, "cachetest.Set", "a key has at most %d octets, not %d", cache.MaxKey, len(key))
	}
	delete(f.kept, key)
	if ttl > 0 && !f.fails["full"] {
		f.kept[key] = entry{bytes.Clone(value), time.Now().Add(ttl)}
	}
	return nil
}

func (f *faulty) Delete(ctx context.Context, keys ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.err(ctx, "Delete"); err != nil {
		return err
	}
	for _, key := range keys {
		delete(f.kept, key)
	}
	return nil
}

func (f *faulty) Ping(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err(ctx, "Ping")
}

func (f *faulty) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}
