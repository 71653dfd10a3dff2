package cachetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/portolan-io/portolan/ports/cache"
)

var serverStepCases = []ServerCase{
	{Name: "Steps", Clause: "Every call but Fill is one step, of Announce and Renew one for each collection: nobody sees a part of it.", Run: wholeSteps},
	{Name: "ServerConcurrent", Clause: "A Server is safe for concurrent use.", Run: serverConcurrent},
	{Name: "SessionRules", Clause: "What is said of a Server about concurrent use, errors, done contexts and Close holds for a Session, too.", Run: sessionConcurrent},
}

// wholeSteps looks at tags while all of them are fenced and lifted at once: they are
// always alike.
func wholeSteps(t T, s cache.Server) {
	const rounds = 100
	session := bind(t, s)
	tags := make([]string, 40)
	for i := range tags {
		tags[i] = fmt.Sprint("tag", i)
	}
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() {
		defer close(done)
		for i := range rounds {
			_, _, _ = session.Lease(t.Context(), goods, tags, "name", fmt.Sprint("token", i), lasting)
			_ = session.Fence(t.Context(), goods, tags, "f")
			_ = session.Fence(t.Context(), goods, tags, "g")
			_ = session.Lift(t.Context(), goods, tags, []string{"f", "g"})
		}
	})
	for range 2 {
		running.Go(func() {
			for over := false; !over; {
				select {
				case <-done:
					over = true
				default:
				}
				marks, err := session.Read(t.Context(), goods, tags, "")
				if err != nil {
					t.Errorf("Read = %v", err)
					return
				}
				if different := slices.Compact(marks.Tags); len(different) > 1 {
					t.Errorf("Read saw a part of a step: %q", different)
					return
				}
			}
		})
	}
	running.Wait()
	wantMark(t, "after everything was lifted", session, "tag7", "")
}

// serverConcurrent has each of some writers fence and lift a fence of its own on
// tags of all: nobody's is lost, nor anything left.
func serverConcurrent(t T, s cache.Server) {
	id := identity(t, s)
	session := bind(t, s)
	concurrently(t, func(int) cache.Session { return session })
	if got := identity(t, s); got != id {
		t.Errorf("Identity = %q, and then %q", id, got)
	}
	wantMark(t, "after everything was lifted", session, "tag", "")
}

// sessionConcurrent has sessions that are opened and closed meanwhile.
func sessionConcurrent(t T, s cache.Server) {
	id, session := identity(t, s), bind(t, s)
	var running sync.WaitGroup
	running.Go(func() {
		for range 20 {
			other := s.Bind(id, "another epoch")
			if _, err := other.Read(t.Context(), goods, nil, ""); err == nil {
				t.Errorf("Read in an epoch that nobody announced succeeds")
			}
			if err := other.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	})
	concurrently(t, func(int) cache.Session { return session })
	running.Wait()
	sessionLife(t, s)
}

// concurrently has half of the writers fence while the others lift what they fenced
// before, and then looks at whose fences stand.
func concurrently(t T, of func(writer int) cache.Session) {
	t.Helper()
	const writers, rounds = 8, 40
	sessions, stands := make([]cache.Session, writers), make([]bool, writers)
	for writer := range writers {
		sessions[writer] = of(writer)
	}
	each := func(do func(writer int, session cache.Session, own string)) {
		var running sync.WaitGroup
		for writer, session := range sessions {
			running.Go(func() { do(writer, session, fmt.Sprint("fence", writer)) })
		}
		running.Wait()
	}
	for round := range rounds {
		each(func(writer int, session cache.Session, own string) {
			stands[writer] = (writer+round)%2 == 0
			var err error
			if stands[writer] {
				err = session.Fence(t.Context(), goods, []string{"tag", own}, own)
			} else {
				err = session.Lift(t.Context(), goods, []string{"tag", own}, []string{own})
			}
			if err != nil {
				t.Errorf("in round %d Fence or Lift of %s = %v", round, own, err)
			}
		})
		each(func(writer int, session cache.Session, own string) {
			marks, err := session.Read(t.Context(), goods, []string{"tag", own}, "")
			if err != nil {
				t.Errorf("in round %d Read = %v", round, err)
				return
			}
			for i, mark := range marks.Tags {
				if slices.Contains(cache.Fences(mark), own) != stands[writer] {
					t.Errorf("in round %d %s is at tag %d: %v, want %v", round, own, i, !stands[writer], stands[writer])
				}
			}
		})
	}
	each(func(_ int, session cache.Session, own string) {
		if err := session.Lift(t.Context(), goods, []string{"tag", own}, []string{own}); err != nil {
			t.Errorf("Lift = %v", err)
		}
	})
}
