package bootstrap

import (
	"context"
	"errors"
	"slices"
	"time"
)

// closeTime is how long adapters may take to deliver what they hold.
const closeTime = 2 * time.Second

// closers are what is to be closed at the end, in the reverse of the order in
// which it was opened.
//
// fx runs the stop hooks of an application only if it was started; when a later
// port fails to open, what is open already must be closed all the same.
type closers struct {
	functions []func(context.Context) error
	lending   *lending // what of it others may have too
}

// shares returns the lending, which is its own if it was given none.
func (c *closers) shares() *lending {
	if c.lending == nil {
		c.lending = newLending()
	}
	return c.lending
}

func (c *closers) add(end func(context.Context) error) {
	c.functions = append(c.functions, end)
}

// addClose adds a Close method that takes no context.
func (c *closers) addClose(end func() error) {
	c.add(func(context.Context) error { return end() })
}

// close closes everything once, however often it is called, and also if ctx is
// done. What can be told how long it may take gets half of what is left of closeTime, or of what
// ctx has if that is less, so that something is left for what is closed behind it.
func (c *closers) close(ctx context.Context) error {
	end := time.Now().Add(closeTime)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(end) {
		end = earlier
	}
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, closing := range slices.Backward(c.functions) {
		within, cancel := context.WithTimeout(ctx, time.Until(end)/2)
		errs = append(errs, closing(within))
		cancel()
	}
	c.functions = nil
	return errors.Join(errs...)
}
