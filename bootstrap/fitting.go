package bootstrap

import (
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// fittingFor is how long it is believed that the tables fit.
const fittingFor = 30 * time.Second

// A fitting tells whether the tables still fit the collections: that they did at the start
// says nothing of a backup that was put back, or of a table that somebody dropped. It is
// safe for concurrent use.
type fitting struct {
	store       repository.Store
	collections []*schema.Collection

	mu    sync.Mutex
	until time.Time // when it is looked again
}

// ping reads one record of each collection, what is encrypted left out, unless that went well a while ago.
// Nothing is locked or changed by that, also while another process migrates.
func (f *fitting) ping(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Now().Before(f.until) {
		return nil
	}
	for _, c := range f.collections {
		if c.Base != nil {
			continue
		}
		var fields []int
		for i := range c.Fields {
			if !c.Fields[i].Encrypted { // whose keys may be away
				fields = append(fields, i)
			}
		}
		_, err := f.store.Find(ctx, query.Query{View: query.View{Collection: c, Fields: fields}, Order: []query.Key{{Field: c.ID}}, Limit: 1})
		if err != nil {
			return fault.New(fault.KindOf(err), "bootstrap.fitting", "the collection %s cannot be read as it is configured", c.Name).Because(err)
		}
	}
	f.until = time.Now().Add(fittingFor)
	return nil
}
