package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// writes are until when this store wrote. They are safe for concurrent use.
//
// A managed table is changed under its own name alone. Behind the name of an unmanaged
// one there may be a view, and triggers and foreign keys that change others: a write to it
// counts for all tables, and each write counts for it.
type writes struct {
	mu        sync.RWMutex
	managed   map[string]time.Time // by the name of the table
	unmanaged time.Time            // of all that are
	all       time.Time
}

// note notes that the collections were written until then.
func (w *writes) note(touched []*schema.Collection, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.managed == nil {
		w.managed = map[string]time.Time{}
	}
	for _, c := range touched {
		w.all = latest(w.all, until)
		if c.Table.Unmanaged {
			w.unmanaged = latest(w.unmanaged, until)
		} else {
			w.managed[nameOf(c)] = latest(w.managed[nameOf(c)], until)
		}
	}
}

// last returns until when the collection was written, the zero time if it never was.
func (w *writes) last(c *schema.Collection) time.Time {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if c.Table.Unmanaged {
		return w.all
	}
	return latest(w.managed[nameOf(c)], w.unmanaged)
}

// nameOf returns the name of the collection's table without its schema, which may be
// named or not.
func nameOf(c *schema.Collection) string {
	name := c.TableName()
	return name[strings.LastIndexByte(name, '.')+1:]
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// A doubt is for how long the server may still commit what a call sent, though that has
// returned. An engine finds it in the context, because it knows nothing of collections.
type doubt struct{ lasts time.Duration }

type doubtKey struct{}

// settlesIn is how long what was sent may be on its way before the server works on it,
// and how long the server may take to write down that it is committed.
const settlesIn = 30 * time.Second

// doubts notes in the context if the error leaves a transaction open. Each of its
// statements may take as long as the server lets one.
func (e *engine) doubts(ctx context.Context, err error) {
	var unsettled *unsettledError
	if of, ok := ctx.Value(doubtKey{}).(*doubt); ok && errors.As(err, &unsettled) {
		of.lasts = max(of.lasts, time.Duration(unsettled.statements)*e.cfg.StatementTimeout+settlesIn)
	}
}

// begin returns the context for a call that writes, and what notes when it has returned
// what it touched.
func (w *writes) begin(ctx context.Context) (context.Context, func([]*schema.Collection)) {
	var left doubt
	return context.WithValue(ctx, doubtKey{}, &left), func(touched []*schema.Collection) {
		w.note(touched, time.Now().Add(left.lasts))
	}
}

// Apply notes what it touched, so that no replica that is behind it is asked. So it
// does if it fails: the batch may be stored all the same.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.engine.replica == nil {
		return s.Store.Apply(ctx, batch)
	}
	ctx, note := s.engine.replica.writes.begin(ctx)
	defer func() { note(touched(nil, batch)) }()
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
	ctx, note := s.engine.replica.writes.begin(ctx)
	defer func() { note(changed) }()
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
