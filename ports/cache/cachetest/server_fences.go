package cachetest

import (
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

var serverFenceCases = []ServerCase{
	{Name: "Fence", Clause: "Fence adds the fence to the mark of each tag, instead of a token.", Run: fences},
	{Name: "FenceAgain", Clause: "Adding a fence again does nothing, so that a Fence whose answer was lost may be repeated.", Run: fenceAgain},
	{Name: "FenceFull", Clause: "If the server has no room for a fence, Fence returns fault.Unavailable, and adds none.", Run: fenceFull},
	{Name: "FenceStays", Clause: "The server never forgets a fence but together with the epoch, or when its identity changes.", Run: fenceStays},
	{Name: "Lift", Clause: "Lift takes the fences from the marks of the tags.", Run: lifts},
	{Name: "Lifted", Clause: "A tag without a fence that had one has no mark then.", Run: lifted},
	{Name: "LiftNothing", Clause: "A fence that is not there is no error.", Run: liftNothing},
}

func fences(t T, s cache.Server) {
	session := bind(t, s)
	lease(t, session, []string{"had", "had too", "left alone"}, "name", "token")
	fence(t, session, "one", "had", "new")
	wantFences(t, "after a Fence", session, "had", "one")
	wantFences(t, "after a Fence", session, "new", "one")
	wantMark(t, "without a Fence", session, "had too", "token")
	fence(t, session, "two", "had", "had too")
	wantFences(t, "after a second Fence", session, "had", "one", "two")
	wantFences(t, "after a second Fence", session, "had too", "two")
	wantFences(t, "after a second Fence of others", session, "new", "one")
	wantMark(t, "without a Fence", session, "left alone", "token")
	fence(t, session, "three")
	wantMark(t, "after a Fence of nothing", session, "left alone", "token")
}

// fenceAgain has fences that are parts of one another.
func fenceAgain(t T, s cache.Server) {
	session := bind(t, s)
	all := []string{"long-fence", "fence", "long", "f", "long-fence-", "%a", "."}
	for range 2 {
		for _, f := range all {
			fence(t, session, f, "tag", "tag")
		}
	}
	wantFences(t, "after each Fence was repeated", session, "tag", all...)
	for i, f := range all {
		lift(t, session, []string{"tag"}, f)
		wantFences(t, "after "+f+" was lifted", session, "tag", append([]string(nil), all[i+1:]...)...)
	}
}

func fenceFull(t T, s cache.Server) {
	able, session := eventful(t, s), bind(t, s)
	if able == nil {
		return
	}
	fence(t, session, "before", "had")
	able.Full(t, true)
	err := session.Fence(t.Context(), goods, []string{"a", "had", "b"}, "f")
	able.Full(t, false)
	if !errors.Is(err, fault.Unavailable) {
		t.Errorf("Fence of a full server = %v, want a %s", err, fault.Unavailable)
	}
	for _, tag := range []string{"a", "b"} {
		wantMark(t, "after a Fence of a full server", session, tag, "")
	}
	wantFences(t, "after a Fence of a full server", session, "had", "before")
	fence(t, session, "f", "a")
	wantFences(t, "with room again", session, "a", "f")
}

// fenceStays does what could push a fence out.
func fenceStays(t T, s cache.Server) {
	session := bind(t, s)
	fence(t, session, "f", "tag")
	stands := func(when string) {
		t.Helper()
		wantFences(t, when, session, "tag", "f")
	}
	announce(t, session, lasting, goods, others)
	if err := session.Renew(t.Context(), []string{goods, others}, lasting); err != nil {
		t.Fatalf("Renew = %v", err)
	}
	stands("after Announce and Renew")
	if marks, _ := lease(t, session, []string{"tag"}, "tag", "token"); marks[0] == "token" {
		t.Errorf("Lease gives a fenced tag a token")
	}
	stands("after Lease")
	fill(t, session, "tag", []byte("value"), lasting)
	fill(t, session, "tag", nil, 0)
	stands("after Fill")
	fence(t, session, "g", "tag")
	lift(t, session, []string{"tag"}, "g", "h")
	stands("after others were lifted")
	for i := range 300 {
		fill(t, session, fmt.Sprint("churn", i), content("churn", i, 10_000), lasting)
	}
	stands("after three megabytes were filled")
	if able := eventful(t, s); able != nil {
		able.Full(t, true)
		fill(t, session, "more", content("more", 1, 100_000), lasting)
		_ = session.Fence(t.Context(), goods, []string{"tag"}, "i") // whether there is room or not
		able.Full(t, false)
		lift(t, session, []string{"tag"}, "i")
		stands("after the server was full")
	}
}

func lifts(t T, s cache.Server) {
	session := bind(t, s)
	for _, f := range []string{"one", "two", "three"} {
		fence(t, session, f, "a", "b", "c")
	}
	lift(t, session, []string{"a"}, "one")
	lift(t, session, []string{"b"}, "three", "one")
	wantFences(t, "after one was lifted", session, "a", "two", "three")
	wantFences(t, "after two were lifted", session, "b", "two")
	wantFences(t, "after others were lifted", session, "c", "one", "two", "three")
	lift(t, session, []string{"a", "b", "c"}, "two", "one")
	wantFences(t, "after the others were lifted", session, "a", "three")
	wantFences(t, "after the others were lifted", session, "b")
	wantFences(t, "after the others were lifted", session, "c", "three")
	lift(t, session, nil, "three")
	lift(t, session, []string{"a"})
	wantFences(t, "after nothing was lifted", session, "a", "three")
}

func lifted(t T, s cache.Server) {
	session := bind(t, s)
	lease(t, session, []string{"tag"}, "name", "older")
	fence(t, session, "f", "tag")
	lift(t, session, []string{"tag"}, "f")
	wantMark(t, "after the only fence was lifted", session, "tag", "")
	if marks, _ := lease(t, session, []string{"tag"}, "name", "newer"); marks[0] != "newer" {
		t.Errorf("Lease after the only fence was lifted = %q, want the new token", marks[0])
	}
}

func liftNothing(t T, s cache.Server) {
	session := bind(t, s)
	lease(t, session, []string{"token"}, "name", "f")
	fence(t, session, "g", "fenced")
	lift(t, session, []string{"token", "fenced", "nothing"}, "f")
	wantMark(t, "after a fence was lifted that is not there", session, "token", "f")
	wantFences(t, "after a fence was lifted that is not there", session, "fenced", "g")
	wantMark(t, "after a fence was lifted that is not there", session, "nothing", "")
}
