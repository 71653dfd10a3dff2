package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	watchEvery  = 2 * time.Second // how often it is looked whether a file of the configuration is another one
	drainWithin = 5 * time.Minute // how long requests that a former configuration began may take to end
)

// A reloader has a running server go by another configuration. What the two describe alike
// stays open, what is new is opened and tried before anything changes, and what is over is
// closed when the last request that it began has ended. If anything is wrong with the new
// one, nothing changes. It is safe for concurrent use.
type reloader struct {
	p        *program
	serving  *serving
	draining atomic.Bool // the server is to stop

	mu      sync.Mutex // one at a time
	lending *lending
	written *settings // as they are written, secrets not asked for
	rules   int       // how often it changed how writes fence what is cached

	former sync.WaitGroup // generations that are not closed yet
	ending chan struct{}  // closed when they are to be closed at once
}

func (p *program) newReloader(doc *document) (*reloader, error) {
	if err := checkDrivers(p.drivers); err != nil {
		return nil, err
	}
	written, err := doc.read(p.drivers, p.env, nil)
	if err != nil {
		return nil, err
	}
	return &reloader{p: p, lending: newLending(), written: written, ending: make(chan struct{})}, nil
}

// open opens what the document describes and makes the storage fit it.
func (r *reloader) open(ctx context.Context, doc *document, in surroundings) (*generation, error) {
	in.draining, in.reload = &r.draining, r
	if r.rules > 0 {
		in.rules = fmt.Sprint("~", r.rules)
	}
	opened := &closers{lending: r.lending}
	var g *generation
	if err := r.p.wireIn(ctx, doc, opened, in, func(ready *generation) { g = ready }); err != nil {
		return nil, err
	}
	if err := g.begin(ctx); err != nil {
		return nil, errors.Join(err, opened.close(ctx))
	}
	return g, nil
}

// reload reads the configuration again and has the server go by it. It returns what is
// different now; if there is an error, everything is as it was.
func (r *reloader) reload(ctx context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	doc, err := r.p.document()
	if err != nil {
		return nil, err
	}
	written, err := doc.read(r.p.drivers, r.p.env, nil)
	if err != nil {
		return nil, err
	}
	if err := written.fixedAs(r.written); err != nil {
		return nil, err
	}
	former := r.serving.now.Load()
	var in surroundings
	others, err := written.cachesOtherwise(r.written)
	if err != nil {
		return nil, err
	}
	if others {
		r.rules++
		in.former = former.gone
	}
	g, err := r.open(ctx, doc, in)
	if err != nil {
		return nil, err
	}
	changes := differences(former.settings, g.settings)
	r.serving.now.Store(g)
	former.rest()
	g.lead(ctx)
	r.written = written
	r.former.Go(func() { r.drain(ctx, former, g.log.With("configuration", doc.name).Error) })
	g.settings.warnOfLimits(g.limiting, g.log)
	return changes, nil
}

// drain closes what is over.
func (r *reloader) drain(ctx context.Context, former *generation, log func(string, ...any)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	go func() {
		select {
		case <-r.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := former.close(ctx); err != nil {
		log("a former configuration was not closed in good order", "error", err)
	}
}

// close closes everything. Nobody reloads any more.
func (r *reloader) close(ctx context.Context) error {
	close(r.ending)
	r.former.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return r.serving.now.Load().close(ctx)
}

// cachesOtherwise reports whether a collection that both have is cached elsewhere, or fenced
// in another way.
func (s *settings) cachesOtherwise(former *settings) (bool, error) {
	now, err := s.fences()
	if err != nil {
		return false, err
	}
	before, err := former.fences()
	if err != nil {
		return false, err
	}
	maps.DeleteFunc(before, func(name, _ string) bool { return now[name] == "" })
	for name, fenced := range before {
		if now[name] != fenced {
			return true, nil
		}
	}
	return s.cache.key() != former.cache.key() || s.nearCache.key() != former.nearCache.key(), nil
}

// watch reloads whenever a file of the configuration changed, and on SIGHUP, until ctx is
// done or the returned function is called, which waits until nothing of it goes on.
func (r *reloader) watch(ctx context.Context, doc *document, every time.Duration) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() {
		defer signal.Stop(hangups)
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		read, seen := doc.stamp(), "" // when it was read last, and what was seen since
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				read = doc.stamp()
				r.tell(ctx, "SIGHUP")
			case <-ticks.C:
				now := doc.stamp()
				if now == read || now != seen { // or somebody may be writing it still
					seen = now
					continue
				}
				read = now
				r.tell(ctx, "a file changed")
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// tell reloads and logs what came of it.
func (r *reloader) tell(ctx context.Context, why string) {
	changes, err := r.reload(ctx)
	log := r.serving.now.Load().log
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Error("the configuration was not reloaded, and the one before goes on", "because", why, "error", err)
	default:
		log.Info("the configuration was reloaded", "because", why, "changes", changes)
	}
}

// stamp tells of which files the document is, of what size, and since when. Without files it
// is empty.
func (doc *document) stamp() string {
	paths := []string{doc.name}
	for _, pattern := range doc.patterns {
		more, _ := filepath.Glob(pattern) // it was read by this pattern
		paths = append(paths, more...)
	}
	stamp := ""
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			stamp += fmt.Sprintf("%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return stamp
}
