// Package stdout tells of operations as lines of JSON, for whoever looks at a terminal.
// Start at [Open].
package stdout

import (
	"context"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/core/fault"
)

// Config says where lines go, and how many.
type Config struct {
	// To is stdout or stderr: where the lines go; empty is stdout
	To string `yaml:"to" jsonschema:"enum=stdout,enum=stderr"`

	// Sampling is the share of the traces that is written, above 0 and up to 1; 0 means all
	Sampling float64 `yaml:"sampling"`

	// Interval says how often metrics are written; 0 means 1m
	Interval time.Duration `yaml:"interval"`

	// Writer is where the lines go in place of To, unless it is nil.
	Writer io.Writer `yaml:"-"`

	// Failed is told of what could not be written; nil writes it to slog.Default.
	Failed func(error) `yaml:"-"`

	// Key keeps those who send a trace from choosing whether it is recorded: all instances
	// have the same. Nil is one of this process.
	Key []byte `yaml:"-"`

	// Several says that other observers deliver spans too: then an operation has the
	// same ids in all of them.
	Several bool `yaml:"-"`
}

// An Observer is a telemetry.Observer that writes a line for each span when it ends, and a
// line with all metrics at intervals. A terminal that is stopped costs nothing but lines:
// as many spans as may wait are written later, and the others are dropped and counted.
type Observer struct{ *spans.Observer }

// Open returns an observer. It returns fault.Invalid if the configuration makes no sense.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	const op = "stdout.Open"
	to, err := cfg.writer()
	if err != nil {
		return nil, err
	}
	sampler, err := spans.Share(op, cfg.Sampling)
	if err != nil {
		return nil, err
	}
	if cfg.Interval < 0 {
		return nil, fault.New(fault.Invalid, op, "interval is below 0").Hinting("write a duration, as 10s, or none for a minute")
	}
	traces, err := stdouttrace.New(stdouttrace.WithWriter(to))
	if err != nil {
		return nil, fault.New(fault.Internal, op, "the lines of spans cannot be made").Because(err)
	}
	metrics, err := stdoutmetric.New(stdoutmetric.WithWriter(to))
	if err != nil {
		return nil, fault.New(fault.Internal, op, "the lines of metrics cannot be made").Because(err)
	}
	o, err := spans.New(ctx, spans.Config{
		Spans: traces, Metrics: spans.Every(cfg.Interval, metrics), Sampler: sampler, Bounds: spans.Bounds{Delay: time.Second},
		Failed: cfg.Failed, Several: cfg.Several, Key: cfg.Key,
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "OTEL_RESOURCE_ATTRIBUTES cannot be followed").
			Hinting("it is a list as key=value,key=value").Because(err)
	}
	return &Observer{o}, nil
}

func (cfg Config) writer() (io.Writer, error) {
	switch {
	case cfg.Writer != nil:
		return cfg.Writer, nil
	case cfg.To == "" || cfg.To == "stdout":
		return os.Stdout, nil
	case cfg.To == "stderr":
		return os.Stderr, nil
	}
	return nil, fault.New(fault.Invalid, "stdout.Open", "to is %q", cfg.To).Hinting("write stdout or stderr")
}
