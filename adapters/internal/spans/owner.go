package spans

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	api "go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// OpenTelemetry has one function for the whole process that is told of errors, and a reader of metrics
// tells it what its exporter could not deliver. So an exporter tells the observer that it is of itself, and
// that function is for the rest.

// ownerless are the observers that may be told of errors that name none of them.
var ownerless owners //nolint:gochecknoglobals // since OpenTelemetry's is one

type owners struct {
	once  sync.Once
	mu    sync.Mutex
	known []*owner // the latest last
}

// An owner is an observer that is told. Ambient is one whose readers cannot be had to tell it
// themselves, so that errors of nobody's are its own.
type owner struct {
	failed  func(error)
	ambient bool
}

// add has the owner told, until the function that it returns is called.
func (o *owners) add(who *owner) (remove func()) {
	o.once.Do(func() { api.SetErrorHandler(o) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = append(o.known, who)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.known = slices.DeleteFunc(o.known, func(other *owner) bool { return other == who })
	}
}

// Handle tells the latest owner that is ambient, or else the latest, of an error that was told to none.
// That a reader was ended while it collected, which it tells too, is none.
func (o *owners) Handle(err error) {
	if errors.As(err, new(*told)) || errors.Is(err, context.Canceled) {
		return
	}
	o.mu.Lock()
	var whose *owner
	for _, each := range o.known {
		if whose == nil || each.ambient || !whose.ambient {
			whose = each
		}
	}
	o.mu.Unlock()
	if whose == nil {
		whose = &owner{failed: unheard}
	}
	whose.failed(err)
}

func unheard(err error) { slog.Warn("telemetry was not delivered", "error", err) }

// told marks an error that its owner was told of.
type told struct{ err error }

func (t *told) Error() string { return t.err.Error() }
func (t *told) Unwrap() error { return t.err }

// telling is an exporter that tells its owner of what it could not deliver.
type telling struct {
	sdkmetric.Exporter
	failed func(error)
}

func (t telling) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	err := t.Exporter.Export(ctx, metrics)
	if err == nil {
		return nil
	}
	t.failed(err)
	return &told{err}
}
