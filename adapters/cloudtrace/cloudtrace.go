// Package cloudtrace tells of operations to Google Cloud: spans and metrics by the
// OpenTelemetry protocol to its telemetry endpoint, and log lines in the shape that Cloud
// Logging reads. Start at [Open].
package cloudtrace

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/core/fault"
)

// Config says which project is told, and how much. Who we are is found by Application
// Default Credentials.
type Config struct {
	// Project is the id of the project; empty is that of GOOGLE_CLOUD_PROJECT, or of the credentials
	Project string `yaml:"project"`

	// QuotaProject names the project whose quota is used, which the credentials of people need; empty is that of GOOGLE_CLOUD_QUOTA_PROJECT, or none
	QuotaProject string `yaml:"quota_project"`

	// Sampling is the share of the traces that is recorded, above 0 and up to 1; 0 means all
	Sampling float64 `yaml:"sampling"`

	// Metrics says whether metrics are sent too; they are charged by the sample, and need not be where Managed Prometheus collects them
	Metrics bool `yaml:"metrics"`

	// Endpoint is where to; empty is https://telemetry.googleapis.com
	Endpoint string `yaml:"endpoint"`

	// Failed is told of what could not be delivered; nil writes it to slog.Default.
	Failed func(error) `yaml:"-"`

	// Key keeps those who send a trace from choosing whether it is recorded: all instances
	// have the same. Nil is one of this process.
	Key []byte `yaml:"-"`

	// Several says that other observers deliver spans too: then an operation has the
	// same ids in all of them.
	Several bool `yaml:"-"`
}

// scope is that of all services: what the credentials may do is a matter of their roles.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// looking is how long credentials are looked for, which where there are none means to ask for
// a metadata server.
const looking = 10 * time.Second

// An Observer is a telemetry.Observer that delivers to Google Cloud.
type Observer struct{ *spans.Observer }

// Open returns an observer. It looks for credentials and returns fault.Invalid if there are
// none, or if the configuration makes no sense; it does not wait for the endpoint.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	const op = "cloudtrace.Open"
	sampler, err := spans.Share(op, cfg.Sampling)
	if err != nil {
		return nil, err
	}
	to, err := cfg.endpoint()
	if err != nil {
		return nil, err
	}
	client, err := cfg.client(ctx)
	if err != nil {
		return nil, err
	}
	traces, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to+"/v1/traces"), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithHeaders(cfg.headers()), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "spans cannot be sent").Hinting("see endpoint and the OTEL_EXPORTER_* variables").Because(err)
	}
	config := spans.Config{
		Spans: traces, Sampler: sampler, About: []attribute.KeyValue{attribute.String("gcp.project_id", cfg.Project)},
		Failed: cfg.Failed, Several: cfg.Several, Key: cfg.Key,
	}
	if cfg.Metrics {
		metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(to+"/v1/metrics"), otlpmetrichttp.WithHTTPClient(client),
			otlpmetrichttp.WithHeaders(cfg.headers()), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		if err != nil {
			return nil, fault.New(fault.Invalid, op, "metrics cannot be sent").Hinting("see endpoint and the OTEL_EXPORTER_* variables").Because(err)
		}
		config.Metrics = spans.Every(0, metrics)
	}
	o, err := spans.New(ctx, config)
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "OTEL_RESOURCE_ATTRIBUTES cannot be followed").
			Hinting("it is a list as key=value,key=value").Because(err)
	}
	return &Observer{o}, nil
}

// client returns what sends with the credentials, and fills in their project if there is no
// other.
func (cfg *Config) client(ctx context.Context) (*http.Client, error) {
	const op = "cloudtrace.Open"
	asking, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	found, err := google.FindDefaultCredentials(asking, scope)
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "there are no credentials of Google Cloud").
			Hinting("give the service a service account with %s; on a laptop, gcloud auth application-default login", cfg.roles()).Because(err)
	}
	if cfg.Project = cfg.project(); cfg.Project == "" {
		cfg.Project = found.ProjectID
	}
	if cfg.Project == "" {
		return nil, fault.New(fault.Invalid, op, "it is not known which project is told").
			Hinting("write project, or set GOOGLE_CLOUD_PROJECT")
	}
	renewed, err := google.FindDefaultCredentials(context.WithoutCancel(ctx), scope) // whose tokens are asked for as long as the process lives
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "the credentials of Google Cloud are gone").Because(err)
	}
	return &http.Client{Transport: &oauth2.Transport{Source: renewed.TokenSource}}, nil
}

// roles are those that what is sent needs, and no others; roles/telemetry.writer, which has both,
// may write the log too.
func (cfg *Config) roles() string {
	if cfg.Metrics {
		return "roles/telemetry.tracesWriter and roles/telemetry.metricsWriter"
	}
	return "roles/telemetry.tracesWriter"
}

// project returns the project as far as it is known without credentials.
func (cfg *Config) project() string {
	if cfg.Project != "" {
		return cfg.Project
	}
	return os.Getenv("GOOGLE_CLOUD_PROJECT")
}

func (cfg *Config) headers() map[string]string {
	quota := cfg.QuotaProject
	if quota == "" {
		quota = os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT")
	}
	if quota == "" {
		return nil
	}
	return map[string]string{"x-goog-user-project": quota}
}

// endpoint returns where to, without a slash at its end. A token is sent there, so it has to
// be https unless it is this machine.
func (cfg *Config) endpoint() (string, error) {
	if cfg.Endpoint == "" {
		return "https://telemetry.googleapis.com", nil
	}
	to, err := url.Parse(cfg.Endpoint)
	if err != nil || to.Host == "" || to.Path != "" && to.Path != "/" || to.RawQuery != "" || to.User != nil || !safe(to) {
		return "", fault.New(fault.Invalid, "cloudtrace.Open", "endpoint is no address that a token can be sent to").
			Hinting("write https:// and a host, or nothing for Google's own")
	}
	return to.Scheme + "://" + net.JoinHostPort(to.Hostname(), port(to)), nil
}

func port(to *url.URL) string {
	switch {
	case to.Port() != "":
		return to.Port()
	case to.Scheme == "http":
		return "80"
	}
	return "443"
}

// safe reports whether what is sent to the address cannot be read on the way.
func safe(to *url.URL) bool {
	address, err := netip.ParseAddr(to.Hostname())
	here := to.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return to.Scheme == "https" || to.Scheme == "http" && here
}
