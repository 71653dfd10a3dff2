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

func concurrently(t T, of func(writer int) cache.Session) {
	t.Helper()
	const writers, rounds = 8, 40
	var running sync.WaitGroup
	for writer := range writers {
		running.Go(func() {
			session, own := of(writer), fmt.Sprint("fence", writer)
			for round := range rounds {
				err := session.Fence(t.Context(), goods, []string{"tag", own}, own)
				if err != nil {
					t.Errorf("Fence = %v", err)
					return
				}
				marks, err := session.Read(t.Context(), goods, []string{"tag", own}, "")
				if err != nil || !slices.Contains(cache.Fences(marks.Tags[0]), own) || !slices.Equal(cache.Fences(marks.Tags[1]), []string{own}) {
					t.Errorf("in round %d after Fence of %s Read = %q, %v", round, own, marks.Tags, err)
					return
				}
				if err := session.Lift(t.Context(), goods, []string{"tag", own}, []string{own}); err != nil {
					t.Errorf("Lift = %v", err)
					return
				}
			}
		})
	}
	running.Wait()
}
