package layer

import (
	"context"
	"sync/atomic"
	"time"
)

// A patience hands out contexts that end after about a time. Those who ask for one
// shortly after each other have the same: a timer for each look, and a goroutine that
// ends it with the request, cost more than the look does otherwise.
//
// Such a context does not end with the request, which makes a look that nobody waits
// for any more last that time at most; and it keeps who leaves from looking like a
// server that does not answer.
type patience struct {
	within time.Duration
	now    atomic.Pointer[shift]
}

// A shift is one context, from when on it is handed out.
type shift struct {
	ctx   context.Context //nolint:containedctx // it is what many are handed out
	begun time.Time
}

// shifts is how many there are in the time: a context ends earlier by such a part at
// most.
const shifts = 10

// from returns a context that ends when the time is over, or a little earlier.
func (p *patience) from(now time.Time) context.Context {
	if current := p.now.Load(); current != nil && now.Sub(current.begun) < p.within/shifts {
		return current.ctx
	}
	ctx, cancel := context.WithDeadline(context.Background(), now.Add(p.within))
	context.AfterFunc(ctx, cancel)
	p.now.Store(&shift{ctx, now})
	return ctx
}
