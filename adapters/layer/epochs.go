package layer

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
)

// An epoch is one mode, from when this instance first saw it.
type epoch struct {
	mode    cache.Mode
	session cache.Session // of On with a server
	kept    map[string]keeping
	since   time.Time
	ended   chan struct{} // closed when this instance has seen another mode

	found bool // it was there before this instance, which cannot tell how long

	joining sync.Mutex
	member  *cache.Member // nil until this instance writes
	over    bool          // it cannot be joined any more
}

func newEpoch(mode cache.Mode, session cache.Session, own []scheme) *epoch {
	e := &epoch{mode: mode, session: session, since: time.Now(), ended: make(chan struct{})}
	if session != nil {
		e.kept = keepings(mode.Collections, own)
	}
	return e
}

// serves reports whether this instance finds answers of the collection.
func (e *epoch) serves(collection string) bool { return e.kept[collection].here }

// foreign reports whether answers of other versions of this service are kept, too.
func (e *epoch) foreign() bool {
	for _, k := range e.kept {
		if k.elsewhere {
			return true
		}
	}
	return false
}

// join returns this instance as one that writes in the epoch, unless that is over. Of
// many writers that wait for that one asks.
func (e *epoch) join(ctx context.Context, modes cache.Modes) (m cache.Member, joined bool, err error) {
	e.joining.Lock()
	defer e.joining.Unlock()
	if e.over || ctx.Err() != nil {
		return m, false, ctx.Err()
	}
	if e.member == nil {
		if m, joined, err = modes.Join(ctx, e.mode); !joined {
			e.over = err == nil
			return m, false, err
		}
		e.member = &m
	}
	return *e.member, true, nil
}

// forget has this instance join anew, if it is that member still.
func (e *epoch) forget(member string) {
	e.joining.Lock()
	defer e.joining.Unlock()
	if e.member != nil && e.member.ID == member {
		e.member = nil
	}
}

// A sight is an epoch as it was read.
type sight struct {
	*epoch
	// When the reading is too old to rely on, by the clock that does not go while a
	// machine sleeps, and by the one that may be put back.
	until, wall time.Time
}

// reliable reports whether this instance may rely on the reading now.
func (s *sight) reliable(now time.Time) bool {
	return now.Before(s.until) && now.Round(0).Before(s.wall)
}

// Enter reads the mode, before the first write of this instance. It fails if the
// store does; that the server cannot be used is no error.
func (d *Distributed) Enter(ctx context.Context) error {
	d.entered.Store(true)
	d.polling.Lock()
	defer d.polling.Unlock()
	now, err := d.readLocked(ctx)
	if err != nil {
		return err
	}
	now.found = true
	reading, cancel := context.WithTimeout(ctx, pollIn)
	defer cancel()
	_ = d.act(reading, now) // Run goes on with it
	return ctx.Err()
}

// Run follows the mode until ctx is done, and sees to it that the server is used
// whenever it can be. It follows Enter.
func (d *Distributed) Run(ctx context.Context) {
	var working sync.WaitGroup
	working.Go(func() { d.work(ctx) })
	defer working.Wait()
	ticker := time.NewTicker(d.timing.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			// What fails is tried again; a reading that is not renewed ends by itself.
			_ = d.poll(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// Close tells the others that this instance writes nothing any more, for as long as ctx
// allows. It is called when Run has returned and the last write has.
func (d *Distributed) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveIn)
	defer cancel()
	now := d.seen.Load()
	d.seen.Store(&sight{epoch: now.epoch})
	var err error
	if member := now.member; member != nil {
		err = d.modes.Expel(ctx, member.ID)
	}
	if now.session != nil {
		_ = now.session.Close()
	}
	return err
}

// leaveIn is what leaving may take.
const leaveIn = 2 * time.Second

// pollIn is what reading the mode may take, or changing it.
const pollIn = 2 * time.Second

// poll reads the mode, and does what follows from it.
func (d *Distributed) poll(ctx context.Context) error {
	d.polling.Lock()
	defer d.polling.Unlock()
	return d.pollLocked(ctx)
}

// leave does what follows from the mode, unless this instance has seen another one than
// the epoch by then.
func (d *Distributed) leave(ctx context.Context, e *epoch) error {
	d.polling.Lock()
	defer d.polling.Unlock()
	if d.seen.Load().epoch != e {
		return nil
	}
	return d.pollLocked(ctx)
}

func (d *Distributed) pollLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollIn)
	defer cancel()
	now, err := d.readLocked(ctx)
	if err != nil {
		return err
	}
	return d.act(ctx, now)
}

// act does what follows from the mode.
func (d *Distributed) act(ctx context.Context, now *sight) error {
	mode := now.mode
	switch mode.State {
	case cache.On:
		return d.renew(ctx, now)
	case cache.Down:
		if time.Since(now.since) <= d.timing.Rely+d.timing.Known {
			return nil
		}
		return d.become(ctx, mode, cache.Mode{State: cache.Idle, Epoch: mode.Epoch, Collections: mode.Collections})
	}
	if mode.Epoch == "" {
		return d.become(ctx, mode, cache.Mode{State: cache.Idle, Epoch: anEpoch()})
	}
	err := d.arm(ctx, mode)
	d.troubled(mode, err)
	return err
}

// troubled tells once why the server is not used.
func (d *Distributed) troubled(mode cache.Mode, err error) {
	trouble := ""
	if err != nil {
		trouble = err.Error()
		if hint := fault.Of(err).Hint; hint != "" {
			trouble += "; " + hint
		}
	}
	if trouble != "" && trouble != d.trouble {
		d.told(mode, mode, trouble)
	}
	d.trouble = trouble
}

// readLocked reads the mode.
func (d *Distributed) readLocked(ctx context.Context) (*sight, error) {
	began := time.Now()
	mode, err := d.modes.Read(ctx)
	if err != nil {
		return nil, err
	}
	now := &sight{epoch: d.epochOf(mode), until: began.Add(d.timing.Rely), wall: began.Round(0).Add(d.timing.Rely)}
	d.seen.Store(now)
	return now, nil
}

// anEpoch returns the name of a new epoch.
func anEpoch() string { return string(record.NewRevision(time.Now())) }

// epochOf returns the epoch that the mode is, which may be that which this
// instance has seen already.
func (d *Distributed) epochOf(mode cache.Mode) *epoch {
	was := d.seen.Load().epoch
	if was.mode.State == mode.State && was.mode.Epoch == mode.Epoch {
		return was
	}
	var session cache.Session
	if identity, ours := strings.CutPrefix(mode.Server, protocol); mode.State == cache.On && ours {
		session = d.server.Bind(identity, mode.Epoch)
	}
	if was.mode.State == cache.On {
		if !was.found { // else it may have been without a server for long
			d.health.ended(time.Since(was.since), d.timing.Healthy)
		}
		if d.why == "" {
			d.why = "another instance ended it, or a command"
		}
	}
	d.figures.changes.Add(1)
	d.told(was.mode, mode, d.why)
	d.why = ""
	close(was.ended)
	if was.session != nil {
		_ = was.session.Close()
	}
	return newEpoch(mode, session, d.schemes)
}

// become makes next the mode, and does what follows. If somebody else was faster, or
// it may not be, that has time until the next poll.
func (d *Distributed) become(ctx context.Context, was, next cache.Mode) error {
	switched, err := d.modes.Switch(ctx, was, next)
	switch {
	case err != nil:
		return err
	case switched:
		return d.pollLocked(ctx)
	}
	_, err = d.readLocked(ctx)
	return err
}

// foreignMode is why a mode ends that is On without anything to share.
const foreignMode = "another server caches by itself, or in another way"

// renew has the server know the epoch for longer, as long as the reading of it may
// be relied on; a server that does not know it any more has lost it.
func (d *Distributed) renew(ctx context.Context, now *sight) error {
	if now.session == nil {
		return d.fallLocked(ctx, now.epoch, foreignMode)
	}
	if !now.reliable(time.Now()) {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, now.until)
	defer cancel()
	err := now.session.Renew(ctx, namesOf(now.mode.Collections), d.timing.Known)
	lasted := time.Since(now.since)
	switch {
	case lost(err):
		return d.fallLocked(context.WithoutCancel(ctx), now.epoch, err.Error())
	case lasted > d.timing.Healthy && len(united(d.schemes, now.mode.Collections)) > len(now.mode.Collections):
		return d.fallLocked(context.WithoutCancel(ctx), now.epoch, "a collection is new, or its tags are")
	case lasted > d.timing.Foreign && now.foreign():
		d.alone = true
		return d.fallLocked(context.WithoutCancel(ctx), now.epoch, "what other versions of the service kept is to be forgotten")
	}
	return nil // whoever writes will find out
}

// arm makes the mode On if the server is well.
func (d *Distributed) arm(ctx context.Context, was cache.Mode) error {
	identity, err := d.server.Identity(ctx)
	if err != nil {
		d.health.since = time.Time{}
		return err
	}
	if !d.health.enough(identity, d.timing.Healthy) {
		return nil
	}
	next := cache.Mode{State: cache.On, Epoch: anEpoch(), Server: protocol + identity, Collections: united(d.schemes, was.Collections)}
	session := d.server.Bind(identity, next.Epoch)
	defer func() { _ = session.Close() }()
	if err := session.Announce(ctx, namesOf(next.Collections), d.timing.Known); err != nil {
		return err
	}
	if err := d.tryOut(ctx, session); err != nil {
		return err
	}
	return d.become(ctx, was, next)
}

// tryOut does once what reads and writes will ask of the server, with their patience:
// it may answer, and yet be too slow, or not allow this instance that.
func (d *Distributed) tryOut(ctx context.Context, session cache.Session) error {
	if len(d.schemes) == 0 {
		return nil
	}
	name, tags, fence := d.schemes[0].name(), []string{"\x00tried"}, "tried:"+newToken()
	for _, step := range []struct {
		within time.Duration
		do     func(context.Context) error
	}{
		{d.timing.Write, func(ctx context.Context) error { return session.Fence(ctx, name, tags, fence) }},
		{d.timing.Write, func(ctx context.Context) error { return session.Lift(ctx, name, tags, []string{fence}) }},
		{d.timing.Look, func(ctx context.Context) error {
			_, err := session.Read(ctx, name, tags, "")
			return err
		}},
	} {
		trying, cancel := context.WithTimeout(ctx, step.within)
		err := step.do(trying)
		late := trying.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case late:
			return fault.New(fault.Unavailable, "layer.tryOut", "the server did not answer within %s", step.within).Coded("cache-slow").Because(err)
		case err != nil:
			return err
		}
	}
	return nil
}

// fall makes the mode Down, unless the epoch is over already.
func (d *Distributed) fall(ctx context.Context, e *epoch, why string) error {
	d.polling.Lock()
	defer d.polling.Unlock()
	return d.fallLocked(ctx, e, why)
}

func (d *Distributed) fallLocked(ctx context.Context, e *epoch, why string) error {
	if d.seen.Load().epoch != e || e.mode.State != cache.On {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pollIn)
	defer cancel()
	d.why = why
	next := cache.Mode{State: cache.Down, Epoch: anEpoch(), Collections: united(d.schemes, e.mode.Collections)}
	if d.alone {
		next.Collections, d.alone = united(d.schemes, nil), false
	}
	return d.become(ctx, e.mode, next)
}
