package appinsights

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/portolan-io/portolan/adapters/internal/spans"
)

// A spanExporter is OpenTelemetry's SpanExporter.
type spanExporter struct {
	*envelopes
	sender *sender
}

// ExportSpans sends spans. Its error is a spans.Lost that says how many were not taken.
func (e *spanExporter) ExportSpans(ctx context.Context, batch []sdktrace.ReadOnlySpan) error {
	all := make([]envelope, 0, len(batch))
	for _, span := range batch {
		all = append(all, e.of(span)...)
	}
	refused, err := e.sender.send(ctx, all)
	if len(refused) == 0 {
		return nil
	}
	lost := 0
	for _, item := range refused {
		if item.Data.BaseType != "ExceptionData" { // which its span has along with it
			lost++
		}
	}
	return &spans.Lost{Items: lost, Cause: err}
}

// Shutdown does nothing: nothing is held.
func (e *spanExporter) Shutdown(context.Context) error { return nil }

// metricData is one measurement, or an aggregation of several.
type metricData struct {
	Version    int               `json:"ver"`
	Metrics    []point           `json:"metrics"`
	Properties map[string]string `json:"properties,omitempty"`
}

type point struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Value float64  `json:"value"`
	Count *uint64  `json:"count,omitempty"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
}

// A series is a sum with its labels.
type series struct {
	name   string
	labels attribute.Distinct
}

// An addition is what was added to a series since what was sent of it last. That of no series is
// none.
type addition struct {
	series
	value float64
}

// A metricExporter is OpenTelemetry's metric Exporter. Application Insights adds up what it
// is sent, so sums since the start are sent as what was added since the last ones that were
// taken.
type metricExporter struct {
	*envelopes
	sender *sender
	lost   atomic.Uint64

	mu   sync.Mutex         // of one export at a time
	sums map[series]float64 // as far as they were taken, or are held
	held []envelope         // of an export that was interrupted
}

// Temporality asks for what happened since the last time.
func (e *metricExporter) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DeltaTemporalitySelector(kind)
}

// Aggregation is the usual one.
func (e *metricExporter) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

// ForceFlush does nothing: nothing is held.
func (e *metricExporter) ForceFlush(context.Context) error { return nil }

// Shutdown counts what is held.
func (e *metricExporter) Shutdown(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost.Add(uint64(len(e.held)))
	e.held = nil
	return nil
}

// Export sends measurements, and counts those that were not taken. What was added to a sum and
// not taken is part of the next one, whatever was taken of the others beside it, and counted all
// the same: it comes late. The end of the
// process interrupts an export, and makes a last one, which has what the other did not get
// to.
func (e *metricExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := &measurements{exporter: e, tags: e.tags(all.Resource)}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			found.add(m)
		}
	}
	items := append(e.held, found.items...)
	if e.held = nil; len(items) == 0 {
		return nil
	}
	refused, err := e.sender.send(ctx, items)
	switch {
	case len(refused) > 0 && errors.Is(ctx.Err(), context.Canceled):
		e.held = refused
		return nil
	case len(refused) > 0:
		e.lost.Add(uint64(len(refused)))
		for _, item := range refused {
			if item.added.name != "" {
				e.sums[item.added.series] -= item.added.value
			}
		}
		return err
	}
	return nil
}

// measurements are the envelopes of one export.
type measurements struct {
	exporter *metricExporter
	tags     map[string]string
	items    []envelope
}

func (m *measurements) add(from metricdata.Metrics) {
	switch of := from.Data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range of.DataPoints {
			lowest, _ := p.Min.Value()
			highest, _ := p.Max.Value()
			m.put(addition{}, p.Attributes, p.Time, point{Name: from.Name, Kind: "Aggregation", Value: p.Sum, Count: &p.Count, Min: &lowest, Max: &highest})
		}
	case metricdata.Sum[float64]:
		for _, p := range of.DataPoints {
			value, added := p.Value, addition{}
			if of.IsMonotonic && of.Temporality == metricdata.CumulativeTemporality {
				id := series{from.Name, p.Attributes.Equivalent()}
				if before := m.exporter.sums[id]; before <= value { // or it was counted anew
					value -= before
				}
				m.exporter.sums[id], added = p.Value, addition{id, value}
			}
			m.put(added, p.Attributes, p.Time, point{Name: from.Name, Kind: "Measurement", Value: value})
		}
	case metricdata.Gauge[float64]:
		for _, p := range of.DataPoints {
			m.put(addition{}, p.Attributes, p.Time, point{Name: from.Name, Kind: "Measurement", Value: p.Value})
		}
	}
}

func (m *measurements) put(added addition, labels attribute.Set, at time.Time, p point) {
	if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		return // JSON has no word for it
	}
	m.items = append(m.items, envelope{
		Name: "Microsoft.ApplicationInsights.Metric", Time: timestamp(at), Key: m.exporter.key, Tags: m.tags,
		Data:  data{"MetricData", metricData{2, []point{p}, properties(labels.ToSlice())}},
		added: added,
	})
}
