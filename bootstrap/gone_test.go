package bootstrap

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/repository"
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
