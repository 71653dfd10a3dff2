package cache

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/repository"
)

// Modes keeps, where the records are, whether the instances of a service may
// answer from the [Server] that they share. The store decides that, never the
// server: what the store says outlives every server, and a write can check it in
// its own transaction.
//
// A Modes is safe for concurrent use. Its errors are those of a
// repository.Store.
type Modes interface {
	// Read returns the mode as it is.
	//
	// Read sees every Switch that returned before it was called. Before the first
	// Switch the mode is the zero Mode.
	Read(ctx context.Context) (Mode, error)

	// Switch makes next the mode if that is still was, and reports whether it did.
	//
	// Of several Switches from one mode to others exactly one succeeds. A Switch to On
	// ends all memberships: when it has returned true, nothing is stored any more whose
	// batch has the Witness of one. It does not succeed while a process that is no
	// member may write.
	Switch(ctx context.Context, was, next Mode) (switched bool, err error)

	// Join makes this process one that writes in the mode, if that is still so, and
	// reports whether it is.
	Join(ctx context.Context, at Mode) (m Member, joined bool, err error)

	// Expel ends a membership: when it has returned, nothing is stored any more whose
	// batch has its Witness. It waits for a batch that is being stored. A membership
	// that has ended is no error.
	Expel(ctx context.Context, member string) error
}

// A Mode says whether answers may come from a server that instances share.
type Mode struct {
	State ModeState
	Epoch string // of this mode, or empty before the first; that of Off is also that of the Idle after it

	Server      string   // of On: which one, as Server.Identity names it
	Collections []string // whose answers are kept while it is On, or will be when it is again
}

// A ModeState is what instances may do.
type ModeState uint8

// The states.
const (
	Idle ModeState = iota // nobody answers from the server, and writes need no fence
	On                    // whoever has read this lately answers from the server, and every write is fenced there
	Down                  // nobody may write until the last who has read On does not rely on it any more; then comes Idle
)

// String returns the name of the state, as metrics have it.
func (s ModeState) String() string { return [...]string{"idle", "on", "down"}[s] }

// A Member is this process as one that writes in one mode.
type Member struct {
	ID      string                // unique; letters, digits and hyphens
	Witness []repository.Mutation // Checks that the membership has not ended
}

// How long what was true of a mode is relied on.
const (
	Rely  = time.Second     // on a reading of On, counted from before it was asked for
	Known = 2 * time.Second // what Session.Announce and Session.Renew make known lasts so long

	// Drain is the time after a Switch from On in which somebody may rely on that:
	// on a reading, and, if he slept meanwhile and does not know, on what the server
	// was last told by others.
	Drain = Rely + Known
)
