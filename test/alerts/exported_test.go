package alerts

import (
	"bufio"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// exported returns the labels of every metric that a server shows, by its name: of the same
// registry, with something of everything in it.
func exported(t *testing.T) map[string]map[string]bool {
	t.Helper()
	o, err := prometheus.Open(t.Context(), prometheus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []telemetry.Op{{Port: "http", Name: "GET /v1/{collection}", Collection: "products"}, {Port: "repository", Name: "Find"}} {
		for _, err := range []error{nil, fault.Unavailable} {
			_, end := o.Start(t.Context(), op)
			end(err)
		}
	}
	for _, err := range []error{
		o.Pool("postgres", func() sql.DBStats { return sql.DBStats{MaxOpenConnections: 16} }),
		o.Cache(func(yield func(collection, state string, n uint64) bool) { yield("products", "hit", 1) }, func() (int, int) { return 1, 1 }),
		o.Rereads(func(yield func(collection string, observed, stale uint64) bool) { yield("products", 1, 0) }),
		o.Instance(func() (string, uint64, uint64, int) { return "on", 1, 0, 0 }),
		o.Limits(func(yield func(bound string, n uint64) bool) { yield("address", 1) }, func() uint64 { return 0 }),
		o.Dropped(func(yield func(driver, signal string, n uint64) bool) { yield("otlp", "spans", 0) }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	answer := httptest.NewRecorder()
	o.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	line, label := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `), regexp.MustCompile(`([a-z_]+)="`)
	found := map[string]map[string]bool{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		parts := line.FindStringSubmatch(lines.Text())
		if parts == nil || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if found[parts[1]] == nil {
			found[parts[1]] = map[string]bool{}
		}
		for _, name := range label.FindAllStringSubmatch(parts[2], -1) {
			found[parts[1]][name[1]] = true
		}
	}
	return found
}
