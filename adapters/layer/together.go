package layer

import (
	"context"
	"sync"
	"time"
)

// A together lets those who ask the same at the same time ask once, without anybody
// being given an answer that is older than the question. Its zero value is ready for
// use. It is safe for concurrent use.
type together[T any] struct {
	mu  sync.Mutex
	now map[string]*turn[T]
}

// A turn is one asking, by whoever came first. Those who come while it is under way
// are the next turn, which begins when it has ended, or has taken long.
type turn[T any] struct {
	next  *turn[T] // nil until somebody waits
	begin chan struct{}
	done  chan struct{}

	// Set before done is closed, and not changed after.
	landed bool // answer and err are everybody's
	answer T
	err    error
}

// do returns what ask returns, or what it returned to another call with the same name
// that began to ask after this one came: whatever had happened by then is in the
// answer. So of any number of calls at the same time two ask.
//
// A failure because the context of who asked is done, or a panic, is its own: of those
// who waited one asks anew. Who waits for another leaves when its own context is done.
func (g *together[T]) do(ctx context.Context, name string, ask func() (T, error)) (T, error) {
	for {
		t, leads := g.join(name)
		if leads {
			return g.lead(ctx, name, t, ask)
		}
		select {
		case <-t.done:
			if t.landed {
				return t.answer, t.err
			}
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

// join returns the turn that a call is part of, and whether it is who asks.
func (g *together[T]) join(name string) (t *turn[T], leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now[name]
	switch {
	case now == nil:
		if g.now == nil {
			g.now = make(map[string]*turn[T])
		}
		t = &turn[T]{}
		g.now[name] = t
		return t, true
	case now.next == nil:
		now.next = &turn[T]{begin: make(chan struct{}), done: make(chan struct{})}
		return now.next, true
	}
	return now.next, false
}

// longest is how long a turn waits for the one before: one question that is stuck
// does not hold up the others.
const longest = 100 * time.Millisecond

// lead asks for everybody who is part of the turn, once the turn before has ended. That
// is waited for even if ctx is done, for others wait for this.
func (g *together[T]) lead(ctx context.Context, name string, t *turn[T], ask func() (T, error)) (T, error) {
	if t.begin != nil {
		timer := time.NewTimer(longest)
		select {
		case <-t.begin:
		case <-timer.C:
			g.overtake(name, t)
		}
		timer.Stop()
	}
	defer g.end(name, t) // after a panic, too
	t.answer, t.err = ask()
	t.landed = t.err == nil || ctx.Err() == nil
	return t.answer, t.err
}

// overtake begins the turn, though the one before has not ended.
func (g *together[T]) overtake(name string, t *turn[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[name] = t
}

// end begins the next turn, if there is one that has not overtaken this.
func (g *together[T]) end(name string, t *turn[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.now[name] != t:
	case t.next == nil:
		delete(g.now, name)
	default:
		g.now[name] = t.next
		close(t.next.begin)
	}
	if t.done != nil {
		close(t.done)
	}
}
