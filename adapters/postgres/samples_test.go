package postgres

import (
	"testing"
	"time"
)

// TestSamples: a place in the log says of which time everything is before it.
func TestSamples(t *testing.T) {
	var s samples
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second) }
	first, second := identity{system: "1", timeline: "1"}, identity{system: "1", timeline: "2"}
	is := func(what string, era int, replayed uint64, want time.Time) {
		t.Helper()
		if got := s.asOf(era, replayed); !got.Equal(want) {
			t.Errorf("%s: what is replayed to %d is of %v, want %v", what, replayed, got, want)
		}
	}
	is("without samples", 0, 100, time.Time{})
	for i, lsn := range []uint64{100, 200, 200, 300} {
		if s.add(first, sample{at(i), lsn}) {
			t.Error("the first primary is taken for another one")
		}
	}
	is("before all", 1, 99, time.Time{})
	is("at a sample", 1, 100, at(0))
	is("between", 1, 299, at(2))
	is("behind all", 1, 1000, at(3))
	s.add(first, sample{at(4), 250}) // a crash lost the end of the log
	is("behind a place that was lost", 1, 260, at(4))
	is("before a place that was lost", 1, 249, at(2))
	if !s.add(second, sample{at(5), 400}) {
		t.Error("another timeline is not taken for another primary")
	}
	is("in another era", 1, 1000, time.Time{})
	is("in the new era", 2, 1000, at(5))
	is("before the new era", 2, 399, time.Time{})
	for i := range 3 * maxSamples {
		s.add(second, sample{at(6 + i), uint64(1000 + i)})
	}
	if len(s.kept) != maxSamples || !s.newest().Equal(at(5+3*maxSamples)) {
		t.Errorf("there are %d samples, the newest of %v", len(s.kept), s.newest())
	}
	is("of what was dropped", 2, 1000, time.Time{})
	is("of the oldest that is kept", 2, uint64(1000+2*maxSamples), at(6+2*maxSamples))
}

// TestEnded: a replica stops in front of the header of a page on which nothing is yet.
func TestEnded(t *testing.T) {
	const page, file = 8192, 16 << 20
	for lsn, want := range map[uint64]uint64{
		5*file + 40: 5 * file, 5*file + 48: 5*file + 48, 5*file + page + 24: 5*file + page,
		5*file + page + 40: 5*file + page + 40, 5*file + page: 5*file + page,
	} {
		if got := ended(lsn, page, file); got != want {
			t.Errorf("the last record before %d ends at %d, want %d", lsn, got, want)
		}
	}
}

// TestNeed: what is as old as it may be will do, and what is older will not, by
// whichever clock; and not what was before the last write.
func TestNeed(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, tt := range []struct {
		name string
		asOf time.Time
		n    need
		want bool
	}{
		{"as old as it may be", ago(time.Second), need{called: now, stale: time.Second}, true},
		{"older", ago(time.Second + 1), need{called: now, stale: time.Second}, false},
		{"not known", time.Time{}, need{called: now, stale: 1 << 62}, false},
		{"before the last write", ago(2), need{called: now, stale: time.Second, wrote: ago(1)}, false},
		{"with the last write", ago(1), need{called: now, stale: time.Second, wrote: ago(1)}, false},
		{"behind the last write", ago(1), need{called: now, stale: time.Second, wrote: ago(2)}, true},
		{"older by the clock on the wall", ago(time.Minute).Round(0), need{called: now, stale: time.Second}, false},
	} {
		if got := tt.n.meets(tt.asOf); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}
