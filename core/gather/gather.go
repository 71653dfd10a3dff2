// Package gather lets those who ask the same at the same time ask once, without
// anybody being given an answer that is older than the question.
package gather

import (
	"context"
	"sync"
	"time"
)

// Turns are questions that are asked again and again, each by its name. The zero
// value is ready for use. It is safe for concurrent use.
type Turns[T any] struct {
	// Longest, if it is not 0, is how long a turn waits for the one before: one
	// question that is stuck does not hold up the others.
	Longest time.Duration

	mu  sync.Mutex
	now map[string]*turn[T]
}

// A turn is one asking, by whoever came first. Those who come while it is under way
// are the next turn, which begins when it has ended, or has taken Longest.
type turn[T any] struct {
	next  *turn[T] // nil until somebody waits
	begin chan struct{}
	done  chan struct{}

	// Set before done is closed, and not changed after.
	landed bool // answer and err are everybody's
	answer T
	err    error
}

// Do returns what ask returns, or what it returned to another call with the same name
// that began to ask after this one came: whatever had happened by then is in the
// answer, which is shared then. So of any number of calls at the same time two ask.
//
// A failure because the context of who asked is done, or a panic, is its own: of those
// who waited one asks anew. Who waits leaves when its own context is done.
func (g *Turns[T]) Do(ctx context.Context, name string, ask func() (T, error)) (_ T, shared bool, err error) {
	for {
		t, leads := g.join(name)
		if leads {
			got, err := g.lead(ctx, name, t, ask)
			return got, false, err
		}
		select {
		case <-t.done:
			if t.landed {
				return t.answer, true, t.err
			}
		case <-ctx.Done():
			var none T
			return none, false, ctx.Err()
		}
	}
}

// join returns the turn that a call is part of, and whether it is who asks.
func (g *Turns[T]) join(name string) (t *turn[T], leads bool) {
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

// lead asks for everybody who is part of the turn, once the turn before has ended.
func (g *Turns[T]) lead(ctx context.Context, name string, t *turn[T], ask func() (T, error)) (T, error) {
	defer g.end(name, t) // after a panic, too
	if t.begin != nil {
		if err := g.wait(ctx, name, t); err != nil {
			return t.answer, err
		}
	}
	t.answer, t.err = ask()
	t.landed = t.err == nil || ctx.Err() == nil
	return t.answer, t.err
}

// wait returns when the turn may begin.
func (g *Turns[T]) wait(ctx context.Context, name string, t *turn[T]) error {
	var late <-chan time.Time
	if g.Longest > 0 {
		timer := time.NewTimer(g.Longest)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-t.begin:
		return nil
	case <-late:
		g.overtake(name, t)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// overtake begins the turn, though the one before has not ended.
func (g *Turns[T]) overtake(name string, t *turn[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[name] = t
}

// end begins the next turn, if there is one that has not overtaken this; or takes this
// away, if it never began.
func (g *Turns[T]) end(name string, t *turn[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch now := g.now[name]; {
	case now == nil:
	case now.next == t:
		now.next = nil
	case now != t: // overtaken
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
