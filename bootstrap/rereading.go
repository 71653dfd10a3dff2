package bootstrap

import (
	"context"
	"log/slog"

	"github.com/portolan-io/portolan/core"
)

// newRereads returns what looks for hits that are not right, or nil if there is
// no cache. Of each that is found a line of the log tells, and nothing of what
// was read.
func newRereads(s *settings, w *watching, log *slog.Logger) *core.Rereads {
	if !s.Cache.given() {
		return nil
	}
	rereads := core.NewRereads(s.Service.Rereads, func(collection string) {
		log.Warn("the cache answered what a write had changed", "collection", collection)
	})
	for _, counter := range w.rereads {
		w.figures = append(w.figures, func() error { return counter.Rereads(rereads.All) })
	}
	return rereads
}

// A rereadCounter is an observer that takes the figures of rereads.
type rereadCounter interface {
	Rereads(all func(yield func(collection string, observed, stale uint64) bool)) error
}

// rereading reads again what is to be, on a goroutine of its own. It ends with
// ctx, or when the returned function is called, which waits until it has.
func rereading(ctx context.Context, rereads *core.Rereads) (end func()) {
	if rereads == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rereads.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}
