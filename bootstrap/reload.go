package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

const (
	watchEvery  = 2 * time.Second // how often it is looked whether a file of the configuration is another one
	drainWithin = 5 * time.Hour   // until a former configuration is closed, whoever goes by it: longer than any request has
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
	doc     *document // that was read last, whatever came of it
	alive   []lived   // that may still write, the one that serves last
	rules   int       // how often it changed where something is cached, or how writes fence that

	hangups chan os.Signal
	former  sync.WaitGroup // generations that are not closed yet
	ending  chan struct{}  // closed when they are to be closed at once
}

// A lived is a generation with what it was made of.
type lived struct {
	*generation
	written *settings // as they are written, secrets not asked for
	rules   int       // how often they were others before it, see surroundings: by which cache it has
}

func (p *program) newReloader(doc *document) (*reloader, error) {
	if err := checkDrivers(p.drivers); err != nil {
		return nil, err
	}
	r := &reloader{p: p, lending: newLending(), doc: doc, hangups: make(chan os.Signal, 1), ending: make(chan struct{})}
	signal.Notify(r.hangups, syscall.SIGHUP) // from now on, and to the end: it must not end a server that starts or stops
	return r, nil
}

// open opens what the document describes and makes the storage fit it.
func (r *reloader) open(ctx context.Context, doc *document, in surroundings) (*generation, error) {
	written, err := doc.read(r.p.drivers, r.p.env, nil)
	if err != nil {
		return nil, err
	}
	in.draining, in.reload = &r.draining, r
	opened := &closers{lending: r.lending}
	var g *generation
	if err := r.p.wireIn(ctx, doc, opened, in, func(ready *generation) { g = ready }); err != nil {
		return nil, err
	}
	if err := g.begin(ctx); err != nil {
		return nil, errors.Join(err, opened.close(ctx))
	}
	r.alive = append(r.alive, lived{g, written, in.rules})
	return g, nil
}

// errReloading says that one is under way.
var errReloading = fault.New(fault.Conflict, "bootstrap.reload", "the configuration is being reloaded already").Coded("reloading")

// reload reads the configuration again and has the server go by it. It returns what is
// different now; if there is an error, everything is as it was. While one is under way
// another one is refused.
func (r *reloader) reload(ctx context.Context) ([]string, error) {
	if !r.mu.TryLock() {
		return nil, errReloading
	}
	defer r.mu.Unlock()
	if r.p.configPath == "" {
		return nil, fault.New(fault.Refused, "bootstrap.reload", "the configuration is that of the program, which has no file").
			Hinting("portolan init writes one to begin with")
	}
	doc, err := r.p.document()
	if err != nil {
		return nil, err
	}
	r.doc = doc
	written, err := doc.read(r.p.drivers, r.p.env, nil)
	if err != nil {
		return nil, err
	}
	former := r.alive[len(r.alive)-1]
	if err := written.fixedAs(former.written); err != nil {
		return nil, err
	}
	in, err := r.among(written)
	if err != nil {
		return nil, err
	}
	g, err := r.open(ctx, doc, in)
	if err != nil {
		return nil, err
	}
	r.rules = in.rules // not before: what could not be opened changed nothing
	changes := differences(former.settings, g.settings)
	r.serving.now.Store(g)
	former.rest()
	g.lead(ctx)
	r.former.Go(func() { r.drain(ctx, former.generation, g.uploads) })
	g.settings.warnOfLimits(g.limiting, g.log)
	return changes, nil
}

// among returns the surroundings of a generation that is written so.
func (r *reloader) among(written *settings) (in surroundings, err error) {
	in.rules = r.rules
	r.alive = slices.DeleteFunc(r.alive, func(g lived) bool {
		select {
		case <-g.gone:
			return true
		default:
			return false
		}
	})
	last := r.alive[len(r.alive)-1]
	others, err := written.cachesOtherwise(last.written)
	if err != nil {
		return in, err
	}
	if others {
		in.rules++
	}
	for _, g := range r.alive { // also those before the last, though they may be written as this one is: that has another cache
		if g.rules != in.rules {
			in.former = append(in.former, g.gone)
		}
	}
	return in, nil
}

// drain closes what is over.
func (r *reloader) drain(ctx context.Context, former *generation, uploads *importing) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	go func() {
		select {
		case <-r.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	var errs []error
	if former.uploads != uploads { // what it imports is gone on with when the same store is served again
		errs = append(errs, former.uploads.stop(ctx))
	}
	if err := errors.Join(append(errs, former.close(ctx))...); err != nil {
		former.log.Error("a former configuration was not closed in good order", "error", err)
	}
}

// close closes everything. Nobody reloads any more.
func (r *reloader) close(ctx context.Context) error {
	defer signal.Stop(r.hangups)
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
func (r *reloader) watch(ctx context.Context, every time.Duration) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		tried, seen := r.read().stamp, "" // what was read, or could not be, last; and what was seen since
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.hangups:
				r.tell(ctx, "SIGHUP")
				tried = r.read().stamp
			case <-ticks.C:
				now := r.read().stampNow()
				if now == tried || now == r.read().stamp || now != seen { // or somebody may be writing it still
					seen = now
					continue
				}
				r.tell(ctx, "a file changed")
				tried = now
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// read returns the document that was read last.
func (r *reloader) read() *document {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doc
}

// tell reloads and logs what came of it.
func (r *reloader) tell(ctx context.Context, why string) {
	log := r.serving.now.Load().log // which may be another one then
	changes, err := r.reload(ctx)
	switch {
	case ctx.Err() != nil, errors.Is(err, error(errReloading)):
	case err != nil:
		log.Error("the configuration was not reloaded, and the one before goes on", "because", why, "error", err)
	default:
		log.Info("the configuration was reloaded", "because", why, "changes", changes)
	}
}

// stampNow tells of which files the document is now, of what size, and since when, as stamp
// does of when they were read. That of the program, which has no file, is always the same.
func (doc *document) stampNow() string {
	if doc.stamp == "" {
		return ""
	}
	stamp := stampOf(doc.name)
	for _, pattern := range doc.patterns {
		paths, _ := filepath.Glob(pattern) // it was read by this pattern
		for _, path := range paths {
			stamp += stampOf(path)
		}
	}
	return stamp
}

// stampOf tells of what size a file is, and since when.
func stampOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path + " cannot be read\n"
	}
	return fmt.Sprintf("%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
}
