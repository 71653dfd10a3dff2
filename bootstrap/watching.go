package bootstrap

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// watching is everything that observes, as one.
type watching struct {
	telemetry.Observer
	metrics  http.Handler  // what the admin listener shows, or nil
	counters []poolCounter // who takes the figures of connection pools
	caches   []cacheCounter
	rereads  []rereadCounter
	many     []instanceCounter
	limits   []limitCounter
	dropped  []droppedCounter
	lines    slog.Handler // is told of the lines of the log; or nil
	spans    bool         // some of them deliver spans

	ports   []httpapi.Port // how each of them is
	keepers []figureKeeper // who keeps figures until others are given
	figures []func() error // tell of what is open; called when it begins to serve
}

// A figureKeeper is an observer that takes away the figures which give does not give again.
type figureKeeper interface {
	Anew(give func() error) error
}

// A poolCounter is an observer that takes the figures of connection pools.
type poolCounter interface {
	Pool(name string, stats func() sql.DBStats) error
}

// tell has everybody take the figures of what serves from now on, and those of nothing else:
// what a former configuration had and this one has not is told of no more.
func (w *watching) tell() error {
	all := func() error {
		var errs []error
		for _, give := range w.figures {
			errs = append(errs, give())
		}
		return errors.Join(errs...)
	}
	for _, keeper := range w.keepers {
		given := all
		all = func() error { return keeper.Anew(given) }
	}
	return all()
}

// watchPools gives the figures of the store's pools, if it has any, to whoever
// takes them.
func (w *watching) watchPools(store repository.Store) {
	pooled, ok := store.(interface {
		Pools() map[string]func() sql.DBStats
	})
	if !ok {
		return
	}
	for name, stats := range pooled.Pools() {
		for _, counter := range w.counters {
			w.figures = append(w.figures, func() error { return counter.Pool(name, stats) })
		}
	}
}

// openTelemetry opens the observers, which are those of the first configuration whatever a
// later one says.
func openTelemetry(ctx context.Context, s *settings, log *slog.Logger, opened *closers) (*watching, error) {
	lent, err := lend(opened, "telemetry", func(own *closers) (*watching, error) { return newWatching(ctx, s, log, own) })
	if err != nil {
		return nil, err
	}
	w := *lent
	if w.lines != nil {
		tee(log, w.lines) // each configuration has a log of its own
	}
	w.figures = slices.Clip(w.figures) // each configuration adds its own
	return &w, nil
}

// A lateObserver is that of what is open before the observers are. It tells nobody until
// then.
type lateObserver struct {
	now atomic.Pointer[telemetry.Observer]
}

// laterWatcher returns the observer of what opens before all others.
func laterWatcher(opened *closers) (*lateObserver, error) {
	return lend(opened, "later telemetry", func(*closers) (*lateObserver, error) { return &lateObserver{}, nil })
}

// Start tells the observers, if there are some by now.
func (l *lateObserver) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	if now := l.now.Load(); now != nil {
		return (*now).Start(ctx, op)
	}
	return ctx, func(error) {}
}

// Close does nothing: the observers are closed where they were opened.
func (l *lateObserver) Close(context.Context) error { return nil }

func newWatching(ctx context.Context, s *settings, log *slog.Logger, opened *closers) (*watching, error) {
	w := &watching{}
	cursorKey, err := lentKey(ctx, opened, "service.cursor_key", s.Service.CursorKey)
	if err != nil {
		return nil, err
	}
	key := derivedKey(cursorKey, "sampling") // which instances share, and nobody else knows
	var tracing, others []telemetry.Observer
	ends := closedAtOnce(opened)
	lost := lostBy{}
	for i, driver := range s.telemetry {
		failed := &layer.Lately{}
		w.ports = append(w.ports, delivering(join("telemetry", index(i)), driver.name, failed))
		undelivered := func(err error) {
			failed.NoteOwn(time.Now(), fault.New(fault.Unavailable, "bootstrap.undelivered", "telemetry was not delivered").Because(err))
			log.Warn("telemetry was not delivered", "driver", driver.name, "error", err)
		}
		driver.settings = equipped(driver.settings, map[string]any{
			"Failed": undelivered, "Several": s.deliverSpans() > 1, "Trace": exemplar, "Key": key,
		})
		observer, err := open[telemetry.Observer](ctx, driver)
		if err != nil {
			return nil, err
		}
		*ends = append(*ends, func(ctx context.Context) {
			if err := observer.Close(ctx); err != nil {
				undelivered(err)
			}
		})
		if spanning, ok := observer.(interface{ Spans() bool }); ok && spanning.Spans() {
			tracing = append(tracing, observer)
		} else {
			others = append(others, observer)
		}
		if losing, ok := observer.(interface{ Lost() map[string]uint64 }); ok {
			lost[driver.name] = losing.Lost
		}
		if telling, ok := observer.(interface{ Log() slog.Handler }); ok && telling.Log() != nil {
			w.lines = telling.Log()
		}
		w.takes(observer)
	}
	w.spans = len(tracing) > 0
	w.Observer = layer.Observers(append(tracing, others...)...) // so that the others are within the trace
	for _, counter := range w.dropped {
		w.figures = append(w.figures, func() error { return counter.Dropped(lost.all) })
	}
	watcher, err := laterWatcher(opened)
	if err == nil {
		watcher.now.Store(&w.Observer)
	}
	return w, err
}

// closedAtOnce returns what is closed with the others of it at the same time, so that one that
// hangs takes no time from the others.
func closedAtOnce(opened *closers) *[]func(context.Context) {
	var ends []func(context.Context)
	opened.add(func(ctx context.Context) error {
		var group sync.WaitGroup
		for _, end := range ends {
			group.Go(func() { end(ctx) })
		}
		group.Wait()
		return nil // what a back end lost is no failure of what was asked
	})
	return &ends
}

// takes remembers which figures the observer takes.
func (w *watching) takes(observer telemetry.Observer) {
	if exposed, ok := observer.(interface{ Handler() http.Handler }); ok {
		w.metrics = exposed.Handler()
	}
	w.counters = taking(w.counters, observer)
	w.caches = taking(w.caches, observer)
	w.rereads = taking(w.rereads, observer)
	w.many = taking(w.many, observer)
	w.limits = taking(w.limits, observer)
	w.dropped = taking(w.dropped, observer)
	w.keepers = taking(w.keepers, observer)
}

// taking adds the observer to those that take figures of a kind, if it does.
func taking[C any](counters []C, observer telemetry.Observer) []C {
	if counting, ok := observer.(C); ok {
		return append(counters, counting)
	}
	return counters
}

// A droppedCounter is an observer that takes how much telemetry was lost.
type droppedCounter interface {
	Dropped(all func(yield func(driver, signal string, n uint64) bool)) error
}

// lostBy are the functions that say how much each driver lost of each signal.
type lostBy map[string]func() map[string]uint64

func (l lostBy) all(yield func(driver, signal string, n uint64) bool) {
	for driver, lost := range l {
		for signal, n := range lost() {
			if !yield(driver, signal, n) {
				return
			}
		}
	}
}

// deliverSpans returns how many drivers may deliver spans: those that ask whether others do.
func (s *settings) deliverSpans() int {
	n := 0
	for _, driver := range s.telemetry {
		if driver.config.Kind() == reflect.Struct {
			if _, asks := driver.config.FieldByName("Several"); asks {
				n++
			}
		}
	}
	return n
}

// equipped returns the settings of a driver with those of the values that it has a field for,
// which no configuration can hold.
func equipped(settings reflect.Value, values map[string]any) reflect.Value {
	own := reflect.New(settings.Type()).Elem()
	own.Set(settings)
	for name, value := range values {
		if field := own.FieldByName(name); field.IsValid() && reflect.TypeOf(value).AssignableTo(field.Type()) {
			field.Set(reflect.ValueOf(value))
		}
	}
	return own
}

// exemplar returns the trace and the span of ctx, if they are recorded.
func exemplar(ctx context.Context) (traceID, spanID string) {
	if id, recorded := otel.Span(ctx); recorded {
		return otel.TraceID(ctx), id
	}
	return "", ""
}
