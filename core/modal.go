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
	presence *Presence
	view     atomic.Pointer[modeView]
	armed    record.Revision // the epoch that this process set, or empty
	off      record.Revision // the epoch that was found off last
	offSince time.Time       // when it was first
}

// A modeView is that the mode was on.
type modeView struct {
	epoch string
	// When it is too old to rely on, by the clock that does not go while a machine
	// sleeps, and by the one that may be put back.
	until, wall time.Time
}

// NewModal returns the cache, to be used as the mode in the store says. It starts
// nothing. The clock tells the time of day; nil is time.Now.
func NewModal(store repository.Store, c cache.Coherent, now func() time.Time) *Modal {
	return &Modal{Coherent: c, presence: NewPresence(store, now)}
}

// Enter makes this process known to the others as one that writes, before its
// first write. If another one may answer from its cache it returns when that is
// over, some seconds later. If there is no other one the mode is on then.
func (m *Modal) Enter(ctx context.Context) error {
	if err := m.presence.Enter(ctx); err != nil {
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
	view := modeView{until: began.Add(reliedFor), wall: m.presence.writer.now().Round(0).Add(reliedFor)}
	now, err := readMode(ctx, m.presence.writer.store)
	if err != nil {
		return err
	}
	if now.state == modeOn && now.epoch == m.armed {
		m.rely(view, now.epoch)
		return m.presence.renew(ctx)
	}
	m.view.Store(nil)
	m.armed = ""
	switch {
	case now.state == modeOn: // another server took this one for dead
		return m.presence.Enter(running)
	case now.state == modeOff && !m.drained(now): // instances that share a cache may have set it off
		return m.presence.renew(ctx)
	}
	epoch, err := m.presence.writer.arm(ctx, now)
	switch {
	case err == nil:
		m.armed, m.presence.renewed = epoch, began
		m.rely(view, epoch)
	case overtaken(err):
		return m.presence.renew(ctx)
	}
	return err
}

// drained reports whether nobody relies any more on what was before the mode was
// set off.
func (m *Modal) drained(now mode) bool {
	if m.off != now.epoch {
		m.off, m.offSince = now.epoch, time.Now()
	}
	return time.Since(m.offSince) >= drainFor
}

// rely takes the mode for on, for as long as the view says.
func (m *Modal) rely(view modeView, epoch record.Revision) {
	view.epoch = string(epoch) + "/"
	m.view.Store(&view)
}

// Close tells the others that this process writes nothing any more, for as long as ctx
// allows. It is called when Run has returned and the last write has.
func (m *Modal) Close(ctx context.Context) error {
	var idle error
	if m.armed != "" {
		idle = m.presence.idle(ctx, m.armed)
	}
	return errors.Join(idle, m.presence.Close(ctx))
}

// current returns the epoch if the mode is known to be on. Both clocks are asked:
// a machine that slept stops the one, and somebody may put back the other.
func (m *Modal) current() (epoch string, on bool) {
	view := m.view.Load()
	if view == nil {
		return "", false
	}
	return view.epoch, time.Now().Before(view.until) && m.presence.writer.now().Round(0).Before(view.wall)
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
