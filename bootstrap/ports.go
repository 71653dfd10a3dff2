package bootstrap

import (
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"net/http"
	"reflect"

	"go.uber.org/fx"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// minSecretBytes is the least length of what hashes and signatures are keyed
// with, as RFC 2104 advises for SHA-256.
const minSecretBytes = 32

// graph is everything but the task: from the drivers and the document to the
// server. fx opens of it what the task needs.
func graph(ctx context.Context, doc *document, drivers []Driver, env environment, opened *closers) fx.Option {
	options := []fx.Option{
		fx.Supply(doc, env, opened, fx.Annotate(ctx, fx.As(new(context.Context)))),
		fx.Provide(openSettings, openTelemetry, openRepository, openCache, openAuth, openLimits, newCore, newLog, openUploads, newServer),
	}
	for _, driver := range drivers {
		options = append(options, fx.Supply(fx.Annotate(driver, fx.ResultTags(`group:"drivers"`))))
	}
	return fx.Options(options...)
}

// unopened are the drivers of the table and those that a third party adds.
type unopened struct {
	fx.In
	Drivers []Driver `group:"drivers"`
}

// openSettings reads the document, opens the secrets port, and reads the
// document again with what the secrets hold.
func openSettings(ctx context.Context, doc *document, all unopened, env environment, opened *closers) (*settings, error) {
	if err := checkDrivers(all.Drivers); err != nil {
		return nil, err
	}
	s, err := doc.read(all.Drivers, env, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.collections(); err != nil {
		return nil, err
	}
	var source secrets.Source
	if s.Secrets.given() {
		if source, err = open[secrets.Source](ctx, s.secrets); err != nil {
			return nil, err
		}
		opened.addClose(source.Close)
	}
	return doc.read(all.Drivers, env, binder(ctx, source))
}

// binder returns what binds references to the secrets of the source. It asks for
// each at once, so that one which is not there stops the start.
func binder(ctx context.Context, source secrets.Source) binding {
	return func(name string) (secrets.Value, string, error) {
		if source == nil {
			return nil, "", fault.New(fault.Invalid, "bootstrap.secrets", "no secrets port is configured; write secrets: {driver: env}, for one")
		}
		now, err := source.Secret(ctx, name)
		return func(ctx context.Context) (string, error) { return source.Secret(ctx, name) }, now, err
	}
}

// watching is everything that observes, as one.
type watching struct {
	telemetry.Observer
	metrics  http.Handler  // what the admin listener shows, or nil
	counters []poolCounter // who takes the figures of connection pools
	caches   []cacheCounter
	rereads  []rereadCounter
	many     []instanceCounter
	limits   []limitCounter
}

// A poolCounter is an observer that takes the figures of connection pools.
type poolCounter interface {
	Pool(name string, stats func() sql.DBStats) error
}

// watchPools gives the figures of the store's pools, if it has any, to whoever
// takes them.
func (w *watching) watchPools(store repository.Store) error {
	pooled, ok := store.(interface {
		Pools() map[string]func() sql.DBStats
	})
	if !ok {
		return nil
	}
	for name, stats := range pooled.Pools() {
		for _, counter := range w.counters {
			if err := counter.Pool(name, stats); err != nil {
				return err
			}
		}
	}
	return nil
}

func openTelemetry(ctx context.Context, s *settings, log *slog.Logger, opened *closers) (*watching, error) {
	w := &watching{}
	var observers []telemetry.Observer
	for _, driver := range s.telemetry {
		undelivered := func(err error) {
			log.Warn("telemetry was not delivered", "driver", driver.name, "error", err)
		}
		if config, ok := driver.settings.Interface().(otel.Config); ok {
			config.Failed = undelivered
			driver.settings = reflect.ValueOf(config)
		}
		observer, err := open[telemetry.Observer](ctx, driver)
		if err != nil {
			return nil, err
		}
		opened.add(func(ctx context.Context) error {
			if err := observer.Close(ctx); err != nil {
				undelivered(err)
			}
			return nil // what a back end lost is no failure of what was asked
		})
		observers = append(observers, observer)
		if exposed, ok := observer.(interface{ Handler() http.Handler }); ok {
			w.metrics = exposed.Handler()
		}
		if counting, ok := observer.(poolCounter); ok {
			w.counters = append(w.counters, counting)
		}
		if counting, ok := observer.(cacheCounter); ok {
			w.caches = append(w.caches, counting)
		}
		if counting, ok := observer.(rereadCounter); ok {
			w.rereads = append(w.rereads, counting)
		}
		if counting, ok := observer.(instanceCounter); ok {
			w.many = append(w.many, counting)
		}
		if counting, ok := observer.(limitCounter); ok {
			w.limits = append(w.limits, counting)
		}
	}
	w.Observer = layer.Observers(observers...)
	return w, nil
}

// unwatched is the store without a trace, for what asks it every second.
type unwatched struct{ repository.Store }

// openRepository opens the store, and returns what can be asked of it beyond the
// contract too, because layers do not pass that on.
func openRepository(ctx context.Context, s *settings, w *watching, opened *closers) (repository.Store, unwatched, inspector, error) {
	store, err := open[repository.Store](ctx, s.repository)
	if err != nil {
		return nil, unwatched{}, inspector{}, err
	}
	opened.addClose(store.Close)
	if err := w.watchPools(store); err != nil {
		return nil, unwatched{}, inspector{}, err
	}
	return layer.Trace(store, w), unwatched{store}, inspectorOf(store), nil
}

func openAuth(ctx context.Context, s *settings, opened *closers) ([]auth.Authenticator, error) {
	var all []auth.Authenticator
	for _, driver := range s.auth {
		authenticator, err := open[auth.Authenticator](ctx, driver)
		if err != nil {
			return nil, err
		}
		opened.addClose(authenticator.Close)
		all = append(all, authenticator)
	}
	return all, nil
}

// A served is the API with who may use it.
type served struct {
	settings *settings
	store    repository.Store
	tables   inspector
	cache    caches
	api      *core.API
	identity *core.Identity
	rereads  *core.Rereads  // nil without a cache
	accounts *core.Accounts // nil if there are none here
	issuer   issuing        // nil if none of the authenticators makes tokens

	elsewhere *core.AccountsElsewhere // nil if there are none there
	unsigned  bool                    // whatever tokens say is believed
}

func newCore(ctx context.Context, s *settings, store repository.Store, tables inspector, kept caches, authenticators []auth.Authenticator, l limiting, w *watching, log *slog.Logger) (*served, error) {
	collections, err := s.collections()
	if err != nil {
		return nil, err
	}
	config := core.Config{Store: store, Cache: kept.coherent, CacheShared: kept.many && !s.NearCache.given(), Collections: collections, Pepper: s.pepper()}
	if config.CursorKey, err = keyOf(ctx, "service.cursor_key", s.Service.CursorKey); err != nil {
		return nil, err
	}
	if _, err = keyOf(ctx, "service.key_pepper", config.Pepper); err != nil {
		return nil, err
	}
	if config.Rereads, err = newRereads(s, w, log); err != nil {
		return nil, err
	}
	api, err := core.New(config)
	if err != nil {
		return nil, err
	}
	issuer, unsigned := issuerOf(authenticators), believed(authenticators)
	elsewhere, err := newElsewhere(s, directoryOf(s, authenticators), l.limiter)
	if err != nil {
		return nil, err
	}
	identity := core.NewIdentity(config, layered(authenticators, w))
	accounts, err := newAccounts(ctx, s, api, identity, issuer, l.limiter, log)
	if err != nil {
		return nil, err
	}
	return &served{
		settings: s, store: store, tables: tables, cache: kept, api: api,
		identity: identity, rereads: config.Rereads, accounts: accounts, issuer: issuer, elsewhere: elsewhere, unsigned: unsigned,
	}, nil
}

// layered returns the authenticators with what they recognised remembered, where that
// may be, and beneath that counted, so that metrics count what is verified.
func layered(authenticators []auth.Authenticator, w *watching) []auth.Authenticator {
	all := make([]auth.Authenticator, len(authenticators))
	for i, authenticator := range authenticators {
		all[i] = layer.TraceAuth(authenticator, w)
		if asked, ok := authenticator.(interface{ Revocable() bool }); !ok || !asked.Revocable() {
			all[i] = layer.Remember(all[i], nil)
		}
	}
	return all
}

// believed reports whether one of the authenticators takes tokens that nobody signed.
func believed(authenticators []auth.Authenticator) bool {
	for _, each := range authenticators {
		if emulated, ok := each.(interface{ Unsigned() bool }); ok && emulated.Unsigned() {
			return true
		}
	}
	return false
}

// pepper returns what keys the hashes of API keys. Where a key is made at every
// start and no pepper is given, one lives as long as the process.
func (s *settings) pepper() secrets.Value {
	if s.Service.KeyPepper == nil && s.Development.AdminKey {
		return secrets.Fixed(rand.Text() + rand.Text())
	}
	return s.Service.KeyPepper
}

// keyOf returns the octets of a key now, nil if there is none. One that is short
// could be guessed.
func keyOf(ctx context.Context, path string, value secrets.Value) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	text, err := value(ctx)
	if err != nil {
		return nil, err
	}
	if len(text) < minSecretBytes {
		return nil, fault.New(fault.Invalid, "bootstrap.newCore", "%s has %d octets, but must have %d or more", path, len(text), minSecretBytes)
	}
	return []byte(text), nil
}
