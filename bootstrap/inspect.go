package bootstrap

import (
	"context"
	"fmt"
	"strings"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A checker is a store that can tell, without changing anything, whether Ensure
// would succeed: Check returns the error that Ensure would.
type checker interface {
	Check(ctx context.Context, collections []*schema.Collection) error
}

// An indexer is a store that knows which declared indexes a table lacks which
// it may not change.
type indexer interface {
	Unserved(ctx context.Context, c *schema.Collection) ([]schema.Index, error)
}

// A located store keeps everything in one file: Path returns its absolute path,
// empty if there is none.
type located interface{ Path() string }

// A scrubber is a store whose files keep what was overwritten until somebody takes that out.
type scrubber interface {
	Scrub(ctx context.Context) error
}

// An inspector asks a store about its tables. A store without tables fits every
// collection.
type inspector struct {
	checker checker // nil if the store is none
	indexer indexer // likewise
	located located // likewise

	scrubber scrubber // likewise
}

func inspectorOf(store repository.Store) inspector {
	var i inspector
	i.checker, _ = store.(checker)
	i.indexer, _ = store.(indexer)
	i.located, _ = store.(located)
	i.scrubber, _ = store.(scrubber)
	return i
}

// inspect returns an error if the tables do not fit the collections, else a
// sentence for each thing that works and could be better. It changes nothing.
func (i inspector) inspect(ctx context.Context, collections []*schema.Collection) (warnings []string, err error) {
	collections = layer.AtRest(collections)
	if i.checker != nil {
		if err := i.checker.Check(ctx, collections); err != nil {
			return nil, err
		}
	}
	if i.indexer == nil {
		return nil, nil
	}
	for _, c := range collections {
		unserved, err := i.indexer.Unserved(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, index := range unserved {
			warnings = append(warnings, fmt.Sprintf(
				"collections.%s: the table has no index on (%s) that can be used; what is ordered by it is sorted anew for each page",
				c.Name, keysText(c, index)))
		}
	}
	return warnings, nil
}

// keysText writes the keys of an index as configurations do.
func keysText(c *schema.Collection, index schema.Index) string {
	keys := make([]string, len(index))
	for i, key := range index {
		keys[i] = c.Fields[key.Field].Name
		if key.Desc {
			keys[i] += " desc"
		}
	}
	return strings.Join(keys, ", ")
}
