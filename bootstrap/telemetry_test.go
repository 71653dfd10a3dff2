package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	api "go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

// TestCollectorDown shows that a collector which is not there costs nothing but
// telemetry: the server ends well, and what is said of it is a line of the log.
func TestCollectorDown(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + nobody.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
	} {
		t.Setenv(name, value)
	}
	write(t, "portolan.yaml", `service: {listen: "127.0.0.1:0", admin: off, drain_delay: 0s}
repository: {driver: memory}
telemetry: [{driver: otlp}]
development: {admin_key: true}
collections: {a: {fields: {x: {type: int}}, access: {anonymous: {read: true}}}}
`)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var log bytes.Buffer
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: &log, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve"})
	})
	if status, body := r.do(http.MethodGet, r.line("API")+"/a", "", nil); status != http.StatusOK {
		t.Errorf("without a collector a list answers %d %s", status, body)
	}
	api.Handle(errors.New("one batch")) // as the library does in the background
	interrupt()
	if code := <-r.exited; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	told := make(map[string]bool)
	for line := range strings.Lines(log.String()) {
		var entry struct{ Level, Msg, Driver, Error string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v in the line %s", err, line)
		}
		if entry.Level == "WARN" && entry.Msg == "telemetry was not delivered" && entry.Driver == "otlp" {
			told[entry.Error] = true
		}
	}
	if len(told) < 2 || !told["one batch"] {
		t.Errorf("the lines do not say what was lost, a batch and what was left at the end:\n%s", log.String())
	}
}
