package spans

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/portolan-io/portolan/adapters/internal/memo"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// durations are the histograms of how long operations took: those of the semantic
// conventions, and one for what these have no word for.
type durations struct {
	http, database, other metric.Float64Histogram
	endings               *memo.Map[ending, []metric.RecordOption]
}

// buckets are upper bounds in seconds, finer than the usual ones below a
// millisecond, where an operation of a store in this process ends.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func newDurations(meter metric.Meter) (*durations, error) {
	d := &durations{endings: memo.New(measured)}
	for _, histogram := range []struct {
		at                *metric.Float64Histogram
		name, description string
	}{
		{&d.http, "http.server.request.duration", "Duration of HTTP server requests."},
		{&d.database, "db.client.operation.duration", "Duration of database client operations."},
		{&d.other, "portolan.operation.duration", "How long other operations took."},
	} {
		var err error
		*histogram.at, err = meter.Float64Histogram(histogram.name, metric.WithUnit("s"),
			metric.WithDescription(histogram.description), metric.WithExplicitBucketBoundaries(buckets...))
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

// record tells how long an operation took that ended with an error of the kind, or empty, within
// the trace of ctx.
func (d *durations) record(ctx context.Context, op telemetry.Op, answer *telemetry.Answer, took time.Duration, kind fault.Kind) {
	histogram := d.other
	switch {
	case op.Port == "http":
		histogram = d.http
	case op.System != "":
		histogram = d.database
	}
	e := ending{Op: op, kind: kind}
	if answer != nil {
		e.Answer = *answer
	}
	histogram.Record(ctx, took.Seconds(), d.endings.Get(e)...)
}
