package layer_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// A notebook is an observer that writes down what it is told.
type notebook struct {
	name string

	mu    sync.Mutex
	lines *[]string
	ended map[telemetrytest.Ended]int
}

func newNotebook(name string, lines *[]string) *notebook {
	return &notebook{name: name, lines: lines, ended: map[telemetrytest.Ended]int{}}
}

func (n *notebook) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	n.note("start", op, "")
	var once sync.Once
	return context.WithValue(ctx, n, n.name), func(err error) {
		once.Do(func() { n.note("end", op, telemetry.KindOf(ctx, err)) })
	}
}

func (n *notebook) note(what string, op telemetry.Op, kind fault.Kind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if what == "end" {
		n.ended[telemetrytest.Ended{Op: op, Kind: kind}]++
	}
	if n.lines != nil {
		*n.lines = append(*n.lines, fmt.Sprintf("%s %s %s/%s/%s %s", n.name, what, op.Port, op.Name, op.Collection, kind))
	}
}

func (n *notebook) Close(context.Context) error { return nil }

func TestObserversSuite(t *testing.T) {
	telemetrytest.Run(t, func(*testing.T) telemetrytest.Harness {
		first, second := newNotebook("first", nil), newNotebook("second", nil)
		return telemetrytest.Harness{
			Observer: layer.Observers(first, second),
			Ended: func(ct contract.T) map[telemetrytest.Ended]int {
				if diff := cmp.Diff(first.ended, second.ended); diff != "" {
					ct.Errorf("the observers were told different things (-first +second):\n%s", diff)
				}
				return second.ended
			},
		}
	})
}

func TestObserversNest(t *testing.T) {
	var lines []string
	ctx, end := layer.Observers(newNotebook("a", &lines), newNotebook("b", &lines)).
		Start(t.Context(), telemetry.Op{Port: "http", Name: "GET"})
	if ctx == t.Context() {
		t.Errorf("the context of the observers is lost")
	}
	end(fault.Stale)
	want := []string{"a start http/GET/ ", "b start http/GET/ ", "b end http/GET/ stale", "a end http/GET/ stale"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}

// failing is an observer that cannot deliver.
type failing struct{ *notebook }

func (failing) Close(context.Context) error {
	return fault.New(fault.Unavailable, "test", "nobody listens")
}

func TestObserversCloseAll(t *testing.T) {
	if err := layer.Observers(failing{}, newNotebook("b", nil)).Close(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Close = %v, want the error of the one that failed", err)
	}
	if err := layer.Observers().Close(t.Context()); err != nil {
		t.Errorf("Close of none = %v, want nil", err)
	}
}

// stale is a store all of whose calls fail in the same way.
type stale struct{ repository.Store }

var errStale = fault.New(fault.Stale, "test", "always")

func (stale) Get(context.Context, query.View, []record.ID) ([]record.Row, error) {
	return nil, errStale
}
func (stale) Find(context.Context, query.Query) (repository.Page, error) {
	return repository.Page{}, errStale
}
func (stale) Aggregate(context.Context, query.Aggregation) ([]query.Group, error) {
	return nil, errStale
}
func (stale) Apply(context.Context, []repository.Mutation) ([]repository.Outcome, error) {
	return nil, errStale
}
func (stale) Load(context.Context, repository.Load) (repository.Loaded, error) {
	return repository.Loaded{}, errStale
}
func (stale) Ensure(context.Context, []*schema.Collection) error { return errStale }
func (stale) Ping(context.Context) error                         { return errStale }
func (stale) Close() error                                       { return errStale }
func (stale) Capabilities() repository.Capabilities              { return repository.Capabilities{Durable: true} }

// TestTraceTellsEveryMethod calls the methods by reflection, so that one that is
// added to the port is not forgotten here.
func TestTraceTellsEveryMethod(t *testing.T) {
	products := &schema.Collection{Name: "products"}
	arguments := map[string][]any{
		"Get":       {query.View{Collection: products}, []record.ID(nil)},
		"Find":      {query.Query{View: query.View{Collection: products}}},
		"Aggregate": {query.Aggregation{Collection: products}},
		"Apply":     {[]repository.Mutation{{Collection: products}}},
		"Load":      {repository.Load{Collection: products}},
		"Ensure":    {[]*schema.Collection{products}},
		"Ping":      {},
	}
	var lines []string
	store := layer.Trace(stale{}, newNotebook("n", &lines))
	methods := reflect.TypeFor[repository.Store]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if name == "Capabilities" || name == "Close" {
			continue
		}
		in := []reflect.Value{reflect.ValueOf(t.Context())}
		given, known := arguments[name]
		if !known {
			t.Errorf("this test has no arguments for %s", name)
			continue
		}
		for _, argument := range given {
			in = append(in, reflect.ValueOf(argument))
		}
		lines = nil
		out := reflect.ValueOf(store).MethodByName(name).Call(in)
		if err, _ := out[len(out)-1].Interface().(error); err != errStale { //nolint:errorlint // the store's own, not wrapped
			t.Errorf("%s = %v, want the store's error", name, err)
		}
		collection := "products"
		if slices.Contains([]string{"Ensure", "Ping"}, name) {
			collection = ""
		}
		op := "repository/" + name + "/" + collection
		if diff := cmp.Diff([]string{"n start " + op + " ", "n end " + op + " stale"}, lines); diff != "" {
			t.Errorf("%s tells (-want +got):\n%s", name, diff)
		}
	}
	if !store.Capabilities().Durable || store.Close() != errStale { //nolint:errorlint // the store's own, not wrapped
		t.Errorf("Capabilities or Close is not the store's own")
	}
}

// guest is an authenticator that knows nobody.
type guest struct{ auth.Authenticator }

func (guest) Authenticate(context.Context, auth.Credential) (policy.Principal, error) {
	return policy.Principal{}, fault.New(fault.Unsupported, "test", "nobody is known here")
}

func TestTraceAuth(t *testing.T) {
	var lines []string
	_, err := layer.TraceAuth(guest{}, newNotebook("n", &lines)).
		Authenticate(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: "a secret"})
	if !errors.Is(err, fault.Unsupported) {
		t.Errorf("Authenticate = %v, want the authenticator's error", err)
	}
	want := []string{"n start auth/Authenticate/ ", "n end auth/Authenticate/ unsupported"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}
