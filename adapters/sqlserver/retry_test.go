package sqlserver

import (
	"database/sql/driver"
	"errors"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// TestAgain shows what is begun anew, and how often: each thing that comes in the way
// for as long as it would alone.
func TestAgain(t *testing.T) {
	deadlock, snapshot, stored := refusal(1205), refusal(3960), errors.Join(gormstore.ErrAgain, refusal(2627))
	key, moved, severed, wrong := refusal(2627), refusal(40613), driver.ErrBadConn, refusal(207)
	many := func(err error, n int) []error { return slices.Repeat([]error{err}, n) }
	for _, tt := range []struct {
		name    string
		errs    []error
		ran     bool
		hopeful bool // after the last of them; it is after all others
	}{
		{"19 deadlocks", many(deadlock, 19), true, true},
		{"20 deadlocks", many(deadlock, 20), true, false},
		{"deadlocks and changes since a snapshot, 20 in all", append(many(deadlock, 10), many(snapshot, 10)...), true, false},
		{"an id that another one stored, 19 times", many(stored, 19), true, true},
		{"an id that another one stored, without end", many(stored, 20), true, false},
		{"a key that is taken", many(key, 2), true, true},
		{"a key that stays taken", many(key, 3), true, false},
		{"a key that is taken, behind deadlocks", append(many(deadlock, 19), key, key), true, true},
		{"a database that is moved", many(moved, 5), true, true},
		{"a database that does not come back", many(moved, 6), true, false},
		{"a database that is moved, behind deadlocks", append(many(deadlock, 19), many(moved, 5)...), true, true},
		{"deadlocks behind a database that was moved", append(many(moved, 5), many(deadlock, 19)...), true, true},
		{"a connection that was dead", many(severed, 19), false, true},
		{"a connection that died", many(severed, 1), true, false},
		{"a commit that was moved", many(&commitError{moved}, 1), true, false},
		{"a commit that was taken", many(&commitError{key}, 1), true, false},
		{"a commit that was a deadlock", many(&commitError{deadlock}, 1), true, true},
		{"what is wrong", many(wrong, 1), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before tries
			for i, err := range tt.errs {
				_, hopeful := before.again(err, tt.ran)
				if want := tt.hopeful || i < len(tt.errs)-1; hopeful != want {
					t.Fatalf("failure %d: begun anew %v, want %v", i+1, hopeful, want)
				}
			}
		})
	}
}
