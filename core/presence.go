package core

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// A Presence makes a process that writes a store known to those that answer from
// a cache over the same one: they do not as long as it is there. A server that
// has no cache needs one all the same, or what it writes is not seen by another
// that has. A [Modal] has its own, and so has each [API.Hold].
//
// Its methods are called one after the other: Enter before the first write, Run
// while there are any, and Close when Run and the last write have returned.
type Presence struct {
	writer  *writer
	renewed time.Time // when its row was written last
}

// NewPresence returns the presence of this process over the store, by the clock;
// nil is time.Now. It starts nothing.
func NewPresence(store repository.Store, now func() time.Time) *Presence {
	if now == nil {
		now = time.Now
	}
	return &Presence{writer: newWriter(store, now)}
}

// Enter makes this process known to the others as one that writes. It returns at
// once if none of them answers from its cache, and else when that is over, some
// seconds later.
func (p *Presence) Enter(ctx context.Context) error {
	began := time.Now()
	err := p.writer.enter(ctx)
	if err == nil {
		p.renewed = began // else Run tries again at once
	}
	return err
}

// Run says now and then that this process is there, until ctx is done. If it
// stood still for so long that another one took it for dead, it enters anew.
func (p *Presence) Run(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if passed(p.renewed, renewEvery) {
				_ = p.poll(ctx) // what fails is tried again
			}
		case <-ctx.Done():
			return
		}
	}
}

// poll renews the row of this process, or enters anew if that came too late.
func (p *Presence) poll(ctx context.Context) error {
	now, err := readMode(ctx, p.writer.store)
	if err != nil {
		return err
	}
	if now.state == modeOn {
		return p.Enter(ctx)
	}
	return p.renew(ctx)
}

// renew writes the row of this process again, if it is time for that.
func (p *Presence) renew(ctx context.Context) error {
	if !passed(p.renewed, renewEvery) {
		return nil
	}
	began := time.Now()
	_, err := p.writer.store.Apply(ctx, []repository.Mutation{p.writer.alive()})
	if err == nil {
		p.renewed = began
	}
	return err
}

// passed reports whether so much time has passed since then, by either clock: a
// machine that slept stops the one, and somebody may put back the other.
func passed(then time.Time, d time.Duration) bool {
	now := time.Now()
	return now.Sub(then) >= d || now.Round(0).Sub(then.Round(0)) >= d
}

// Close tells the others that this process writes nothing any more, for as long as ctx allows.
func (p *Presence) Close(ctx context.Context) error { return p.writer.leave(ctx) }

// idle ends the epoch that this process set, after which nobody relies on anything.
func (p *Presence) idle(ctx context.Context, epoch record.Revision) error {
	ctx, cancel := context.WithTimeout(ctx, leaveIn)
	defer cancel()
	now := mode{exists: true, epoch: epoch}
	_, err := p.writer.store.Apply(ctx, []repository.Mutation{now.put(modeIdle, epoch)})
	if overtaken(err) {
		return nil // a writer ended it already
	}
	return err
}
