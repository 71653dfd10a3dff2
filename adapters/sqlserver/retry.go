package sqlserver

import (
	"errors"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// attempts is how often something is tried that others come in the way of. It is as in
// PostgreSQL: who writes a record that is there waits for its lock, however many do; a
// deadlock ends one of its transactions and lets another go on; and what another stored
// is met the next time. So one is in the way again only while others succeed, of whom it
// draws ahead by chance: the pauses are random.
const attempts = 20

// How often a key may be taken, and a database be moved.
const (
	takenTimes = 2
	movedTimes = 5
)

// tries are how often something failed, by what came in the way: a database that is
// moved is waited for just as long behind any number of deadlocks.
type tries struct{ overtaken, taken, moved, broken int }

// again reports, of what failed once more, whether it may succeed if it is begun anew,
// and for how long at most to wait before. Ran says that it had an answer of the server.
// A key that is taken may be an id that another one stored, which is found the next
// time; or a value that stays where it is.
func (t *tries) again(err error, ran bool) (pause time.Duration, hopeful bool) {
	var committing *commitError
	unsure := errors.As(err, &committing)
	if taken(err) {
		t.taken++
	}
	switch n := number(err); {
	case broken(err) && !ran:
		t.broken++
		return 0, t.broken < attempts
	case errors.Is(err, gormstore.ErrAgain), n == 1205, n == 3960, n == 3961:
		t.overtaken++
		return time.Duration(min(t.overtaken, 10)) * 2 * time.Millisecond, t.overtaken < attempts
	case taken(err) && !unsure:
		return 0, t.taken <= takenTimes
	case transient[n] && !unsure:
		t.moved++
		return time.Duration(t.moved) * 200 * time.Millisecond, t.moved <= movedTimes
	}
	return 0, false
}
