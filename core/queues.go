package core

import (
	"context"
	"sync"
)

// queues lets requests for the same answer at the same time read it together while
// the cache cannot tell what has changed: who comes while it is being read does not
// share that, which may have begun before a write that he must see, but the next
// reading, which begins when that one has ended.
type queues struct {
	mu  sync.Mutex
	now map[string]*queue
}

// A queue is the reading that goes on, and that which is waited for, if any.
type queue struct {
	reading, next *flight
}

// do returns what read returns, or what it returned to another call with the same
// name, which called it after this call began. For the rest see flights.do.
func (q *queues) do(ctx context.Context, name string, read func() (answer, error)) (_ answer, shared bool, err error) {
	for {
		own, before, other := q.join(name)
		if other == nil {
			got, err := q.lead(ctx, name, own, before, read)
			return got, false, err
		}
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

// join returns the flight that the caller leads once the one before it, if any, has
// ended; or another's, which has not begun to read.
func (q *queues) join(name string) (own, before, other *flight) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.now[name]
	switch {
	case line == nil:
		own = &flight{done: make(chan struct{})}
		if q.now == nil {
			q.now = make(map[string]*queue)
		}
		q.now[name] = &queue{reading: own}
		return own, nil, nil
	case line.next == nil:
		line.next = &flight{done: make(chan struct{})}
		return line.next, line.reading, nil
	}
	return nil, nil, line.next
}

// lead reads for everybody who waits for the flight.
func (q *queues) lead(ctx context.Context, name string, own, before *flight, read func() (answer, error)) (answer, error) {
	defer q.end(name, own) // after a panic, too
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
		q.mu.Lock()
		q.now[name] = &queue{reading: own}
		q.mu.Unlock()
	}
	own.answer, own.err = read()
	own.landed = own.err == nil || ctx.Err() == nil
	return own.answer, own.err
}

// end lets those go on who wait for the flight, which has read or was given up.
func (q *queues) end(name string, own *flight) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.now[name]
	switch {
	case line != nil && line.next == own: // it never began
		line.next = nil
		select {
		case <-line.reading.done: // and nobody else is there to go on
			delete(q.now, name)
		default:
		}
	case line != nil && line.reading == own && line.next == nil:
		delete(q.now, name)
	}
	close(own.done)
}
