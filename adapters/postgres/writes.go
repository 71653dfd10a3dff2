package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// writes are when each collection was written last by this store. They are safe for
// concurrent use.
type writes struct {
	mu sync.RWMutex
	at map[string]time.Time // by the name of the table
}

// note notes that the collections were written until now.
func (w *writes) note(touched []*schema.Collection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		w.at = map[string]time.Time{}
	}
	for _, c := range touched {
		w.at[c.TableName()] = time.Now()
	}
}

// last returns when the collection was written last, the zero time if never.
func (w *writes) last(c *schema.Collection) time.Time {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.at[c.TableName()]
}

// Apply notes what it touched, so that no replica that is behind it is asked. So it
// does if it fails: the batch may be stored all the same.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.engine.replica == nil {
		return s.Store.Apply(ctx, batch)
	}
	defer func() { s.engine.replica.writes.note(touched(nil, batch)) }()
	return s.Store.Apply(ctx, batch)
}

// Load notes what it touched, like Apply.
func (s *Store) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if s.engine.replica == nil {
		return s.Store.Load(ctx, load)
	}
	changed := touched(nil, []repository.Mutation{{Collection: load.Collection}})
	if mark := load.Mark; mark != nil {
		load.Mark = func(n int, repeated []int) []repository.Mutation {
			batch := mark(n, repeated)
			changed = touched(changed, batch)
			return batch
		}
	}
	defer func() { s.engine.replica.writes.note(changed) }()
	return s.Store.Load(ctx, load)
}

// touched appends the collections that the batch changes.
func touched(dst []*schema.Collection, batch []repository.Mutation) []*schema.Collection {
	for i := range batch {
		c := batch[i].Collection
		if c != nil && batch[i].Op != repository.Check && (len(dst) == 0 || dst[len(dst)-1] != c) {
			dst = append(dst, c)
		}
	}
	return dst
}
