package layer

import (
	"context"
	"errors"
	"slices"

	"github.com/portolan-io/portolan/ports/telemetry"
)

// Observers returns an observer that tells all of the given ones, in their
// order; ends come in the reverse order, so that each encloses the next. Of one
// it is that one.
func Observers(all ...telemetry.Observer) telemetry.Observer {
	if len(all) == 1 {
		return all[0]
	}
	return observers(slices.Clone(all))
}

type observers []telemetry.Observer

// Start starts op with every observer, each in the context of the one before.
func (o observers) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	ends := make([]func(error), len(o))
	for i, each := range o {
		ctx, ends[i] = each.Start(ctx, op)
	}
	return ctx, func(err error) {
		for _, end := range slices.Backward(ends) {
			end(err)
		}
	}
}

// Close closes every observer, also after one that could not deliver.
func (o observers) Close(ctx context.Context) error {
	var all []error
	for _, each := range o {
		all = append(all, each.Close(ctx))
	}
	return errors.Join(all...)
}
