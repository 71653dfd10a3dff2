package cachetest

import (
	"context"

	"github.com/portolan-io/portolan/ports/cache"
)

// A Scratching cache can be proved where it is used, by portolan contract: it makes
// places for the suite apart from what it keeps. One that ends with the process needs
// none.
type Scratching interface {
	// Scratch opens a new and empty cache on the same server, with the same settings.
	// Closing it removes all that was kept in it.
	Scratch(ctx context.Context) (cache.Cache, error)
}
