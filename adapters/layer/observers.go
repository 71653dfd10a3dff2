package layer

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/ports/telemetry"
)

// Observers returns an observer that tells all of the given ones, in their
// order; ends come in the reverse order, so that each encloses the next. Of one
// it is that one.
func Observers(all ...telemetry.Observer) telemetry.Observer {
	switch len(all) {
	case 0:
		return unobserved{}
	case 1:
		return all[0]
	}
	return pair{all[0], Observers(all[1:]...)}
}

// A pair is two observers, the second within the first. More than two are pairs
// of pairs: an operation then costs one allocation for each beyond the first.
type pair struct{ outer, inner telemetry.Observer }

// Start starts op with both, the inner one in the context of the outer.
func (p pair) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	ctx, endOuter := p.outer.Start(ctx, op)
	ctx, endInner := p.inner.Start(ctx, op)
	return ctx, func(err error) {
		endInner(err)
		endOuter(err)
	}
}

// Close closes both, also if the first could not deliver.
func (p pair) Close(ctx context.Context) error {
	return errors.Join(p.outer.Close(ctx), p.inner.Close(ctx))
}

// unobserved is the observer of no observers.
type unobserved struct{}

func (unobserved) Start(ctx context.Context, _ telemetry.Op) (context.Context, func(error)) {
	return ctx, func(error) {}
}

func (unobserved) Close(context.Context) error { return nil }
