package core

import (
	"context"
	"sync"
)

// flights lets requests for the same answer at the same time read it once. It is
// used for what is not cached, so one lock serves.
type flights struct {
	mu  sync.Mutex
	now map[string]*flight
}

// A flight is one answer that is being read. All but done is set before done is
// closed, and not changed after.
type flight struct {
	done   chan struct{}
	landed bool // answer and err are everybody's
	answer answer
	err    error
}

// do returns what read returns, or what it returned to another call with the same
// name that was reading when this one came. The first to come reads itself, so
// that its context counts. A failure because that context is done, or a panic, is
// its own: of those who waited one reads anew. Who waits leaves when its own
// context is done.
func (f *flights) do(ctx context.Context, name string, read func() (answer, error)) (_ answer, shared bool, err error) {
	for {
		f.mu.Lock()
		other := f.now[name]
		if other == nil {
			own := &flight{done: make(chan struct{})}
			if f.now == nil {
				f.now = make(map[string]*flight)
			}
			f.now[name] = own
			f.mu.Unlock()
			got, err := f.lead(ctx, name, own, read)
			return got, false, err
		}
		f.mu.Unlock()
		select {
		case <-other.done:
			if other.landed {
				return other.answer, true, other.err
			}
		case <-ctx.Done():
			return answer{}, false, ctx.Err()
		}
	}
}

// lead reads for everybody who waits for the flight.
func (f *flights) lead(ctx context.Context, name string, own *flight, read func() (answer, error)) (answer, error) {
	defer func() { // after a panic, too
		f.mu.Lock()
		delete(f.now, name)
		f.mu.Unlock()
		close(own.done)
	}()
	own.answer, own.err = read()
	own.landed = own.err == nil || ctx.Err() == nil
	return own.answer, own.err
}
