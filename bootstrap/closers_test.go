package bootstrap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// hangs is a close that takes all the time that it gets.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// TestClosersShareTheTime: whatever time there is, closing ends within it and within closeTime, and what is
// closed behind others that hang has some of it left.
func TestClosersShareTheTime(t *testing.T) {
	for name, tt := range map[string]struct {
		of   func(context.Context) (context.Context, context.CancelFunc)
		most time.Duration
	}{
		"without a time": {context.WithCancel, closeTime},
		"with less": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, time.Second},
		"with hours": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, drainWithin)
		}, closeTime},
		"done already": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, drainWithin)
			cancel()
			return ctx, cancel
		}, closeTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := tt.of(t.Context())
				defer cancel()
				var left time.Duration
				c := &closers{}
				c.add(func(ctx context.Context) error {
					end, _ := ctx.Deadline()
					left = time.Until(end)
					return ctx.Err()
				})
				c.add(hangs)
				c.add(hangs)
				begun := time.Now()
				if err := c.close(ctx); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took != tt.most*3/4 || left != tt.most/8 {
					t.Errorf("two that hang take %s, and leave %s to the last; want %s and %s", took, left, tt.most*3/4, tt.most/8)
				}
			})
		})
	}
}

// TestGenerationClosesInTime: a request that does not end leaves half of the time to what is closed.
func TestGenerationClosesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &generation{opened: &closers{}, gone: make(chan struct{}), idle: func() {}}
		g.asked.Add(1)
		var left time.Duration
		g.opened.add(func(ctx context.Context) error {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), closeTime)
		defer cancel()
		if err := g.close(ctx); err != nil || left != closeTime/4 {
			t.Errorf("what is closed behind it has %s, %v, want %s", left, err, closeTime/4)
		}
	})
}

// TestRestAtAnyTime: what goes on beside requests is ended once, by whoever comes, also before it has begun.
func TestRestAtAnyTime(t *testing.T) {
	g := &generation{}
	g.rest()
	ended := 0
	end := func() { ended++ }
	g.resting.Store(&end)
	g.rest()
	if ended != 1 {
		t.Errorf("it was ended %d times", ended)
	}
}
