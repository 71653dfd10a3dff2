package bootstrap

import (
	"context"
	"log/slog"
	"time"

	"github.com/portolan-io/portolan/core"
)

// sweepEvery is how often what has expired is removed from the store.
const sweepEvery = 10 * time.Minute

// sweeping removes what has expired from the store, at once and then every so
// often, on a goroutine of its own. It ends with ctx, or when the returned
// function is called, which waits until it has.
func sweeping(ctx context.Context, api *core.API, every time.Duration, log *slog.Logger) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			n, err := api.Sweep(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil: // the next time will do it
				log.Warn("what has expired could not be removed", "removed", n, "error", err)
			case n > 0:
				log.Debug("removed what has expired", "removed", n)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
