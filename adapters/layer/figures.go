package layer

import "time"

import "sync/atomic"

// Unknown is the mode while the last reading of it is too old to rely on: the
// store does not answer, or nobody has asked it yet.
const Unknown = "unknown"

// figures are what an instance counts since it began.
type figures struct {
	changes  atomic.Uint64 // of the mode, that it saw
	unfenced atomic.Uint64 // fences that could not be put
}

// Figures tells how this instance sees the others: the mode, as cache.ModeState
// names it, or Unknown; how often it saw another one; how many fences it could not
// put, each of which ends the use of the server; and how many chores wait, such as
// fences to take away, which go on waiting while the server does not answer.
// It is safe for concurrent use.
func (d *Distributed) Figures() (mode string, changes, unfenced uint64, chores int) {
	now := d.seen.Load()
	mode = now.mode.State.String()
	if !now.reliable(time.Now()) {
		mode = Unknown
	}
	return mode, d.figures.changes.Load(), d.figures.unfenced.Load(), d.chores.waiting()
}
