package repositorytest

import (
	"context"

	"github.com/portolan-io/portolan/ports/repository"
)

// A Scratching store can be proved where it is used, by portolan contract: it makes
// places for the suite apart from its records.
type Scratching interface {
	// Scratch opens a new and empty store on the same server, with the same settings.
	// Closing it removes all that was stored in it.
	Scratch(ctx context.Context) (repository.Store, error)
}
