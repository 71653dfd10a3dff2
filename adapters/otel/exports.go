package otel

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/core/fault"
)

// exports are what the environment asks for. A signal that it asks no exporter for is not
// delivered.
func exports(ctx context.Context) (spans.Config, error) {
	var cfg spans.Config
	if wanted("TRACES") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return cfg, err
		}
		if !autoexport.IsNoneSpanExporter(exporter) {
			cfg.Spans = exporter
		}
		if cfg.Bounds, err = bounds(); err != nil {
			return cfg, err
		}
		if cfg.Sampler, err = sampler(); err != nil {
			return cfg, err
		}
	}
	if wanted("METRICS") && !strings.EqualFold(os.Getenv("OTEL_METRICS_EXPORTER"), "none") {
		cfg.Ambient = true // autoexport gives out its readers whole
		cfg.Metrics = func(figures sdkmetric.Producer, _ func(error)) (sdkmetric.Reader, error) { return reader(ctx, figures) }
	}
	return cfg, nil
}

// sampler is the one that the environment asks for, by default the caller's choice if there is
// one, and everything else (OpenTelemetry's "Environment Variable Specification").
func sampler() (sdktrace.Sampler, error) {
	share := 1.0
	name, written := strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))), strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
	if strings.HasSuffix(name, "traceidratio") && written != "" {
		var err error
		if share, err = strconv.ParseFloat(written, 64); err != nil || !(share >= 0 && share <= 1) {
			return nil, fault.New(fault.Invalid, "otel.sampler", "OTEL_TRACES_SAMPLER_ARG is %.40q, which is no share from 0 to 1", written)
		}
	}
	switch name {
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(share), nil
	case "", "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share)), nil
	}
	return nil, fault.New(fault.Invalid, "otel.sampler",
		"OTEL_TRACES_SAMPLER is %.40q, and none of always_on, always_off, traceidratio and these with parentbased_ in front", name)
}

// fallback is held while the producer of figures is set, which autoexport has for the whole
// process.
var fallback sync.Mutex //nolint:gochecknoglobals // see its comment

// reader returns the reader that the environment asks for, with figures unless it names
// another producer.
func reader(ctx context.Context, figures sdkmetric.Producer) (sdkmetric.Reader, error) {
	fallback.Lock()
	defer fallback.Unlock()
	autoexport.WithFallbackMetricProducer(func(context.Context) (sdkmetric.Producer, error) { return figures, nil })
	return autoexport.NewMetricReader(ctx)
}

// wanted reports whether the environment asks for an exporter of the signal,
// TRACES or METRICS: by naming it or by saying where to. Without this, autoexport
// would send to localhost from every laptop.
func wanted(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	for _, name := range []string{
		"OTEL_" + signal + "_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// bounds are those of the batch processor that the environment asks for.
func bounds() (spans.Bounds, error) {
	var b spans.Bounds
	var delay, timeout int
	for name, at := range map[string]*int{
		"OTEL_BSP_MAX_QUEUE_SIZE": &b.Queue, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": &b.Batch,
		"OTEL_BSP_SCHEDULE_DELAY": &delay, "OTEL_BSP_EXPORT_TIMEOUT": &timeout,
	} {
		written := os.Getenv(name)
		if written == "" {
			continue
		}
		n, err := strconv.Atoi(written)
		if err != nil || n < 0 || n > most {
			return b, fault.New(fault.Invalid, "otel.bounds", "%s is no number from 0 to %d", name, most)
		}
		*at = n
	}
	b.Delay, b.Timeout = time.Duration(delay)*time.Millisecond, time.Duration(timeout)*time.Millisecond
	return b, nil
}

// most is the highest bound: a million spans take about a gigabyte.
const most = 1_000_000
