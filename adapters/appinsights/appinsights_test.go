package appinsights_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

func open(t *testing.T, back *appinsightstest.Receiver, cfg appinsights.Config) *appinsights.Observer {
	t.Helper()
	for _, name := range []string{"OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"} {
		t.Setenv(name, "")
	}
	cfg.ConnectionString, cfg.Failed = back.ConnectionString(), func(error) {}
	o, err := appinsights.Open(t.Context(), cfg)
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
	telemetrytest.Run(t, func(t *testing.T) telemetrytest.Harness {
		back := appinsightstest.NewReceiver(t)
		o := open(t, back, appinsights.Config{})
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
			Ended:    func(t contract.T) map[telemetrytest.Ended]int { closed(t); return oteltest.Count(back.Spans()) },
			Wrote:    func(t contract.T) string { closed(t); return back.Wrote() },
			Spans:    func(t contract.T) []telemetrytest.Span { closed(t); return back.Spans() },
		}
	})
}

// TestEnvelopes states what the endpoint is sent of a request that failed in the database.
func TestEnvelopes(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	o := open(t, back, appinsights.Config{Sampling: 1})
	answer := &telemetry.Answer{}
	ctx := context.WithValue(t.Context(), telemetry.AnswerKey{}, answer)
	came := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	ctx, endRequest := o.Start(spans.Extract(ctx, came), telemetry.Op{Port: "http", Name: "GET /v1/{collection}", Collection: "products"})
	_, end := o.Start(ctx, telemetry.Op{Port: "repository", Name: "Find", Collection: "products", System: "postgresql"})
	end(fault.New(fault.Unavailable, "test", "the store is down"))
	_, endAuth := o.Start(ctx, telemetry.Op{Port: "auth", Name: "Authenticate"})
	endAuth(fault.New(fault.Unauthenticated, "test", "nobody"))
	*answer = telemetry.Answer{Status: 503, Scheme: "https"}
	endRequest(fault.New(fault.Unavailable, "test", "the store is down"))
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	type told struct {
		Type, Name, Code, Kind, Target, Parent string
		Success                                bool
	}
	var got []told
	ids := map[string]string{"b7ad6b7169203331": "caller"}
	items := back.Items()
	for _, item := range items {
		if item.Data.BaseData.ID != "" {
			ids[item.Data.BaseData.ID] = item.Data.BaseData.Name
		}
	}
	for _, item := range items {
		of := item.Data.BaseData
		if item.Data.BaseType == "MetricData" {
			continue
		}
		if item.IKey != appinsightstest.Key || of.Ver != 2 || item.SampleRate != 100 ||
			item.Tags["ai.operation.id"] != "0af7651916cd43dd8448eb211c80319c" || item.Tags["ai.cloud.role"] != "portolan" {
			t.Errorf("the envelope is %+v", item)
		}
		if _, err := time.Parse(time.RFC3339, item.Time); err != nil {
			t.Error(err)
		}
		line := told{item.Data.BaseType, of.Name, of.ResponseCode + of.ResultCode, of.Type, of.Target, ids[item.Tags["ai.operation.parentId"]], of.Success}
		for _, e := range of.Exceptions {
			line.Name, line.Kind = e.TypeName, e.Message
		}
		got = append(got, line)
	}
	want := []told{
		{"RemoteDependencyData", "Find products", "unavailable", "postgresql", "products", "GET /v1/{collection}", false},
		{"ExceptionData", "unavailable", "", "unavailable", "", "Find products", false},
		{"RemoteDependencyData", "auth Authenticate", "unauthenticated", "InProc", "", "GET /v1/{collection}", true},
		{"RequestData", "GET /v1/{collection}", "503", "", "", "caller", false},
		{"ExceptionData", "unavailable", "", "unavailable", "", "GET /v1/{collection}", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("envelopes (-want +got):\n%s", diff)
	}
}

// TestMetrics shows that a sum is sent as what was added, and a duration as an aggregation.
func TestMetrics(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	o := open(t, back, appinsights.Config{Interval: 20 * time.Millisecond})
	var fell atomic.Uint64
	fell.Store(9)
	if err := o.Limits(func(func(string, uint64) bool) {}, fell.Load); err != nil {
		t.Fatal(err)
	}
	sum := func() (total float64, posts int) {
		for _, item := range back.Items() {
			for _, m := range item.Data.BaseData.Metrics {
				if m.Name == "portolan_limit_fallbacks_total" {
					total += m.Value
					posts++
				}
			}
		}
		return total, posts
	}
	for _, posts := sum(); posts < 2; _, posts = sum() {
		if t.Context().Err() != nil {
			t.Fatal("no metrics came")
		}
		time.Sleep(time.Millisecond)
	}
	fell.Store(12)
	for range 2 {
		_, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find", Collection: "products", System: "sqlite"})
		end(nil)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if total, posts := sum(); total != 12 {
		t.Errorf("in %d posts %v were added, want 12", posts, total)
	}
	var count uint64
	for _, item := range back.Items() {
		for _, m := range item.Data.BaseData.Metrics {
			if m.Name == "db.client.operation.duration" {
				count += m.Count
				if m.Kind != "Aggregation" || item.Data.BaseData.Properties["db.collection.name"] != "products" {
					t.Errorf("the duration is %+v", item)
				}
			}
		}
	}
	if count != 2 {
		t.Errorf("%d durations came, want 2", count)
	}
}

// TestMetricsTakenInPart: of an export that is taken in part, each sum is counted once, be it
// taken now, later in a post again, or refused and so a part of the next export.
func TestMetricsTakenInPart(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	const taken, refused, late = "taken", "refused", "late"
	sums := map[string]float64{}
	var mu sync.Mutex
	trouble, posts := 3, 0 // in which something goes wrong, and since the sums are all there
	back.Answer = func(w http.ResponseWriter, _ *http.Request, items []appinsightstest.Item) []appinsightstest.Item {
		mu.Lock()
		defer mu.Unlock()
		posts++
		statuses := map[int]int{}
		for i, item := range items {
			bound := item.Data.BaseData.Properties["bound"]
			switch {
			case trouble > 0 && bound == refused:
				statuses[i] = http.StatusBadRequest
			case trouble > 0 && bound == late && len(items) > 1:
				statuses[i] = http.StatusServiceUnavailable
			case bound != "":
				sums[bound] += item.Data.BaseData.Metrics[0].Value
			}
		}
		if len(statuses) > 0 {
			trouble--
			w.Header().Set("Retry-After", "1")
			partial(w, len(items), statuses)
		}
		return items
	}
	o := open(t, back, appinsights.Config{Interval: 20 * time.Millisecond})
	var n atomic.Uint64
	n.Store(9)
	err := o.Limits(func(yield func(string, uint64) bool) {
		_ = yield(taken, n.Load()) && yield(refused, n.Load()) && yield(late, n.Load())
	}, func() uint64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	for _, add := range []uint64{0, 3} {
		n.Add(add)
		for calm := 0; calm < 2; { // exports behind that which the sums came with
			if t.Context().Err() != nil {
				t.Fatal("the sums never come")
			}
			time.Sleep(time.Millisecond)
			mu.Lock()
			if sums[refused] != float64(n.Load()) {
				posts = 0
			}
			calm = posts
			mu.Unlock()
		}
	}
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{taken: 12, refused: 12, late: 12}, sums); diff != "" {
		t.Errorf("what was added to the sums (-want +got):\n%s", diff)
	}
	if o.Lost()["metrics"] != 3 {
		t.Errorf("%d measurements are counted as lost, want the 3 that were refused", o.Lost()["metrics"])
	}
}

// TestSampling shows that a part of the traces is sent whole, with what it stands for.
func TestSampling(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	o := open(t, back, appinsights.Config{Sampling: .25})
	const requests = 400
	for range requests {
		ctx, endRequest := o.Start(t.Context(), telemetry.Op{Port: "http", Name: "GET /{collection}"})
		_, end := o.Start(ctx, telemetry.Op{Port: "repository", Name: "Find"})
		end(nil)
		endRequest(nil)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	traces := map[string]int{}
	for _, item := range back.Items() {
		if item.Data.BaseType == "MetricData" {
			continue
		}
		if item.SampleRate != 25 {
			t.Errorf("the sample rate is %v, want 25", item.SampleRate)
		}
		traces[item.Tags["ai.operation.id"]]++
	}
	if len(traces) < requests/10 || len(traces) > requests/2 { // a chance of one in 10^12
		t.Errorf("%d of %d traces were sent, want about a quarter", len(traces), requests)
	}
	for id, n := range traces {
		if n != 2 {
			t.Errorf("the trace %s has %d items, want both or none", id, n)
		}
	}
}

// token is a credential whose token never changes.
type token struct {
	mu     sync.Mutex // spans and metrics are sent at once
	scopes []string
}

func (c *token) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scopes = options.Scopes
	return azcore.AccessToken{Token: "a-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestEntra(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	back.Answer = func(w http.ResponseWriter, r *http.Request, items []appinsightstest.Item) []appinsightstest.Item {
		if r.Header.Get("Authorization") != "Bearer a-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return nil
		}
		return items
	}
	shown := &token{}
	o := open(t, back, appinsights.Config{Entra: true, Credential: shown})
	_, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
	end(nil)
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(back.Spans()) != 1 || len(shown.scopes) != 1 || shown.scopes[0] != "https://monitor.azure.com//.default" {
		t.Errorf("%d spans came, and the token is for %v", len(back.Spans()), shown.scopes)
	}
}

// TestOpenRefusesWhatMakesNoSense, and says nothing of a connection string.
func TestOpenRefusesWhatMakesNoSense(t *testing.T) {
	t.Setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
	const canary = "c4n4ry-of-a-key"
	for name, cfg := range map[string]appinsights.Config{
		"nothing":  {},
		"no key":   {ConnectionString: "IngestionEndpoint=https://" + canary + ".example.com"},
		"plain":    {ConnectionString: "InstrumentationKey=" + canary + ";IngestionEndpoint=http://" + canary + ".example.com"},
		"no host":  {ConnectionString: "InstrumentationKey=" + canary + ";IngestionEndpoint=" + canary},
		"sampling": {ConnectionString: "InstrumentationKey=" + canary, Sampling: 2},
		"queue":    {ConnectionString: "InstrumentationKey=" + canary, Queue: 100_001},
		"interval": {ConnectionString: "InstrumentationKey=" + canary, Interval: -1},
	} {
		_, err := appinsights.Open(t.Context(), cfg)
		if !errors.Is(err, fault.Invalid) || fault.Of(err).Hint == "" || strings.Contains(fmt.Sprintf("%+v", err), canary) {
			t.Errorf("%s: Open = %v, want %s with a hint and without the key", name, err, fault.Invalid)
		}
	}
}

// partial answers 206 with the statuses of the items that are not taken, by their indexes.
func partial(w http.ResponseWriter, items int, statuses map[int]int) {
	type failed struct {
		Index      int    `json:"index"`
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}
	answer := struct {
		ItemsReceived int      `json:"itemsReceived"`
		ItemsAccepted int      `json:"itemsAccepted"`
		Errors        []failed `json:"errors"`
	}{items, items - len(statuses), nil}
	for _, index := range slices.Sorted(maps.Keys(statuses)) {
		status := statuses[index]
		answer.Errors = append(answer.Errors, failed{index, status, "no"})
	}
	w.WriteHeader(http.StatusPartialContent)
	_ = json.NewEncoder(w).Encode(answer)
}
