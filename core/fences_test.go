package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A tallying store counts what is read of it, and calls within, if there is any,
// in the middle of each Get: when it has read, and before it says so.
type tallying struct {
	repository.Store
	gets, finds atomic.Int64
	within      func(context.Context) error
}

func (s *tallying) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.gets.Add(1)
	rows, err := s.Store.Get(ctx, view, ids)
	if within := s.within; within != nil && err == nil {
		err = within(ctx)
	}
	return rows, err
}

func (s *tallying) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.finds.Add(1)
	return s.Store.Find(ctx, q)
}

// getKettle gets A1 and returns its title, and what the cache had to do with it.
func getKettle(t *testing.T, api *core.API) (string, core.Cached) {
	t.Helper()
	result, err := api.Get(t.Context(), nobody, "products", "A1", core.GetRequest{Select: "title"})
	if err != nil {
		t.Fatal(err)
	}
	return string(result.JSON), result.Cache
}

func rename(t *testing.T, api *core.API, title string) {
	t.Helper()
	if _, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"`+title+`"}`), core.How{}); err != nil {
		t.Fatal(err)
	}
}

// What was read before a write and is filled after it is never answered.
func TestFillThatRacesWithAWrite(t *testing.T) {
	store := &tallying{Store: newStore(t)}
	newAPI(t, store)
	api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
	write := func() { rename(t, api, "Samovar") }
	store.within = func(context.Context) error {
		store.within = nil
		write()
		return nil
	}
	if got, _ := getKettle(t, api); got != `{"title":"Kettle"}` {
		t.Fatalf("the read that came first got %s", got)
	}
	for _, want := range []core.Cached{core.CacheMiss, core.CacheHit} {
		if got, state := getKettle(t, api); got != `{"title":"Samovar"}` || state != want {
			t.Errorf("after the write got %s with state %d, want the new title with state %d", got, state, want)
		}
	}
}

// A breaking store does as within says before, or instead of, Apply.
type breaking struct {
	repository.Store
	within func(ctx context.Context, apply func() error) error
}

func (s *breaking) Apply(ctx context.Context, batch []repository.Mutation) (outcomes []repository.Outcome, err error) {
	apply := func() error {
		outcomes, err = s.Store.Apply(ctx, batch)
		return err
	}
	if s.within == nil {
		return outcomes, apply()
	}
	return outcomes, s.within(ctx, apply)
}

// While a write is on its way, and for as long as nobody knows what became of it,
// what it changes is read from the store.
func TestFencesStand(t *testing.T) {
	for _, tt := range []struct {
		name   string
		within func(ctx context.Context, apply func() error) error
		stands bool
	}{
		{"stored", func(_ context.Context, apply func() error) error { return apply() }, false},
		{"refused", func(context.Context, func() error) error {
			return &repository.BatchError{Err: fault.New(fault.NotFound, "broken", "gone")}
		}, false},
		{"too large", func(context.Context, func() error) error { return fault.New(fault.TooLarge, "broken", "too large") }, false},
		{"cancelled", func(context.Context, func() error) error { return context.Canceled }, false},
		{"too late", func(context.Context, func() error) error { return context.DeadlineExceeded }, false},
		{"not stored, as it seems", func(context.Context, func() error) error { return errDown }, true},
		{"stored, but not said", func(_ context.Context, apply func() error) error { return errors.Join(apply(), errDown) }, true},
		{"failed with no kind", func(context.Context, func() error) error { return errors.New("defect") }, true},
		{"failed by a defect of the store", func(context.Context, func() error) error {
			return fault.New(fault.Internal, "broken", "defect")
		}, true},
		{"cut off on the way", func(context.Context, func() error) error {
			return fault.New(fault.Unavailable, "broken", "cut off").Because(context.Canceled)
		}, true},
		{"panicked", func(context.Context, func() error) error { panic("defect") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &breaking{Store: newStore(t)}
				newAPI(t, store)
				api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
				getKettle(t, api)
				look := func() {
					if got, state := getKettle(t, api); state != core.CacheFenced {
						t.Errorf("while it is written got %s with state %d, want fenced", got, state)
					}
				}
				store.within = func(ctx context.Context, apply func() error) error {
					look()
					return tt.within(ctx, apply)
				}
				func() {
					defer func() { _ = recover() }()
					_, _ = api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Samovar"}`), core.How{})
				}()
				want := []core.Cached{core.CacheMiss, core.CacheHit}
				if tt.stands {
					want = []core.Cached{core.CacheFenced, core.CacheFenced}
				}
				_, first := getKettle(t, api)
				_, second := getKettle(t, api)
				if got := []core.Cached{first, second}; !slices.Equal(got, want) {
					t.Errorf("after the write got states %d, want %d", got, want)
				}
				time.Sleep(layer.Unsettled + time.Second)
				getKettle(t, api)
				if _, state := getKettle(t, api); state != core.CacheHit {
					t.Errorf("in the end got state %d, want a hit", state)
				}
			})
		})
	}
}

// A watched cache notes what it is told, and may fail to fence or to publish.
type watched struct {
	cache.Coherent
	mu             sync.Mutex
	ttls           []time.Duration
	tags           [][]string
	fence, publish error
}

func (w *watched) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	w.mu.Lock()
	w.ttls = append(w.ttls, ttl)
	w.mu.Unlock()
	w.Coherent.Fill(ctx, key, lease, value, ttl)
}

func (w *watched) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	if w.fence != nil {
		return cache.Fence{}, w.fence
	}
	w.tags = append(w.tags, tags)
	fence, err := w.Coherent.Fence(ctx, collection, tags)
	publish := fence.Publish
	fence.Publish = func(ctx context.Context, settled bool) error {
		if ctx.Err() != nil {
			return errors.New("a write was published with a context that is done")
		}
		return errors.Join(publish(ctx, settled), w.publish)
	}
	return fence, err
}

// A write that cannot be fenced is not done; one that cannot be published is not
// acknowledged.
func TestWritesThatTheCacheCannotBeToldOf(t *testing.T) {
	store, c := newStore(t), &watched{Coherent: newCache(t)}
	newAPI(t, store)
	api := readingThrough(t, store, c, core.Caching{}, nil)
	patch := func() error {
		_, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Samovar"}`), core.How{})
		return err
	}
	c.fence = errDown
	wantFault(t, patch(), fault.Unavailable, "down")
	if got, _ := getKettle(t, api); got != `{"title":"Kettle"}` {
		t.Errorf("a write that was not fenced left %s", got)
	}
	c.fence, c.publish = nil, errors.New("no answer")
	wantFault(t, patch(), fault.Unavailable, "unpublished-write")
	c.publish = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancelling := &breaking{Store: store, within: func(_ context.Context, apply func() error) error {
		defer cancel()
		return apply()
	}}
	api = readingThrough(t, cancelling, c, core.Caching{}, nil)
	if _, err := api.Patch(ctx, admin, "products", "A1", []byte(`{"title":"Urn"}`), core.How{}); err != nil {
		t.Errorf("the caller left when it was stored: %v", err)
	}
}

// A write with a key that cannot be published is not acknowledged, though its answer is
// stored; who asks again gets that answer, and nothing is written twice.
func TestOnceThatTheCacheCannotBeToldOf(t *testing.T) {
	store, c := newStore(t), &watched{Coherent: newCache(t), publish: errors.New("no answer")}
	newAPI(t, store)
	applied := 0
	counting := &breaking{Store: store, within: func(_ context.Context, apply func() error) error {
		applied++
		return apply()
	}}
	api := readingThrough(t, counting, c, core.Caching{}, nil)
	patch := func() (core.Written, error) {
		return api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Samovar"}`), keyed("k", 1))
	}
	written, err := patch()
	wantFault(t, err, fault.Unavailable, "unpublished-write")
	if written.Answer != nil || applied != 1 {
		t.Errorf("got the answer %q after %d writes, want none after 1", written.Answer, applied)
	}
	c.publish = nil
	written, err = patch()
	if err != nil || !written.Repeated || !strings.Contains(string(written.Answer), "Samovar") || applied != 1 {
		t.Errorf("again got %+v, %v after %d writes, want the answer that was stored, after 1", written, err, applied)
	}
}

// Each class keeps what it says, for as long as it says.
func TestClasses(t *testing.T) {
	at := func(fraction float64) time.Duration { return time.Duration(fraction * float64(time.Hour)) }
	for _, tt := range []struct {
		name        string
		caching     core.Caching
		again       core.Cached
		least, most time.Duration
	}{
		{"strict", core.Caching{TTL: time.Hour}, core.CacheHit, at(0.9), at(1.1)},
		{"strict, as long as usual", core.Caching{}, core.CacheHit, 9 * time.Minute, 11 * time.Minute},
		{"bounded", core.Caching{Class: core.Bounded, TTL: time.Hour}, core.CacheHit, at(0.9) - 10*time.Second, at(1) - 10*time.Second},
		{"none", core.Caching{Class: core.Uncached}, core.CacheNone, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, c := &tallying{Store: newStore(t)}, &watched{Coherent: newCache(t)}
				newAPI(t, store)
				api := readingThrough(t, store, c, tt.caching, time.Now)
				store.within = func(context.Context) error { time.Sleep(10 * time.Second); return nil }
				for range 100 {
					getKettle(t, api)
					if _, state := getKettle(t, api); state != tt.again {
						t.Fatalf("the second time got state %d, want %d", state, tt.again)
					}
					rename(t, api, "Kettle")
				}
				if tt.caching.Class == core.Uncached {
					if len(c.ttls) > 0 || len(c.tags) != 100 {
						t.Errorf("the cache was told %d answers, and of %d writes, want none, and of 100, because another instance may cache", len(c.ttls), len(c.tags))
					}
					return
				}
				if got := []time.Duration{slices.Min(c.ttls), slices.Max(c.ttls)}; got[0] < tt.least || got[1] > tt.most || got[1]-got[0] < (tt.most-tt.least)/2 {
					t.Errorf("what was read in 10 seconds is kept for %v, want %v to %v and all between", got, tt.least, tt.most)
				}
				c.ttls = nil
				_, err := api.Get(t.Context(), nobody, "products", "A9", core.GetRequest{})
				wantFault(t, err, fault.NotFound, "")
				if len(c.ttls) != 1 || c.ttls[0] > 5*time.Second {
					t.Errorf("absence is kept for %v, want at most 5 seconds", c.ttls)
				}
			})
		})
	}
}

// An answer of the class bounded is never older than it may be, though the cache
// keeps time from when it was filled.
func TestBoundedAnswersAreNotOlder(t *testing.T) {
	store, clock := newStore(t), newDay()
	newAPI(t, store)
	api := readingThrough(t, store, newCache(t), core.Caching{Class: core.Bounded, TTL: 10 * time.Minute}, clock.time)
	getKettle(t, api)
	clock.pass(8 * time.Minute)
	if _, state := getKettle(t, api); state != core.CacheHit {
		t.Errorf("after 8 of 10 minutes got state %d, want a hit", state)
	}
	clock.pass(2 * time.Minute)
	if _, state := getKettle(t, api); state == core.CacheHit {
		t.Error("after 10 minutes got a hit")
	}
	clock.pass(-time.Hour)
	if _, state := getKettle(t, api); state == core.CacheHit {
		t.Error("with a clock that was put back got a hit")
	}
}

// What is too large is not kept, and said not to be.
func TestLargeAnswersAreNotKept(t *testing.T) {
	store := newStore(t)
	newAPI(t, store)
	api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
	for i := range 3 {
		create(t, api, "notes", `{"owner":"ada","text":"`+strings.Repeat("x", 1000-i)+`"}`)
	}
	bodies := make([]string, core.MaxCreate)
	for i := range bodies {
		bodies[i] = `{"owner":"ada","text":"` + strings.Repeat("é", 1000) + `"}`
	}
	for range 3 {
		create(t, api, "notes", bodies...)
	}
	for first, want := range map[int][]core.Cached{10: {core.CacheMiss, core.CacheHit}, 600: {core.CacheNone, core.CacheNone}} {
		var got []core.Cached
		for range want {
			page, err := api.List(t.Context(), admin, "notes", core.ListRequest{First: first})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Cache)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: got states %d, want %d", first, got, want)
		}
	}
}
