package bootstrap

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
)

// alone does task while no server that runs beside this process answers from its
// cache what the task changes.
func (s *served) alone(ctx context.Context, task func() error) (err error) {
	if s.cache.many {
		return s.cache.among(ctx, task)
	}
	release, err := s.api.Hold(ctx, operator())
	if err != nil {
		return err
	}
	defer func() {
		if failed := release(ctx); failed != nil && err == nil {
			err = failed
		}
	}()
	return task()
}

// among does task as one of many instances: what it changes is fenced in the
// cache that they share.
func (c caches) among(ctx context.Context, task func() error) error {
	opened := &closers{}
	end, err := c.follow(ctx, opened)
	if err != nil {
		return errors.Join(err, opened.close(ctx))
	}
	err = task()
	end()
	return errors.Join(err, opened.close(ctx))
}

// join is follow for a server: it ends with the caches, which are those of all its
// configurations that have the same.
func (c caches) join(ctx context.Context) error {
	if c.joined.once {
		return nil
	}
	end, err := c.follow(context.WithoutCancel(ctx), c.joined.own)
	if err != nil {
		return err
	}
	c.joined.once = true
	c.joined.own.add(func(context.Context) error {
		end()
		return nil
	})
	return nil
}

// follow makes this process known as one that writes the store, before its first
// write, and has its cache, if it has one, used whenever no other process writes.
// It ends with ctx, or when the returned function is called; with the ports the
// others are told that this process is gone.
func (c caches) follow(ctx context.Context, opened *closers) (end func(), err error) {
	if c.presence == nil {
		return func() {}, nil
	}
	opened.add(func(ctx context.Context) error { // also of one that began to enter
		if err := c.presence.Close(ctx); err != nil {
			return fault.New(fault.KindOf(err), "bootstrap.follow", "the other instances could not be told that this one is gone; they wait for it for a few seconds").Because(err)
		}
		return nil
	})
	if err := c.presence.Enter(ctx); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.presence.Run(ctx)
	}()
	return func() {
		stop()
		<-ended
	}, nil
}
