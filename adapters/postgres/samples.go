package postgres

import (
	"slices"
	"sync"
	"time"
)

// A sample says that all that was committed before a time is in the log before a
// place.
type sample struct {
	at  time.Time
	lsn uint64
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
	era  int      // counts the identities; 0 is before the first
	kept []sample // at and lsn increase
}

// maxSamples is how many are kept: a replica that is further behind than they reach
// is not made use of. If nothing is written they are one.
const maxSamples = 1024

// add keeps the sample, and reports whether the primary is another than before.
// Places of another one's log mean nothing.
func (s *samples) add(of identity, one sample) (another bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.era == 0 || s.of != of {
		another = s.era > 0
		s.of, s.era, s.kept = of, s.era+1, s.kept[:0]
	}
	n := len(s.kept)
	for n > 0 && s.kept[n-1].lsn >= one.lsn { // of two at one place the newer says more
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

// asOf returns the time up to which everything is in what was replayed in the era:
// the zero time if that is not known.
func (s *samples) asOf(era int, replayed uint64) time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if era != s.era {
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
