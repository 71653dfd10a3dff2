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
	until := func(at time.Time, lsn uint64) sample { return sample{at, lsn, lsn, at.String()} }
	first, second := identity{system: "1", timeline: "1"}, identity{system: "1", timeline: "2"}
	is := func(what string, era int, replayed uint64, want time.Time) {
		t.Helper()
		if got := s.asOf(era, replayed); !got.Equal(want) {
			t.Errorf("%s: what is replayed to %d is of %v, want %v", what, replayed, got, want)
		}
	}
	is("without samples", 0, 100, time.Time{})
	for i, lsn := range []uint64{100, 200, 200, 300} {
		if s.add(first, until(at(i), lsn)) {
			t.Error("the first primary is taken for another one")
		}
	}
	is("before all", 1, 99, time.Time{})
	is("at a sample", 1, 100, at(0))
	is("between", 1, 299, at(2))
	is("behind all", 1, 1000, at(3))
	if !s.add(first, until(at(4), 250)) {
		t.Error("a primary that was put back is taken for what it was before")
	}
	is("of what it was before", 1, 1000, time.Time{})
	is("at a place that was lost", 2, 260, time.Time{})
	is("where what was lost ended", 2, 300, time.Time{})
	s.add(first, until(at(5), 301))
	is("behind what was lost", 2, 301, at(5))
	is("still at what was lost", 2, 300, time.Time{})
	if !s.add(second, until(at(5), 100)) {
		t.Error("another timeline is not taken for another primary")
	}
	is("in another era", 2, 1000, time.Time{})
	is("in the new era", 3, 1000, at(5))
	is("before the new era", 3, 99, time.Time{})
	for i := range 3 * maxSamples {
		s.add(second, until(at(6+i), uint64(1000+i)))
	}
	if len(s.kept) != maxSamples || !s.newest().Equal(at(5+3*maxSamples)) {
		t.Errorf("there are %d samples, the newest of %v", len(s.kept), s.newest())
	}
	is("of what was dropped", 3, 1000, time.Time{})
	is("of the oldest that is kept", 3, uint64(1000+2*maxSamples), at(6+2*maxSamples))
}

// TestSamplesIdle: what is in the log and was not committed, no replica must have.
func TestSamplesIdle(t *testing.T) {
	var s samples
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second) }
	s.add(identity{system: "1"}, sample{at(0), 100, 100, "7:7:"})
	s.add(identity{system: "1"}, sample{at(1), 150, 150, "7:7:"})
	if got := s.asOf(1, 100); !got.Equal(at(1)) {
		t.Errorf("nothing was committed, and what is replayed to 100 is of %v, want %v", got, at(1))
	}
	if _, ahead := s.judge(1, claim{150, at(0)}); ahead {
		t.Error("who has what was not committed is taken for one that is ahead")
	}
	s.add(identity{system: "1"}, sample{at(2), 160, 160, "7:8:"})
	if got := s.asOf(1, 159); !got.Equal(at(1)) {
		t.Errorf("something was committed, and what is replayed to 159 is of %v, want %v", got, at(1))
	}
}

// TestJudge: who was ahead of the primary does not follow it, and is not believed when
// the primary has come past it.
func TestJudge(t *testing.T) {
	var s samples
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second) }
	add := func(i int, lsn uint64) { s.add(identity{system: "1"}, sample{at(i), lsn, lsn, at(i).String()}) }
	add(0, 100)
	add(2, 200)
	add(4, 300)
	for _, tt := range []struct {
		name          string
		era           int
		claim         claim
		judged, ahead bool
	}{
		{"before the first sample behind it", 1, claim{200, at(1)}, true, false},
		{"when a sample was asked for", 1, claim{300, at(2)}, true, false},
		{"behind all samples", 1, claim{1000, at(4)}, false, false},
		{"in another era", 2, claim{1000, at(1)}, false, false},
		{"ahead, and the primary came past it", 1, claim{201, at(1)}, true, true},
	} {
		if judged, ahead := s.judge(tt.era, tt.claim); judged != tt.judged || ahead != tt.ahead {
			t.Errorf("%s: got %t and %t, want %t and %t", tt.name, judged, ahead, tt.judged, tt.ahead)
		}
	}
	if got := s.asOf(1, 201); !got.IsZero() {
		t.Errorf("what was ahead is believed to be of %v", got)
	}
	if got := s.asOf(1, 300); !got.Equal(at(4)) {
		t.Errorf("what is behind that is of %v, want %v", got, at(4))
	}
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
