package layer

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// Fence is of cache.Coherent. While the mode is Down it waits for the one after
// it, some seconds. What it returns always publishes: a fence that cannot be taken
// away hides what was written, and is taken away later.
func (d *Distributed) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	if !d.entered.Load() {
		return cache.Fence{Publish: unfenced}, ctx.Err()
	}
	for {
		now, member, err := d.admitted(ctx)
		if err != nil {
			return cache.Fence{}, err
		}
		f := &fence{d: d, epoch: now, member: member, collection: collection, tags: tags}
		kept := now.kept[collection]
		if kept.elsewhere {
			f.tags = append(slices.Clone(tags), d.everything)
		}
		if kept == (keeping{}) {
			return cache.Fence{Witness: member.Witness, Publish: unfenced, Abandon: f.abandon}, nil
		}
		f.name = d.fenceName(member)
		if err := f.put(ctx); err != nil {
			f.leave("")
			if ctx.Err() != nil {
				return cache.Fence{}, ctx.Err()
			}
			d.figures.unfenced.Add(1)
			if err := d.fall(ctx, now, "a write could not be fenced: "+err.Error()); err != nil {
				return cache.Fence{}, undecided(ctx, err)
			}
			continue
		}
		return cache.Fence{Witness: member.Witness, Publish: f.publish, Abandon: f.abandon}, nil
	}
}

// admitted returns the epoch in which this instance may write, Idle or On, and
// itself as a member. It waits for one.
func (d *Distributed) admitted(ctx context.Context) (*epoch, cache.Member, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, cache.Member{}, err
		}
		now := d.seen.Load().epoch
		switch {
		case now.mode.State == cache.On && now.session == nil:
			if err := d.fall(ctx, now, foreignMode); err != nil {
				return nil, cache.Member{}, undecided(ctx, err)
			}
			continue
		case now.mode.State == cache.Down:
			if err := d.drained(ctx, now); err != nil {
				return nil, cache.Member{}, err
			}
			continue
		}
		member, joined, err := now.join(ctx, d.modes)
		switch {
		case err != nil:
			return nil, cache.Member{}, err
		case joined:
			return now, member, nil
		}
		if err := d.leave(ctx, now); err != nil {
			return nil, cache.Member{}, undecided(ctx, err)
		}
	}
}

// drained waits for the end of an epoch that is Down.
func (d *Distributed) drained(ctx context.Context, e *epoch) error {
	patience := time.NewTimer(d.timing.Rely + d.timing.Known + 2*pollIn)
	defer patience.Stop()
	select {
	case <-e.ended:
		return nil
	case <-patience.C:
		return undecided(ctx, nil)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// undecided is the error of a write that waited in vain for the instances to agree
// whether answers may be kept, or of the caller's context.
func undecided(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fault.New(fault.Unavailable, "layer.Fence", "instances do not agree whether answers may be kept, so nothing is written").
		Coded("cache-down").Hinting("send it again in some seconds").Because(cause)
}

// unfenced ends a write that needed no fence.
func unfenced(context.Context, bool) error { return nil }

// A fence is that of one write.
type fence struct {
	d          *Distributed
	epoch      *epoch
	member     cache.Member
	collection string
	tags       []string
	name       string
}

// put puts the fence at the server, or tries to twice.
func (f *fence) put(ctx context.Context) (err error) {
	for range 2 {
		err = f.once(ctx, func(ctx context.Context) error {
			return f.epoch.session.Fence(ctx, f.collection, f.tags, f.name)
		})
		if err == nil || lost(err) {
			break
		}
	}
	return err
}

func (f *fence) once(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, f.d.timing.Write)
	defer cancel()
	return do(ctx)
}

// publish takes the fence away. That of a write of which nobody knows whether it
// is stored stays until its member is expelled.
func (f *fence) publish(ctx context.Context, settled bool) error {
	if !settled {
		f.leave(f.member.ID)
		return nil
	}
	err := f.once(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return f.epoch.session.Lift(ctx, f.collection, f.tags, []string{f.name})
	})
	if err != nil {
		f.leave("")
	}
	return nil
}

// abandon takes away the fence of a write that was not stored because the
// membership had ended.
func (f *fence) abandon() {
	f.epoch.forget(f.member.ID)
	if f.name != "" {
		f.leave("")
	}
}

// leave has the fence taken away later, once the member is expelled, if one is
// named.
func (f *fence) leave(expel string) {
	f.d.chores.add(chore{epoch: f.epoch, collection: f.collection, tags: f.tags, fence: f.name, expel: expel})
}

// fenceName returns the name of a new fence: whose it is, which, and when to take
// its writer for gone, in milliseconds.
func (d *Distributed) fenceName(m cache.Member) string {
	until := time.Now().Add(d.timing.Fence).UnixMilli()
	return m.ID + ":" + strconv.FormatUint(d.number.Add(1), 36) + ":" + strconv.FormatInt(until, 36)
}

// expired returns the member whose fence it is, if it has stood for too long.
func expired(name string, now time.Time) (member string, is bool) {
	member, rest, _ := strings.Cut(name, ":")
	_, end, _ := strings.Cut(rest, ":")
	until, err := strconv.ParseInt(end, 36, 64)
	return member, err == nil && now.UnixMilli() > until
}

// expire has the fences among the marks taken away that have stood for too long,
// and their writers expelled.
func (d *Distributed) expire(e *epoch, collection string, tags, marks []string) {
	now := time.Now()
	for i, mark := range marks {
		for _, name := range cache.Fences(mark) {
			if member, is := expired(name, now); is {
				d.chores.add(chore{epoch: e, collection: collection, tags: tags[i : i+1], fence: name, expel: member})
			}
		}
	}
}
