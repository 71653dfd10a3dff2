package coherence_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestOneReadForAllInstances has 500 readers of one record at three instances: what
// is not kept is read once, and while the server is down twice by each: for who came
// first, and for all who came while that went on.
func TestOneReadForAllInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := inMemory(t)
		var reads atomic.Int64
		counting := counted{store, &reads, func() { time.Sleep(10 * time.Millisecond) }}
		shared := cachetest.NewShared()
		p := parts{store: func(*testing.T) repository.Store { return counting }}
		var instances []*layer.Distributed
		for range 3 {
			d := layer.NewDistributed(layer.DistributedConfig{
				Server: shared.Line(nil), Modes: core.NewMembers(store, nil), Timing: layer.UsualTiming,
				Collections: map[string]string{"items": "1:shelf"}, Everything: core.EveryTag,
			})
			instances, p.apart = append(instances, d), append(p.apart, d)
		}
		s := &session{servers: newInstances(t, p)}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, d := range instances {
			if err := d.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			running.Go(func() { d.Run(ctx) })
		}
		writer := s.client(1, 0)
		writer.want(t, http.StatusCreated, http.MethodPost, "/v1/items", whole(1, writer.number(0, 0)))
		all := func() int64 {
			before := reads.Load()
			var reading sync.WaitGroup
			for i := range 500 {
				reading.Go(func() { s.client(2, i).want(t, http.StatusOK, http.MethodGet, "/v1/items/"+keyName(1), "") })
			}
			reading.Wait()
			return reads.Load() - before
		}
		if n := all(); n != 1 {
			t.Errorf("what was not kept was read %d times", n)
		}
		if n := all(); n != 0 {
			t.Errorf("what is kept was read %d times", n)
		}
		writer.want(t, http.StatusOK, http.MethodPut, "/v1/items/"+keyName(1), whole(1, writer.number(0, 0)))
		if n := all(); n != 1 {
			t.Errorf("what was written was read %d times", n)
		}
		shared.Down(true)
		if n := all(); n > 6 {
			t.Errorf("without a server it was read %d times, want twice by each instance", n)
		}
		stop()
		running.Wait()
	})
}
