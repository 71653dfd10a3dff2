package layer

import (
	"context"
	"strings"
	"sync"
	"time"
)

// chores are what nobody waits for: fences to take away, and an epoch to end.
type chores struct {
	mu     sync.Mutex
	lifts  map[string]chore // by what they are about: many may meet one fence
	fallen *epoch           // to be ended
	why    error
}

// A chore is to take a fence away, once the member is expelled if one is named.
type chore struct {
	epoch      *epoch
	collection string
	tags       []string
	fence      string
	expel      string
}

// maxChores is how many fences wait to be taken away at most. Of more, the last
// are left to whoever meets them.
const maxChores = 10_000

func (c *chores) add(what chore) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lifts == nil {
		c.lifts = make(map[string]chore)
	}
	if len(c.lifts) < maxChores {
		c.lifts[strings.Join(append([]string{what.collection, what.fence}, what.tags...), "\x00")] = what
	}
}

// fall has the epoch ended.
func (c *chores) fall(e *epoch, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fallen, c.why = e, why
}

// waiting returns how many fences are to be taken away, and epochs to be ended.
func (c *chores) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fallen != nil {
		return len(c.lifts) + 1
	}
	return len(c.lifts)
}

// take returns all that is to be done.
func (c *chores) take() (lifts map[string]chore, fallen *epoch, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lifts, fallen, why = c.lifts, c.fallen, c.why
	c.lifts, c.fallen, c.why = nil, nil, nil
	return lifts, fallen, why
}

// work does the chores until ctx is done. What fails is tried again.
func (d *Distributed) work(ctx context.Context) {
	ticker := time.NewTicker(d.timing.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		lifts, fallen, why := d.chores.take()
		if fallen != nil && d.fall(ctx, fallen, why.Error()) != nil {
			d.chores.fall(fallen, why)
		}
		gone, silent := make(map[string]bool), false // members that are expelled; the store
		for _, lift := range lifts {
			if silent = silent || !d.expel(ctx, lift, gone); silent || !d.lift(ctx, lift) {
				d.chores.add(lift)
			}
		}
	}
}

// expel expels the member of a chore, and reports whether that was done, or need
// not be.
func (d *Distributed) expel(ctx context.Context, c chore, gone map[string]bool) bool {
	if c.expel == "" || gone[c.expel] || d.seen.Load().epoch != c.epoch {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pollIn)
	defer cancel()
	if err := d.modes.Expel(ctx, c.expel); err != nil {
		return false
	}
	gone[c.expel] = true
	c.epoch.forget(c.expel)
	return true
}

// lift takes the fence of a chore away, and reports whether it is done with.
func (d *Distributed) lift(ctx context.Context, c chore) bool {
	if d.seen.Load().epoch != c.epoch {
		return true // nobody asks for fences of an epoch that is over
	}
	ctx, cancel := context.WithTimeout(ctx, d.timing.Write)
	defer cancel()
	err := c.epoch.session.Lift(ctx, c.collection, c.tags, []string{c.fence})
	return err == nil || lost(err)
}
