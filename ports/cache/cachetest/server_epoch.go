package cachetest

import (
	"crypto/rand"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

var serverEpochCases = []ServerCase{
	{Name: "Epochs", Clause: "A Session is what a [Server] keeps in one epoch, apart from every other.", Run: epochs},
	{Name: "Collections", Clause: "what a Session keeps of one collection has nothing to do with another.", Run: collections},
	{Name: "Announce", Clause: "Announce makes the epoch known for the collections", Run: announces},
	{Name: "AnnounceEnds", Clause: "for the time ttl.", Run: announceEnds},
	{Name: "Renew", Clause: "Renew has the epoch known for the time ttl from now on.", Run: renew},
	{Name: "RenewShorter", Clause: "for the time ttl from now on.", Run: renewShorter},
	{Name: "RenewLost", Clause: "If it is not known for one of the collections any more, Renew returns fault.Conflict with the code epoch-lost, and does not make it known again.", Run: renewLost},
	{Name: "ReadLost", Clause: "If the epoch is not known for the collection, Read returns fault.Conflict with the code epoch-lost.", Run: readLost},
	{Name: "FenceLost", Clause: "If the epoch is not known for the collection, Fence returns fault.Conflict with the code epoch-lost.", Run: fenceLost},
}

// epochs also has epochs and names that are the same once they are joined.
func epochs(t T, s cache.Server) {
	id, start := identity(t, s), rand.Text()
	const wanted = "the value of "
	all := []string{start, start + ":", start + "\x00", start + "1", start + "1:", start + ":t", start + "{}"}
	sessions := make([]cache.Session, len(all))
	for i, epoch := range all {
		sessions[i] = s.Bind(id, epoch)
		defer func() { _ = sessions[i].Close() }()
		announce(t, sessions[i], lasting, goods)
	}
	for i, epoch := range all {
		fence(t, sessions[i], epoch, "tag", "1", ":", "t", "")
		fill(t, sessions[i], "name", []byte(wanted+epoch), lasting)
		fill(t, sessions[i], ":name", []byte(wanted+epoch), lasting)
	}
	for i, epoch := range all {
		for _, tag := range []string{"tag", "1", ":", "t", ""} {
			wantFences(t, "in its epoch", sessions[i], tag, epoch)
		}
		for _, name := range []string{"name", ":name"} {
			if got := look(t, sessions[i], nil, name).Value; string(got) != wanted+epoch {
				t.Errorf("in the epoch %q %q is %s, want its own", epoch, name, show(got))
			}
		}
	}
	other := s.Bind(id, start+"2")
	defer func() { _ = other.Close() }()
	_, err := other.Read(t.Context(), goods, nil, "")
	wantConflict(t, "Read in an epoch that nobody announced", err, cache.EpochLost)
}

func collections(t T, s cache.Server) {
	session := unknown(t, s)
	names := []string{goods, others, "", "a", "a:", "a}", "{a", "a{b}c", "{}", "}", "a%7D", "a\x00", "größer"}
	announce(t, session, lasting, names...)
	for _, c := range names {
		if err := session.Fence(t.Context(), c, []string{"tag"}, "of-"+rand.Text()[:5]); err != nil {
			t.Fatalf("Fence in %q = %v", c, err)
		}
		if err := session.Fill(t.Context(), c, "name", []byte("of "+c), lasting); err != nil {
			t.Fatalf("Fill in %q = %v", c, err)
		}
	}
	for _, c := range names {
		marks, err := session.Read(t.Context(), c, []string{"tag", "name"}, "name")
		if err != nil {
			t.Fatalf("Read in %q = %v", c, err)
		}
		if n := len(cache.Fences(marks.Tags[0])); n != 1 || marks.Tags[1] != "" || string(marks.Value) != "of "+c {
			t.Errorf("in %q there are %d fences, a mark %q and %s; want one, none and its own value", c, n, marks.Tags[1], show(marks.Value))
		}
	}
}

func announces(t T, s cache.Server) {
	session := unknown(t, s)
	_, err := session.Read(t.Context(), goods, nil, "")
	wantConflict(t, "Read before Announce", err, cache.EpochLost)
	announce(t, session, lasting)
	announce(t, session, lasting, goods)
	_, err = session.Read(t.Context(), others, nil, "")
	wantConflict(t, "Read of a collection for which nothing was announced", err, cache.EpochLost)
	for range 2 {
		announce(t, session, lasting, goods, others)
		for _, c := range []string{goods, others} {
			if _, err := session.Read(t.Context(), c, nil, ""); err != nil {
				t.Errorf("Read of %s after Announce = %v", c, err)
			}
		}
	}
}

// soon is a ttl that ends while a case runs, if it waits.
const soon = 50 * time.Millisecond

// known reports whether the epoch is known for the goods.
func known(t T, s cache.Session) bool {
	t.Helper()
	_, err := s.Read(t.Context(), goods, nil, "")
	if err != nil && fault.Of(err).Code != cache.EpochLost {
		t.Fatalf("Read = %v", err)
	}
	return err == nil
}

// eventually waits until something is so, for longer than anything takes.
func eventually(t T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after 3 s", what)
		}
	}
}

func announceEnds(t T, s cache.Server) {
	session := unknown(t, s)
	for _, ttl := range []time.Duration{soon, time.Millisecond} {
		announce(t, session, ttl, goods)
		eventually(t, "the epoch is not known any more", func() bool { return !known(t, session) })
		wantConflict(t, "Fence after the ttl", session.Fence(t.Context(), goods, []string{"tag"}, "f"), cache.EpochLost)
	}
}

func renew(t T, s cache.Server) {
	session := unknown(t, s)
	announce(t, session, time.Second, goods, others)
	if err := session.Renew(t.Context(), nil, lasting); err != nil {
		t.Errorf("Renew of nothing = %v", err)
	}
	if err := session.Renew(t.Context(), []string{goods, others}, lasting); err != nil {
		t.Fatalf("Renew = %v", err)
	}
	time.Sleep(1100 * time.Millisecond)
	if !known(t, session) {
		t.Errorf("the epoch is known no longer than it was announced for, whatever Renew said")
	}
}

// renewShorter renews for less than there was.
func renewShorter(t T, s cache.Server) {
	session := bind(t, s)
	if err := session.Renew(t.Context(), []string{goods}, soon); err != nil {
		t.Fatalf("Renew = %v", err)
	}
	eventually(t, "the epoch is not known any more", func() bool { return !known(t, session) })
}

func renewLost(t T, s cache.Server) {
	session := unknown(t, s)
	wantConflict(t, "Renew before Announce", session.Renew(t.Context(), []string{goods}, lasting), cache.EpochLost)
	announce(t, session, soon, goods)
	announce(t, session, lasting, others)
	eventually(t, "the epoch is not known any more", func() bool { return !known(t, session) })
	for _, renewed := range [][]string{{goods}, {goods, others}, {others, goods}} {
		wantConflict(t, "Renew after the ttl", session.Renew(t.Context(), renewed, lasting), cache.EpochLost)
		if known(t, session) {
			t.Errorf("Renew(%q) made the epoch known again", renewed)
		}
	}
}

func readLost(t T, s cache.Server) {
	session := unknown(t, s)
	fill(t, session, "name", []byte("value"), lasting)
	for _, tags := range [][]string{nil, {"tag"}, {"tag", "other"}} {
		for _, name := range []string{"", "name"} {
			marks, err := session.Read(t.Context(), goods, tags, name)
			wantConflict(t, "Read in an epoch that is not known", err, cache.EpochLost)
			if marks.Value != nil || len(marks.Tags) > 0 {
				t.Errorf("Read in an epoch that is not known = %q, %s", marks.Tags, show(marks.Value))
			}
		}
	}
}

func fenceLost(t T, s cache.Server) {
	session := unknown(t, s)
	wantConflict(t, "Fence in an epoch that is not known", session.Fence(t.Context(), goods, []string{"tag"}, "f"), cache.EpochLost)
	announce(t, session, lasting, goods)
	wantMark(t, "after a Fence that failed", session, "tag", "")
}
