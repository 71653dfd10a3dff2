// Package appinsights tells of operations to Application Insights of Azure Monitor:
// requests, dependencies, exceptions and metrics, in the format that its ingestion endpoint
// documents. Start at [Open].
package appinsights

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/core/fault"
)

// Config says which resource is told, and how much.
type Config struct {
	// ConnectionString is that of the resource, as secret://name; empty is that of APPLICATIONINSIGHTS_CONNECTION_STRING
	ConnectionString string `yaml:"connection_string"`

	// Entra says whether to show a token of Microsoft Entra, for which the identity needs the role Monitoring Metrics Publisher on the resource
	Entra bool `yaml:"entra"`

	// Sampling is the share of the traces that is recorded, above 0 and up to 1; 0 means all
	Sampling float64 `yaml:"sampling"`

	// Interval says how often metrics are sent; 0 means 1m
	Interval time.Duration `yaml:"interval"`

	// Logs says whether lines of the log are sent too, but for the words of errors; Azure's services collect them from standard error without it
	Logs bool `yaml:"logs"`

	// Queue is how many spans may wait to be sent, and how many lines; 0 means 2,048
	Queue int `yaml:"queue"`

	// Credential makes the tokens of Entra in place of the one that azidentity finds, unless
	// it is nil.
	Credential azcore.TokenCredential `yaml:"-"`

	// Failed is told of what could not be delivered; nil writes it to slog.Default.
	Failed func(error) `yaml:"-"`

	// Key keeps those who send a trace from choosing whether it is recorded: all instances
	// have the same. Nil is one of this process.
	Key []byte `yaml:"-"`

	// Several says that other observers deliver spans too: then an operation has the
	// same ids in all of them.
	Several bool `yaml:"-"`
}

// mostQueued spans take about 100 MB.
const mostQueued = 100_000

// An Observer is a telemetry.Observer that delivers to Application Insights. What the endpoint
// refuses for now is tried again while there is time, and then dropped and counted.
type Observer struct {
	*spans.Observer
	lost *atomic.Uint64 // measurements
	log  *log           // nil: lines are not sent
}

// Lost returns how many spans, measurements and lines were not delivered and will not be.
func (o *Observer) Lost() map[string]uint64 {
	lost := o.Observer.Lost()
	lost["metrics"] = o.lost.Load()
	if o.log != nil {
		lost["logs"] = o.log.queue.Dropped()
	}
	return lost
}

// Open returns an observer. It does not wait for the endpoint; it returns fault.Invalid if
// there is no connection string or the configuration makes no sense. The connection string is
// in no error.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	const op = "appinsights.Open"
	sampler, err := spans.Share(op, cfg.Sampling)
	if err != nil {
		return nil, err
	}
	if cfg.Interval < 0 || cfg.Queue < 0 || cfg.Queue > mostQueued {
		return nil, fault.New(fault.Invalid, op, "interval or queue is out of bounds").
			Hinting("interval is a duration as 30s, and queue a number up to %d", mostQueued)
	}
	if cfg.ConnectionString == "" {
		cfg.ConnectionString = os.Getenv("APPLICATIONINSIGHTS_CONNECTION_STRING")
	}
	to, err := parse(cfg.ConnectionString)
	if err != nil {
		return nil, err
	}
	send, err := newSender(to, cfg)
	if err != nil {
		return nil, err
	}
	exporter := &spanExporter{sender: send, envelopes: newEnvelopes(to.key, cfg.Sampling)}
	metrics := &metricExporter{sender: send, envelopes: exporter.envelopes, sums: map[series]float64{}}
	o, err := spans.New(ctx, spans.Config{
		Spans: exporter, Metrics: spans.Every(cfg.Interval, metrics), Sampler: sampler,
		Bounds: spans.Bounds{Queue: cfg.Queue}, Failed: cfg.Failed, Several: cfg.Several, Key: cfg.Key,
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "OTEL_RESOURCE_ATTRIBUTES cannot be followed").
			Hinting("it is a list as key=value,key=value").Because(err)
	}
	observer := &Observer{Observer: o, lost: &metrics.lost}
	if cfg.Logs {
		observer.log = newLog(exporter.envelopes, o.Resource(), send, spans.Bounds{Queue: cfg.Queue}, o.Failed) //nolint:contextcheck // its queue works until it is shut down
	}
	return observer, nil
}

// credential returns what makes tokens, or nil if none are wanted.
func (cfg Config) credential() (azcore.TokenCredential, error) {
	if !cfg.Entra || cfg.Credential != nil {
		return cfg.Credential, nil
	}
	found, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "appinsights.Open", "there is no identity of Microsoft Entra").
			Hinting("give the service a managed identity, or write entra: false").Because(err)
	}
	return found, nil
}
