package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/bootstrap"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A watched store is SQLite whose calls about collections that are served are
// counted, and can be held up. The server's own collections, which are swept now
// and then, are left alone.
type watched struct {
	*sqlite.Store
	opened chan struct{} // closed when it is
	mu     sync.Mutex
	calls  map[string]int
	hold   atomic.Pointer[func(ctx context.Context, call string) error]
	seen   atomic.Pointer[schema.Collection] // that was asked for last
}

func (w *watched) open(ctx context.Context, config sqlite.Config) (*watched, error) {
	var err error
	w.Store, err = sqlite.Open(ctx, config)
	close(w.opened)
	return w, err
}

func (w *watched) called(ctx context.Context, call string, c *schema.Collection) error {
	if c.System() {
		return nil
	}
	w.seen.Store(c)
	w.mu.Lock()
	w.calls[call]++
	w.mu.Unlock()
	if hold := w.hold.Load(); hold != nil {
		return (*hold)(ctx, call)
	}
	return nil
}

// holding makes each call wait for what do does, nil for nothing.
func (w *watched) holding(do func(ctx context.Context, call string) error) {
	if do == nil {
		w.hold.Store(nil)
		return
	}
	w.hold.Store(&do)
}

// counted returns how often the call was made, all calls for an empty name.
func (w *watched) counted(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if call != "" {
		return w.calls[call]
	}
	all := 0
	for _, n := range w.calls {
		all += n
	}
	return all
}

func (w *watched) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if err := w.called(ctx, "Get", view.Collection); err != nil {
		return nil, err
	}
	return w.Store.Get(ctx, view, ids)
}

func (w *watched) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if err := w.called(ctx, "Find", q.Collection); err != nil {
		return repository.Page{}, err
	}
	return w.Store.Find(ctx, q)
}

func (w *watched) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	if err := w.called(ctx, "Aggregate", a.Collection); err != nil {
		return nil, err
	}
	return w.Store.Aggregate(ctx, a)
}

func (w *watched) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if err := w.called(ctx, "Apply", batch[0].Collection); err != nil {
		return nil, err
	}
	return w.Store.Apply(ctx, batch)
}

func (w *watched) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if err := w.called(ctx, "Load", load.Collection); err != nil {
		return repository.Loaded{}, err
	}
	return w.Store.Load(ctx, load)
}

// A hosted server runs in this process, as main starts it, over a watched store.
type hosted struct {
	t          *testing.T
	url, admin string
	store      *watched
	client     *http.Client
	log        string // the file with what it logs
	baseline   int    // goroutines when it was ready
}

// things is a collection that everybody may do everything with.
const things = `collections:
  things:
    id: id
    fields:
      id: {type: string, max: 40}
      batch: {type: int}
      text: {type: string, max: 1000000}
    access: {anonymous: {all: true}}
`

// host starts a server. service and store are further settings of these sections,
// in the flow style.
func host(t *testing.T, service, store string) *hosted {
	t.Helper()
	dir := t.TempDir()
	listen, admin := freeAddress(t), freeAddress(t)
	config := write(t, dir, "c.yaml", fmt.Sprintf(`service: {listen: %q, admin: %q, log_level: error, drain_delay: 0s%s}
repository: {driver: watched, watched: {path: %q%s}}
cache: {driver: memory}
telemetry: [{driver: prometheus}]
`, listen, admin, service, filepath.Join(dir, "things.db"), store)+things)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	h := &hosted{
		t: t, url: "http://" + listen, admin: "http://" + admin, log: log.Name(),
		store:  &watched{calls: map[string]int{}, opened: make(chan struct{})},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute},
	}
	exited := make(chan int, 1)
	stderr := os.Stderr
	os.Stderr = log // which the program takes once, when it starts
	go func() {
		exited <- bootstrap.Main([]string{"serve", "--config", config}, io.Discard, bootstrap.Repository("watched", h.store.open))
	}()
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		if len(exited) == 0 { // or the signal would end the test itself
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
		if code := <-exited; code != 0 {
			t.Errorf("the server ended with %d\n%s", code, read(t, h.log))
		}
		_ = log.Close()
	})
	ended := func(code int) {
		os.Stderr = stderr
		exited <- code
		t.Fatalf("the server ended with %d\n%s", code, read(t, h.log))
	}
	select {
	case code := <-exited:
		ended(code)
	case <-h.store.opened:
		os.Stderr = stderr
	}
	for ready := false; !ready; {
		select {
		case code := <-exited:
			ended(code)
		case <-time.After(10 * time.Millisecond):
			response, err := h.client.Get(h.url + "/readyz")
			ready = err == nil && response.StatusCode == http.StatusOK
			if err == nil {
				response.Body.Close()
			}
		}
	}
	h.warm()
	return h
}

// warm makes the server open what it opens when it is first needed, and then
// counts goroutines.
func (h *hosted) warm() {
	for range 20 {
		h.must(http.MethodGet, "/v1/things", nil, http.StatusOK)
	}
	h.client.CloseIdleConnections()
	time.Sleep(50 * time.Millisecond)
	h.baseline = runtime.NumGoroutine()
}

// An answer is one that has been read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request with its header in pairs.
func (h *hosted) do(ctx context.Context, method, path string, body []byte, header ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := h.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, text}, err
}

// must is do for a request that has to be answered with the status.
func (h *hosted) must(method, path string, body []byte, status int, header ...string) answer {
	h.t.Helper()
	got, err := h.do(h.t.Context(), method, path, body, header...)
	if err != nil || got.status != status {
		h.t.Fatalf("%s %s: got %d, %v, want %d: %.300s", method, path, got.status, err, status, got.body)
	}
	return got
}

// metric returns the sum of a metric's values whose labels hold all of the texts.
func (h *hosted) metric(name string, labels ...string) float64 {
	h.t.Helper()
	response, err := h.client.Get(h.admin + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	sum := 0.0
lines:
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue lines
			}
		}
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			h.t.Fatal(err)
		}
		sum += value
	}
	return sum
}

// settled waits until there are no more goroutines than when the server was
// ready, but for five.
func (h *hosted) settled() {
	h.t.Helper()
	h.eventually("the goroutines end", func() bool {
		h.client.CloseIdleConnections()
		return runtime.NumGoroutine() <= h.baseline+5
	})
}

// eventually waits for what is to become true, for as long as a machine that does
// much else may take.
func (h *hosted) eventually(what string, is func() bool) {
	h.t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	h.t.Fatalf("in vain: %s\n%.20000s", what, stacks[:runtime.Stack(stacks, true)])
}
