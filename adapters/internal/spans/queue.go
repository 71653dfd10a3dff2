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
	Queue   int           // spans that may wait; 0 means 2,048
	Batch   int           // spans that are delivered at once; 0 means 512
	Delay   time.Duration // how long a span waits for others; 0 means 5 s
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

// A Lost error says how many spans of a batch were not taken. Any other error of an
// exporter means all of them.
type Lost struct {
	Spans int
	Cause error
}

// Error says how many, and why.
func (l *Lost) Error() string { return fmt.Sprintf("%d spans were not taken: %v", l.Spans, l.Cause) }

// Unwrap returns why.
func (l *Lost) Unwrap() error { return l.Cause }

// A queue delivers spans from a goroutine of its own, in batches. OpenTelemetry's does
// the same but keeps to itself what it dropped.
type queue struct {
	exporter sdktrace.SpanExporter
	failed   func(error)
	bounds   Bounds

	spans     chan sdktrace.ReadOnlySpan
	pending   atomic.Int64 // queued, or with the exporter
	dropped   atomic.Uint64
	closed    atomic.Bool // no more is taken
	abandoned atomic.Bool // nobody waits any more for what is pending

	life   context.Context //nolint:containedctx // of the goroutine
	cancel context.CancelFunc
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

func newQueue(exporter sdktrace.SpanExporter, bounds Bounds, failed func(error)) *queue {
	bounds = bounds.orDefault()
	q := &queue{
		exporter: exporter, failed: failed, bounds: bounds, spans: make(chan sdktrace.ReadOnlySpan, bounds.Queue),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	q.life, q.cancel = context.WithCancel(context.Background())
	go q.work()
	return q
}

// OnStart does nothing: a span is delivered when it has ended.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues a span, or drops it if there is no room.
func (q *queue) OnEnd(span sdktrace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if q.closed.Load() {
		q.dropped.Add(1)
		return
	}
	q.pending.Add(1)
	select {
	case q.spans <- span:
	default:
		q.pending.Add(-1)
		q.dropped.Add(1)
	}
}

// Dropped returns how many spans were not delivered and will not be.
func (q *queue) Dropped() uint64 {
	dropped := q.dropped.Load()
	if q.abandoned.Load() {
		dropped += uint64(max(0, q.pending.Load()))
	}
	return dropped
}

// ForceFlush does nothing: only Shutdown has to have everything delivered.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown delivers what waits, for as long as ctx allows, and then counts it as dropped.
func (q *queue) Shutdown(ctx context.Context) error {
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
	var err error
	if n := q.Dropped() - before; n > 0 {
		err = fmt.Errorf("%d spans were not delivered", n)
	}
	return errors.Join(err, q.exporter.Shutdown(ctx))
}

// work delivers until it is stopped, and then what is left.
func (q *queue) work() {
	defer close(q.done)
	ticker := time.NewTicker(q.bounds.Delay)
	defer ticker.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, q.bounds.Batch)
	for stopped := false; !stopped; {
		select {
		case span := <-q.spans:
			if batch = append(batch, span); len(batch) < q.bounds.Batch {
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
		case span := <-q.spans:
			if batch = append(batch, span); len(batch) == q.bounds.Batch {
				batch = q.deliver(batch)
			}
		default:
			q.deliver(batch)
			return
		}
	}
}

// deliver gives a batch to the exporter, and returns it empty.
func (q *queue) deliver(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(q.life, q.bounds.Timeout)
	defer cancel()
	if err := q.exporter.ExportSpans(ctx, batch); err != nil {
		lost := len(batch)
		if told := (*Lost)(nil); errors.As(err, &told) {
			lost = told.Spans
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
