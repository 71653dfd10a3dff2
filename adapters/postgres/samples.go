package postgres

import (
	"slices"
	"sync"
	"time"
)

// A sample says that all that was committed before a time is in the log before a
// place, and where the log ended behind that time.
type sample struct {
	at   time.Time
	lsn  uint64
	end  uint64
	seen string // the transactions that had ended
}

// An identity is what a primary and its replicas have in common.
type identity struct {
	system   string // of the cluster
	timeline string // which a server that becomes the primary begins
	database string // its oid
	schemas  string // in which names without one are looked up
}

// samples are how far the log of the primary was, and when. They are safe for
// concurrent use.
//
// A replica that has replayed the log up to a place shows all that was committed
// before the newest sample that is not behind that place.
type samples struct {
	mu   sync.RWMutex
	of   identity
	era  int      // counts the histories; 0 is before the first
	kept []sample // at and lsn increase
	lost uint64   // places up to this may be of a history that the primary does not go on with
}

// maxSamples is how many are kept: a replica that is further behind than they reach
// is not made use of. If nothing is written they are one.
const maxSamples = 1024

// add keeps the sample, and reports whether the primary is another than before: or the
// same, and was put back to an earlier state. Places of another history mean nothing.
func (s *samples) add(of identity, one sample) (another bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.kept)
	switch {
	case s.of != of:
		another, s.lost = s.era > 0, 0
	case n > 0 && one.end < s.kept[n-1].end:
		another, s.lost = true, max(s.lost, s.kept[n-1].end)
	}
	if another || s.era == 0 {
		s.of, s.era, s.kept, n = of, s.era+1, s.kept[:0], 0
	}
	if n > 0 && s.kept[n-1].seen == one.seen { // nothing was committed since
		one.lsn = s.kept[n-1].lsn
	}
	if n > 0 && s.kept[n-1].lsn == one.lsn { // of two at one place the newer says more
		n--
	}
	if n == maxSamples {
		s.kept, n = slices.Delete(s.kept, 0, 1), n-1
	}
	s.kept = append(s.kept[:n], one)
	return another
}

// primary returns who the primary is, and in which era.
func (s *samples) primary() (of identity, era int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.of, s.era
}

// newest returns the time of the newest sample, or the zero time.
func (s *samples) newest() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.kept) == 0 {
		return time.Time{}
	}
	return s.kept[len(s.kept)-1].at
}

// A claim is a place that a replica said before a time that it has replayed.
type claim struct {
	place  uint64
	before time.Time
}

// judge compares the claim with the first question to the primary behind it, if that was
// asked. Nobody who follows the primary is ahead of it; whoever is has another history, and
// then no place up to that one is believed, as the primary is going to come past it.
func (s *samples) judge(era int, c claim) (judged, ahead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if era != s.era {
		return false, false
	}
	i, _ := slices.BinarySearchFunc(s.kept, c.before, func(one sample, before time.Time) int {
		if one.at.After(before) {
			return 1
		}
		return -1
	})
	if i == len(s.kept) {
		return false, false
	}
	if ahead = c.place > s.kept[i].end; ahead {
		s.lost = max(s.lost, c.place)
	}
	return true, ahead
}

// asOf returns the time up to which everything is in what was replayed in the era:
// the zero time if that is not known.
func (s *samples) asOf(era int, replayed uint64) time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if era != s.era || replayed <= s.lost {
		return time.Time{}
	}
	for i := len(s.kept) - 1; i >= 0; i-- {
		if s.kept[i].lsn <= replayed {
			return s.kept[i].at
		}
	}
	return time.Time{}
}

// The lengths of what begins a page of the log, and its first page in each file.
const (
	pageHeader = 24
	fileHeader = 40
)

// ended returns where the last record before the place of the next one ends. Behind
// a page that is full, and after a change of files, the header of a page lies between
// the two, and a replica that has replayed everything stays in front of it.
func ended(lsn, page, file uint64) uint64 {
	switch {
	case lsn%file == fileHeader:
		return lsn - fileHeader
	case lsn%page == pageHeader:
		return lsn - pageHeader
	}
	return lsn
}

// A need is how new an answer has to be.
type need struct {
	called time.Time
	stale  time.Duration
	wrote  time.Time // the last write of this store that the answer must show
}

// meets reports whether what was so at the time is new enough. A machine that was
// suspended may have stopped one of its clocks, and somebody may have put the other
// one back: the age by either counts.
func (n need) meets(asOf time.Time) bool {
	age := max(n.called.Sub(asOf), n.called.Round(0).Sub(asOf.Round(0)))
	return !asOf.IsZero() && age <= n.stale && asOf.After(n.wrote)
}
