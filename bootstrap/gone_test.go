package bootstrap

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
	"github.com/portolan-io/portolan/test/servers"
)

// A waiting store has lists wait, once it is armed, until whoever asks for them has gone.
type waiting struct {
	repository.Store
	armed *atomic.Bool
	asked chan struct{}
}

func (w waiting) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if !w.armed.Load() { // whoever asks whether the tables fit
		return w.Store.Find(ctx, q)
	}
	w.asked <- struct{}{}
	<-ctx.Done()
	return repository.Page{}, ctx.Err()
}

// TestClientGoneIsNoFailure has clients leave before they are answered, and wants nothing of it
// among what the alerts count: neither the request, nor what was asked of the store for it.
func TestClientGoneIsNoFailure(t *testing.T) {
	t.Chdir(t.TempDir())
	armed, asked := new(atomic.Bool), make(chan struct{}, 1)
	driver := Repository("waiting", func(ctx context.Context, cfg memory.Config) (repository.Store, error) {
		store, err := memory.Open(ctx, cfg)
		return waiting{store, armed, asked}, err
	})
	text := strings.NewReplacer("repository: {driver: memory}", "repository: {driver: waiting}", "cache: {driver: memory}\n", "").Replace(reloadable)
	r, api, admin := serveFor(t, text, driver)
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/things", nil)
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	go func() {
		<-asked
		leave()
	}()
	if response, err := r.client.Do(request); err == nil {
		_ = response.Body.Close()
		t.Fatalf("the client that left is answered with %s", response.Status)
	}
	const answer, store = `portolan_operations_total{code="canceled",collection="things",operation="GET /v1/{collection}",port="http"} 1`,
		`portolan_operations_total{code="canceled",collection="things",operation="Find",port="repository"} 1`
	const unavailable = `portolan_operations_total{code="unavailable"`
	told := map[string]bool{}
	for range 1000 { // the server learns of it a little later
		if told = r.tells(admin, answer, store, unavailable); told[answer] {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	for name, is := range told {
		if want := strings.Contains(name, "canceled"); is != want {
			t.Errorf("it is told %t that %s, want %t", is, name, want)
		}
	}
}

// TestStopsWithoutItsDatabase stops a server whose database hangs under a request: that is told so, and
// counted as not answered, and the process ends in its time, which is less than pgx takes to leave such a
// database.
func TestStopsWithoutItsDatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	dsn, err := url.Parse(servers.PostgreSQL(t))
	if err != nil {
		t.Fatal(err)
	}
	back := oteltest.NewReceiver(t, false)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", back.URL)
	faults := servers.FaultsTo(t, dsn.Host)
	dsn.Host = faults.Address
	write(t, "portolan.yaml", strings.NewReplacer("repository: {driver: memory}", `repository: {driver: postgres, postgres: {dsn: "`+dsn.String()+`"}}`,
		"cache: {driver: memory}\n", "", "prometheus", "otlp").Replace(reloadable))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve"})
	})
	api := r.line("API")
	if status, body := r.do(http.MethodGet, api+"/things", "", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	faults.Hang()
	type answer struct {
		status int
		body   string
	}
	answered := make(chan answer, 1)
	go func() {
		status, body := r.do(http.MethodGet, api+"/things", "", nil)
		answered <- answer{status, body}
	}()
	time.Sleep(100 * time.Millisecond) // for it to arrive
	interrupt()
	select {
	case got := <-answered:
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"code":"stopping"`) {
			t.Errorf("the request is answered %d %s", got.status, got.body)
		}
	case <-time.After(20 * time.Second):
		t.Error("the request is not answered")
	}
	select {
	case code := <-r.exited:
		if code != exitFailed { // since the others could not be told that it is gone
			t.Errorf("exit code %d", code)
		}
		asked := telemetry.Op{Port: "http", Name: "GET /v1/{collection}", Collection: "things"}
		if ended := back.Ended(); ended[telemetrytest.Ended{Op: asked, Kind: fault.Unavailable}] != 1 {
			t.Errorf("what was cut off is told of as %v", ended)
		}
	case <-time.After(5 * time.Second):
		t.Error("the process waits for its database")
	}
}
