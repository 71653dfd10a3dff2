package cloudtrace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/cloudtrace"
	"github.com/portolan-io/portolan/adapters/cloudtrace/cloudtracetest"
	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// credentials has Application Default Credentials find a service account of this test.
func credentials(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"} {
		t.Setenv(name, "")
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", cloudtracetest.Account(t))
}

func open(t *testing.T, cfg cloudtrace.Config) *cloudtrace.Observer {
	t.Helper()
	cfg.Failed = func(error) {}
	o, err := cloudtrace.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = o.Close(ctx)
	})
	return o
}

func TestSuite(t *testing.T) {
	credentials(t)
	telemetrytest.Run(t, func(t *testing.T) telemetrytest.Harness {
		back := oteltest.NewReceiver(t, false)
		o := open(t, cloudtrace.Config{Endpoint: back.URL, Metrics: true})
		closed := func(t contract.T) {
			if err := o.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		return telemetrytest.Harness{
			Observer: o,
			Break:    func(contract.T) { back.Close() },
			Stall:    func(contract.T) { back.Stall() },
			Lost:     func() uint64 { return o.Lost()["spans"] },
			Extract:  spans.Extract,
			Inject:   spans.Inject,
			Ended:    func(t contract.T) map[telemetrytest.Ended]int { closed(t); return back.Ended() },
			Wrote:    func(t contract.T) string { closed(t); return back.Wrote() },
			Spans:    func(t contract.T) []telemetrytest.Span { closed(t); return back.Spans() },
		}
	})
}

// TestRequests shows what Google's endpoint needs: a token, the project, and whose quota is
// used.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name, environment, quota string
		cfg                      cloudtrace.Config
		want                     string
		metrics                  bool
	}{
		{"of the credentials", "", "", cloudtrace.Config{}, cloudtracetest.Project, false},
		{"of the environment", "project-of-the-environment", "payer", cloudtrace.Config{}, "project-of-the-environment", false},
		{"configured", "project-of-the-environment", "", cloudtrace.Config{Project: "shop", QuotaProject: "payer", Metrics: true}, "shop", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			credentials(t)
			t.Setenv("GOOGLE_CLOUD_PROJECT", tt.environment)
			t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", tt.quota)
			back := oteltest.NewReceiver(t, false)
			quota := tt.quota + tt.cfg.QuotaProject
			back.Look = func(r *http.Request) {
				if got := r.Header.Get("Authorization"); got != "Bearer "+cloudtracetest.Token {
					t.Errorf("the authorization is %q", got)
				}
				if got := r.Header.Get("X-Goog-User-Project"); got != quota {
					t.Errorf("the quota is that of %q, want %q", got, quota)
				}
			}
			tt.cfg.Endpoint = back.URL
			o := open(t, tt.cfg)
			_, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
			end(nil)
			if err := o.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := back.Resources(); len(got) != 1 || got[0]["gcp.project_id"] != tt.want || got[0]["service.name"] != "portolan" {
				t.Errorf("the spans are of %v, want one batch of %s", got, tt.want)
			}
			if got := len(back.Metrics()) > 0; got != tt.metrics {
				t.Errorf("metrics were sent: %t, want %t", got, tt.metrics)
			}
		})
	}
}

func TestOpenRefusesWhatMakesNoSense(t *testing.T) {
	credentials(t)
	for name, cfg := range map[string]cloudtrace.Config{
		"sampling": {Sampling: 2}, "plain": {Endpoint: "http://example.com"}, "path": {Endpoint: "https://example.com/v1"}, "no host": {Endpoint: "https://"},
		"password": {Endpoint: "https://a:b@example.com"},
	} {
		_, err := cloudtrace.Open(t.Context(), cfg)
		if !errors.Is(err, fault.Invalid) || fault.Of(err).Hint == "" {
			t.Errorf("%s: Open = %v, want %s with a hint", name, err, fault.Invalid)
		}
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "nothing.json"))
	if _, err := cloudtrace.Open(t.Context(), cloudtrace.Config{Project: "shop"}); !errors.Is(err, fault.Invalid) || fault.Of(err).Hint == "" {
		t.Errorf("without credentials: Open = %v, want %s with a hint", err, fault.Invalid)
	}
}

// TestRoles: the hint, the page of the adapter and that of deploying name the same roles, which
// are those that what is sent needs.
func TestRoles(t *testing.T) {
	credentials(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none"))
	named := regexp.MustCompile(`roles/telemetry\.\w+`)
	const traces, metrics = "roles/telemetry.tracesWriter", "roles/telemetry.metricsWriter"
	for _, tt := range []struct {
		metrics bool
		want    []string
	}{{false, []string{traces}}, {true, []string{traces, metrics}}} {
		_, err := cloudtrace.Open(t.Context(), cloudtrace.Config{Project: "shop", Metrics: tt.metrics})
		if diff := cmp.Diff(tt.want, named.FindAllString(fault.Of(err).Hint, -1)); diff != "" {
			t.Errorf("with metrics %t the hint names (-want +got):\n%s", tt.metrics, diff)
		}
	}
	for _, page := range []string{"README.md", "../../docs/deploying.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(text); !strings.Contains(got, "`"+traces+"`, with `metrics: true` `"+metrics+"`") {
			t.Errorf("%s names %v, want %s, with metrics %s", page, named.FindAllString(got, -1), traces, metrics)
		}
	}
}

// TestLog states the shape of a line: that of structured logging in Cloud Logging.
func TestLog(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	line := func(cfg cloudtrace.Config, level slog.Level) map[string]any {
		var out bytes.Buffer
		slog.New(cfg.Log(&out, slog.LevelDebug)).Log(t.Context(), level, "request", "status", 200, "trace_id", "0af7", "span_id", "b7ad", "trace_sampled", true)
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
			t.Error(err)
		}
		delete(got, "time")
		return got
	}
	want := map[string]any{
		"severity": "WARNING", "message": "request", "status": 200.0, "logging.googleapis.com/trace": "projects/shop/traces/0af7",
		"logging.googleapis.com/spanId": "b7ad", "logging.googleapis.com/trace_sampled": true,
	}
	if diff := cmp.Diff(want, line(cloudtrace.Config{Project: "shop"}, slog.LevelWarn)); diff != "" {
		t.Errorf("a line (-want +got):\n%s", diff)
	}
	for level, want := range map[slog.Level]string{slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelError: "ERROR"} {
		got := line(cloudtrace.Config{}, level)
		if got["severity"] != want || got["trace_id"] != "0af7" {
			t.Errorf("without a project a line of the level %s is %v, want the severity %s and the trace_id as it is", level, got, want)
		}
	}
}
