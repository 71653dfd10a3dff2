package core

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A Modal is a cache.Coherent of this process over a store that other processes
// may write too: whenever one of them has a [API.Hold], and whenever that cannot
// be told, it is Off. Until Enter it is Off always.
//
// It is as right as the cache that it is made of. What that answers depends on
// the writes of this process alone. The others write only when the mode has been
// off for longer than anybody relies on a reading of it; what is kept is kept for
// one epoch of the mode, and an epoch that ended never comes back.
type Modal struct {
	cache.Coherent
	writer *writer
	view   atomic.Pointer[modeView]

	armed   record.Revision // the epoch that this process set, or empty
	renewed time.Time
}

// A modeView is that the mode was on.
type modeView struct {
	epoch string
	until time.Time // when it is too old to rely on
}

// NewModal returns the cache, to be used as the mode in the store says. It starts
// nothing.
func NewModal(store repository.Store, c cache.Coherent) *Modal {
	return &Modal{Coherent: c, writer: newWriter(store)}
}

// Enter makes this process known to the others as one that writes, before its
// first write. If another one may answer from its cache it returns when that is
// over, some seconds later. If there is no other one the mode is on then.
func (m *Modal) Enter(ctx context.Context) error {
	m.renewed = time.Now()
	if err := m.writer.enter(ctx); err != nil {
		return err
	}
	_ = m.poll(ctx) // Run goes on with it
	return nil
}

// Run follows the mode until ctx is done, and sets it on whenever no other
// process writes. It follows Enter.
func (m *Modal) Run(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		// What fails is tried again; a reading that is not renewed ends by itself.
		_ = m.poll(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			m.view.Store(nil)
			return
		}
	}
}

// poll reads the mode, and sets it on if it may be.
func (m *Modal) poll(running context.Context) error {
	ctx, cancel := context.WithTimeout(running, reliedFor)
	defer cancel()
	began := time.Now()
	now, err := readMode(ctx, m.writer.store)
	if err != nil {
		return err
	}
	if now.state == modeOn && now.epoch == m.armed {
		m.rely(now.epoch, began)
		return m.renew(ctx)
	}
	m.view.Store(nil)
	m.armed = ""
	if now.state == modeOn { // another server took this one for dead
		m.renewed = began
		return m.writer.enter(running)
	}
	epoch, err := m.writer.arm(ctx, now)
	switch {
	case err == nil:
		m.armed, m.renewed = epoch, began
		m.rely(epoch, began)
	case overtaken(err):
		return m.renew(ctx)
	}
	return err
}

// rely takes the mode for on, by what was asked at began.
func (m *Modal) rely(epoch record.Revision, began time.Time) {
	m.view.Store(&modeView{string(epoch) + "/", began.Add(reliedFor)})
}

func (m *Modal) renew(ctx context.Context) error {
	now := time.Now()
	if now.Sub(m.renewed) < renewEvery {
		return nil
	}
	_, err := m.writer.store.Apply(ctx, []repository.Mutation{m.writer.alive()})
	if err == nil {
		m.renewed = now
	}
	return err
}

// Close tells the others that this process writes nothing any more. It is called
// when Run has returned and the last write has.
func (m *Modal) Close(ctx context.Context) error {
	var idle error
	if m.armed != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveIn)
		defer cancel()
		now := mode{exists: true, epoch: m.armed}
		if _, idle = m.writer.store.Apply(ctx, []repository.Mutation{now.put(modeIdle, m.armed)}); overtaken(idle) {
			idle = nil // a writer ended it already
		}
	}
	return errors.Join(idle, m.writer.leave(ctx))
}

// current returns the epoch if the mode is known to be on. Both clocks are asked:
// a machine that slept stops the one, and somebody may put back the other.
func (m *Modal) current() (epoch string, on bool) {
	view := m.view.Load()
	if view == nil {
		return "", false
	}
	now := time.Now()
	return view.epoch, now.Before(view.until) && now.Round(0).Before(view.until.Round(0))
}

// Look is of cache.Coherent. That the mode is on is asked first: nobody else
// wrote before that, and if somebody does after, the call was earlier.
func (m *Modal) Look(ctx context.Context, key cache.Key) cache.Found {
	epoch, on := m.current()
	if !on {
		return cache.Found{State: cache.Off}
	}
	key.Text = epoch + key.Text
	found := m.Coherent.Look(ctx, key)
	if found.Lease != "" {
		found.Lease = cache.Lease(epoch) + found.Lease
	}
	return found
}

// Fill is of cache.Coherent: it fills for the epoch of the lease.
func (m *Modal) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	epoch, rest, _ := strings.Cut(string(lease), "/")
	if rest == "" {
		return
	}
	key.Text = epoch + "/" + key.Text
	m.Coherent.Fill(ctx, key, cache.Lease(rest), value, ttl)
}
