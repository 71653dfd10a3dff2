package layer_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
)

// tracedShared is a traced server with what the suite has it do.
type tracedShared struct {
	cache.Server
	shared *cachetest.Shared
}

func (s tracedShared) Replace(contract.T)         { s.shared.Restart() }
func (s tracedShared) Empty(contract.T)           { s.shared.Flush() }
func (s tracedShared) Full(_ contract.T, is bool) { s.shared.Full(is) }

// TestTraceServerSuite: a traced server is a server.
func TestTraceServerSuite(t *testing.T) {
	cachetest.RunServer(t, func(t *testing.T) cache.Server {
		shared := cachetest.NewShared()
		line := shared.Line(nil)
		t.Cleanup(func() { _ = line.Close() })
		return tracedShared{layer.TraceServer(line, newNotebook("n", nil)), shared}
	})
}

// staleSession is a session, and the server of one, all of whose calls fail in the same way.
type staleSession struct {
	cache.Session
	cache.Server
}

func (s staleSession) Bind(string, string) cache.Session { return s }
func (staleSession) Announce(context.Context, []string, time.Duration) error {
	return errStale
}
func (staleSession) Renew(context.Context, []string, time.Duration) error { return errStale }
func (staleSession) Read(context.Context, string, []string, string) (cache.Marks, error) {
	return cache.Marks{}, errStale
}
func (staleSession) Lease(context.Context, string, []string, string, string, time.Duration) ([]string, bool, error) {
	return nil, false, errStale
}
func (staleSession) Fill(context.Context, string, string, []byte, time.Duration) error {
	return errStale
}
func (staleSession) Fence(context.Context, string, []string, string) error  { return errStale }
func (staleSession) Lift(context.Context, string, []string, []string) error { return errStale }
func (staleSession) Close() error                                           { return errStale }

// TestTraceServerTells calls the methods of a session by reflection, so that one that is added
// to the port is not forgotten here.
func TestTraceServerTells(t *testing.T) {
	const things = "things"
	arguments := map[string][]any{
		"Announce": {[]string{things}, time.Hour}, "Renew": {[]string{things}, time.Hour}, "Read": {things, []string{"c4n4ry"}, "c4n4ry"},
		"Lease": {things, []string{"c4n4ry"}, "c4n4ry", "c4n4ry", time.Hour}, "Fill": {things, "c4n4ry", []byte("c4n4ry"), time.Hour},
		"Fence": {things, []string{"c4n4ry"}, "c4n4ry"}, "Lift": {things, []string{"c4n4ry"}, []string{"c4n4ry"}}, "Close": {},
	}
	quiet := []string{"Announce", "Renew", "Close"}
	var lines []string
	session := layer.TraceServer(staleSession{}, newNotebook("n", &lines)).Bind("one", "1")
	methods := reflect.TypeFor[cache.Session]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		var in []reflect.Value
		if name != "Close" {
			in = append(in, reflect.ValueOf(t.Context()))
		}
		given, known := arguments[name]
		if !known {
			t.Errorf("this test has no arguments for %s", name)
			continue
		}
		for _, argument := range given {
			in = append(in, reflect.ValueOf(argument))
		}
		lines = nil
		out := reflect.ValueOf(session).MethodByName(name).Call(in)
		if err, _ := out[len(out)-1].Interface().(error); err != errStale { //nolint:errorlint // the session's own, not wrapped
			t.Errorf("%s = %v, want the session's error", name, err)
		}
		var want []string
		if !slices.Contains(quiet, name) {
			want = []string{"n start cache/" + name + "/things ", "n end cache/" + name + "/things stale"}
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("%s tells (-want +got):\n%s", name, diff)
		}
	}
}
