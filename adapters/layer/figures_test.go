package layer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

// TestFigures follows what an instance tells of itself while the server that it
// shares is well, is gone, and is well again, and while the store does not answer.
func TestFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := cachetest.NewShared()
		d := layer.NewDistributed(layer.DistributedConfig{
			Server: shared.Line(nil), Modes: core.NewMembers(modesStore(t), nil), Timing: layer.UsualTiming, Collections: map[string]string{"things": ""},
		})
		want := func(when, mode string, changed bool, unfenced uint64) {
			t.Helper()
			now, changes, failed, _ := d.Figures()
			if now != mode || changes > 0 != changed || failed != unfenced {
				t.Errorf("%s: %s after %d changes, and %d fences could not be put; want %s and %d", when, now, changes, failed, mode, unfenced)
			}
		}
		want("before it begins", layer.Unknown, false, 0)
		if err := d.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Run(ctx)
		}()
		time.Sleep(time.Second)
		want("a second later", "on", true, 0)

		fence, err := d.Fence(t.Context(), "things", []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		shared.Down(true)
		if err := fence.Publish(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, _, _, chores := d.Figures(); chores != 1 {
			t.Errorf("%d chores wait while a fence cannot be taken away, want 1", chores)
		}
		if fence, err = d.Fence(t.Context(), "things", []string{"a"}); err != nil {
			t.Fatal(err)
		}
		want("a write after the server is gone", "idle", true, 1)
		if err := fence.Publish(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		shared.Down(false)
		time.Sleep(time.Minute)
		want("a minute after it is back", "on", true, 1)
		if _, _, _, chores := d.Figures(); chores != 0 {
			t.Errorf("%d chores wait at the end, want none", chores)
		}
		stop()
		<-ended
		time.Sleep(time.Minute)
		want("a minute after the end", layer.Unknown, true, 1)
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
