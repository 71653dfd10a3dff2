// Package appinsightstest is an ingestion endpoint of Application Insights, for tests of what
// sends to one. Start at [NewReceiver].
package appinsightstest

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// Key is the instrumentation key of every receiver.
const Key = "11111111-2222-3333-4444-555555555555"

// An Item is an envelope as it came.
type Item struct {
	Name, Time string
	SampleRate float64
	IKey       string
	Tags       map[string]string
	Data       struct {
		BaseType string
		BaseData struct {
			Ver                                          int
			ID, Name, Duration, ResponseCode, ResultCode string
			Success                                      bool
			Type, Target                                 string
			Exceptions                                   []struct{ TypeName, Message string }
			Metrics                                      []struct {
				Name, Kind string
				Value      float64
				Count      uint64
			}
			Message, SeverityLevel string
			Properties             map[string]string
		}
	}
}

// A Receiver keeps what it is sent. It is safe for concurrent use.
type Receiver struct {
	*httptest.Server

	// Answer writes the answer to a post of the items, and returns those that are kept; nil
	// keeps all. It is set before the first post.
	Answer func(w http.ResponseWriter, r *http.Request, items []Item) []Item

	stalled chan struct{}
	over    chan struct{}
	stop    sync.Once

	mu    sync.Mutex
	items []Item
	wrote strings.Builder
}

// NewReceiver returns a receiver on 127.0.0.1 that lives until the test ends.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{stalled: make(chan struct{}), over: make(chan struct{})}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ConnectionString returns that of the receiver.
func (r *Receiver) ConnectionString() string {
	return "InstrumentationKey=" + Key + ";IngestionEndpoint=" + r.URL + "/"
}

// Close takes the receiver away.
func (r *Receiver) Close() {
	r.stop.Do(func() {
		close(r.over)
		r.Server.Close()
	})
}

// Stall has the receiver take what comes from now on, and never answer.
func (r *Receiver) Stall() { close(r.stalled) }

// ServeHTTP takes one post.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost || request.URL.Path != "/v2.1/track" || request.Header.Get("Content-Type") != "application/json" {
		http.NotFound(w, request)
		return
	}
	plain, err := gzip.NewReader(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(plain)
	var items []Item
	if err == nil {
		err = json.Unmarshal(body, &items)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-r.stalled:
		select {
		case <-r.over:
		case <-request.Context().Done():
		}
		return
	default:
	}
	if r.Answer != nil {
		items = r.Answer(w, request, items)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, items...)
	r.wrote.Write(body)
}

// Items returns the items that were kept.
func (r *Receiver) Items() []Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Item(nil), r.items...)
}

// Wrote returns everything that came.
func (r *Receiver) Wrote() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrote.String()
}

// Spans returns the requests and the dependencies as the suite has them.
func (r *Receiver) Spans() []telemetrytest.Span {
	var all []telemetrytest.Span
	for _, item := range r.Items() {
		of := item.Data.BaseData
		if item.Data.BaseType != "RequestData" && item.Data.BaseType != "RemoteDependencyData" {
			continue
		}
		span := telemetrytest.Span{
			Trace: item.Tags["ai.operation.id"], ID: of.ID, Parent: item.Tags["ai.operation.parentId"],
			Name: of.Name, Attributes: of.Properties,
		}
		if of.ResponseCode != "" {
			span.Attributes["http.response.status_code"] = of.ResponseCode
		}
		oteltest.Own(&span)
		all = append(all, span)
	}
	return all
}
