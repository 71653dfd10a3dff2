package layer

import (
	"context"
	"sync"
	"time"
)

// chores are what nobody waits for: fences to take away, and an epoch to end.
type chores struct {
	mu     sync.Mutex
	lifts  []chore
	fallen *epoch // to be ended
	why    error
}

// A chore is to take fences away, once the member is expelled if one is named.
type chore struct {
	epoch      *epoch
	collection string
	tags       []string
	fences     []string
	expel      string
}

// maxChores is how many fences wait to be taken away at most. Of more, the last
// are left to whoever meets them.
const maxChores = 10_000

func (c *chores) add(what chore) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lifts) < maxChores {
		c.lifts = append(c.lifts, what)
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
func (c *chores) take() (lifts []chore, fallen *epoch, why error) {
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
		gone := make(map[string]bool) // members that are expelled
		for _, lift := range lifts {
			if !d.lift(ctx, lift, gone) {
				d.chores.add(lift)
			}
		}
	}
}

// lift does one chore, and reports whether it is done with.
func (d *Distributed) lift(ctx context.Context, c chore, gone map[string]bool) bool {
	if d.seen.Load().epoch != c.epoch {
		return true // nobody asks for fences of an epoch that is over
	}
	if c.expel != "" && !gone[c.expel] {
		ctx, cancel := context.WithTimeout(ctx, pollIn)
		defer cancel()
		if err := d.modes.Expel(ctx, c.expel); err != nil {
			return false
		}
		gone[c.expel] = true
		c.epoch.forget(c.expel)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timing.Write)
	defer cancel()
	err := c.epoch.session.Lift(ctx, c.collection, c.tags, c.fences)
	return err == nil || lost(err)
}
