package spans

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Bounds are how much waits to be delivered, and for how long. Zero values are those of
// OpenTelemetry's own batches.
type Bounds struct {
	Queue   int           // items that may wait; 0 means 2,048
	Batch   int           // items that are delivered at once; 0 means 512
	Delay   time.Duration // how long an item waits for others; 0 means 5 s
	Timeout time.Duration // how long delivering a batch may take, with all that is tried again; 0 means 30 s
}

func (b Bounds) orDefault() Bounds {
	for at, fallback := range map[*int]int{&b.Queue: 2048, &b.Batch: 512} {
		if *at <= 0 {
			*at = fallback
		}
	}
	for at, fallback := range map[*time.Duration]time.Duration{&b.Delay: 5 * time.Second, &b.Timeout: 30 * time.Second} {
		if *at <= 0 {
			*at = fallback
		}
	}
	return b
}

// A Lost error says how many items of a batch were not taken. Any other error means all of
// them.
type Lost struct {
	Items int
	Cause error
}

// Error says how many, and why.
func (l *Lost) Error() string { return fmt.Sprintf("%d were not taken: %v", l.Items, l.Cause) }

// Unwrap returns why.
func (l *Lost) Unwrap() error { return l.Cause }

// A Queue delivers what is put into it from a goroutine of its own, in batches. What finds no
// room is dropped and counted; OpenTelemetry's own queues do the same but keep to themselves
// what they dropped. It is safe for concurrent use.
type Queue[T any] struct {
	export func(context.Context, []T) error
	failed func(error)
	bounds Bounds

	items     chan T
	pending   atomic.Int64 // queued, or being delivered
	dropped   atomic.Uint64
	closed    atomic.Bool // no more is taken
	abandoned atomic.Bool // nobody waits any more for what is pending

	life   context.Context //nolint:containedctx // of the goroutine
	cancel context.CancelFunc
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

// NewQueue returns a queue that delivers by the function, which returns an error if a batch was
// not taken, or a Lost of one that was taken in part. It is called by one goroutine, keeps
// nothing of the batch, and returns soon after its context is done. failed is told of errors.
func NewQueue[T any](bounds Bounds, export func(context.Context, []T) error, failed func(error)) *Queue[T] {
	bounds = bounds.orDefault()
	q := &Queue[T]{
		export: export, failed: failed, bounds: bounds, items: make(chan T, bounds.Queue),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	q.life, q.cancel = context.WithCancel(context.Background())
	go q.work()
	return q
}

// Put queues an item, or drops it if there is no room. It never blocks.
func (q *Queue[T]) Put(item T) {
	if q.closed.Load() {
		q.dropped.Add(1)
		return
	}
	q.pending.Add(1)
	select {
	case q.items <- item:
	default:
		q.pending.Add(-1)
		q.dropped.Add(1)
	}
}

// Dropped returns how many items were not delivered and will not be.
func (q *Queue[T]) Dropped() uint64 {
	dropped := q.dropped.Load()
	if q.abandoned.Load() {
		dropped += uint64(max(0, q.pending.Load()))
	}
	return dropped
}

// Shutdown delivers what waits, for as long as ctx allows, and then counts it as dropped.
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	before := q.Dropped()
	q.once.Do(func() {
		q.closed.Store(true)
		close(q.stop)
	})
	defer context.AfterFunc(ctx, q.cancel)()
	select {
	case <-q.done:
	case <-ctx.Done():
		q.abandoned.Store(true)
	}
	if n := q.Dropped() - before; n > 0 {
		return fmt.Errorf("%d were not delivered", n)
	}
	return nil
}

// work delivers until it is stopped, and then what is left.
func (q *Queue[T]) work() {
	defer close(q.done)
	ticker := time.NewTicker(q.bounds.Delay)
	defer ticker.Stop()
	batch := make([]T, 0, q.bounds.Batch)
	for stopped := false; !stopped; {
		select {
		case item := <-q.items:
			if batch = append(batch, item); len(batch) < q.bounds.Batch {
				continue
			}
		case <-ticker.C:
		case <-q.stop:
			stopped = true
		}
		batch = q.deliver(batch)
	}
	for {
		select {
		case item := <-q.items:
			if batch = append(batch, item); len(batch) == q.bounds.Batch {
				batch = q.deliver(batch)
			}
		default:
			q.deliver(batch)
			return
		}
	}
}

// deliver exports a batch, and returns it empty.
func (q *Queue[T]) deliver(batch []T) []T {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(q.life, q.bounds.Timeout)
	defer cancel()
	if err := q.export(ctx, batch); err != nil {
		lost := len(batch)
		if told := (*Lost)(nil); errors.As(err, &told) {
			lost = told.Items
		}
		q.dropped.Add(uint64(lost)) //nolint:gosec // never below 0
		if q.life.Err() == nil {    // or Shutdown tells it
			q.failed(err)
		}
	}
	q.pending.Add(-int64(len(batch)))
	clear(batch) // so that what was delivered is not kept
	return batch[:0]
}

// A processor queues spans that have ended for their exporter.
type processor struct {
	*Queue[sdktrace.ReadOnlySpan]
	exporter sdktrace.SpanExporter
}

func newProcessor(exporter sdktrace.SpanExporter, bounds Bounds, failed func(error)) *processor {
	return &processor{NewQueue(bounds, exporter.ExportSpans, failed), exporter}
}

// OnStart does nothing: a span is delivered when it has ended.
func (p *processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues a span that is recorded.
func (p *processor) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.SpanContext().IsSampled() {
		p.Put(span)
	}
}

// ForceFlush does nothing: only Shutdown has to have everything delivered.
func (p *processor) ForceFlush(context.Context) error { return nil }

// Shutdown is that of the queue and then of the exporter.
func (p *processor) Shutdown(ctx context.Context) error {
	err := p.Queue.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("of spans %w", err)
	}
	return errors.Join(err, p.exporter.Shutdown(ctx))
}
