package cachetest

import (
	"crypto/rand"
	"strings"

	"github.com/portolan-io/portolan/ports/cache"
)

var serverIdentityCases = []ServerCase{
	{Name: "Identity", Clause: "Identity returns what names the server and its data.", Run: identitySame},
	{Name: "IdentityLength", Clause: "It has at most MaxIdentity octets, and is never empty.", Run: identityLength},
	{Name: "IdentityReplaced", Clause: "Identity is another one after the server restarted, after another took its place, and whenever it may have lost a part of what it was told.", Run: identityReplaced},
	{Name: "Loses", Clause: "It may lose anything at any time, as long as its identity changes when it lost a mark and not all of them.", Run: loses},
	{Name: "Bind", Clause: "Bind returns the part of the server that belongs to an epoch, as long as the server has the identity.", Run: bound},
	{Name: "BindAsksNothing", Clause: "It does not ask the server.", Run: bindAsksNothing},
	{Name: "OtherServer", Clause: "If the server has another identity than the Session was bound to, every call returns fault.Conflict with the code other-server", Run: otherServer},
	{Name: "RenewLooks", Clause: "Of a server that has parts, each with some of the collections, a call but Renew looks only at those of its own collections; Renew looks at all.", Run: renewLooks},
	{Name: "StaysOther", Clause: "once a Session has returned that it does so for ever.", Run: staysOther},
}

func identitySame(t T, s cache.Server) {
	first := identity(t, s)
	session := bind(t, s)
	fence(t, session, "f", "tag")
	fill(t, session, "name", []byte("value"), lasting)
	if second := identity(t, s); second != first {
		t.Errorf("Identity = %q, and then %q, while nothing happened", first, second)
	}
}

func identityLength(t T, s cache.Server) {
	if id := identity(t, s); id == "" || len(id) > cache.MaxIdentity {
		t.Errorf("Identity has %d octets, want 1 to %d", len(id), cache.MaxIdentity)
	}
}

func identityReplaced(t T, s cache.Server) {
	able := eventful(t, s)
	if able == nil {
		return
	}
	before, session := identity(t, s), bind(t, s)
	fence(t, session, "f", "tag")
	able.Replace(t)
	wantConflict(t, "Renew of a session bound before the server was replaced", session.Renew(t.Context(), []string{goods}, lasting), cache.OtherServer)
	if after := identity(t, s); after == before {
		t.Errorf("Identity = %q as before the server was replaced", after)
	}
	for _, m := range sessionMethods {
		wantConflict(t, m.name+" of a session bound before the server was replaced", m.call(t.Context(), session), cache.OtherServer)
	}
	again := bind(t, s)
	fence(t, again, "f", "tag")
	wantFences(t, "in a new epoch", again, "tag", "f")
}

// loses also sees that what is told after everything was lost is not taken for
// what the epoch had.
func loses(t T, s cache.Server) {
	able := eventful(t, s)
	if able == nil {
		return
	}
	before, session := identity(t, s), bind(t, s)
	fence(t, session, "f", "tag")
	able.Empty(t)
	_, err := session.Read(t.Context(), goods, []string{"tag"}, "")
	if identity(t, s) == before {
		wantConflict(t, "Read after everything was lost", err, cache.EpochLost)
		wantConflict(t, "Fence after everything was lost", session.Fence(t.Context(), goods, []string{"tag"}, "g"), cache.EpochLost)
		wantConflict(t, "Renew after everything was lost", session.Renew(t.Context(), []string{goods}, lasting), cache.EpochLost)
		return
	}
	wantConflict(t, "Read after everything was lost", err, cache.OtherServer)
}

// bound binds twice to one epoch, as two instances do.
func bound(t T, s cache.Server) {
	id, epoch := identity(t, s), rand.Text()
	one, two := s.Bind(id, epoch), s.Bind(id, epoch)
	defer func() { _, _ = one.Close(), two.Close() }()
	announce(t, one, lasting, goods)
	fence(t, one, "f", "tag")
	fill(t, one, "name", []byte("value"), lasting)
	wantFences(t, "for another session of the epoch", two, "tag", "f")
	if got := look(t, two, nil, "name").Value; string(got) != "value" {
		t.Errorf("another session of the epoch reads %s, want what was filled", show(got))
	}
	if err := one.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	lift(t, two, []string{"tag"}, "f")
	wantMark(t, "after another session was closed", two, "tag", "")
}

// bindAsksNothing binds where nothing could be asked.
func bindAsksNothing(t T, s cache.Server) {
	session := s.Bind("an identity that no server has", "epoch")
	if session == nil {
		t.Fatalf("Bind to an identity that no server has = nil")
	}
	if err := session.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if session := s.Bind("identity", "epoch"); session == nil {
		t.Errorf("Bind after Close = nil")
	}
}

func otherServer(t T, s cache.Server) {
	id := identity(t, s)
	foreign := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r ^ 1 // each part of it is another one
		}
		return r
	}, id)
	for _, wrong := range []string{"an identity that no server has", foreign, ""} {
		session := s.Bind(wrong, rand.Text())
		for _, m := range sessionMethods {
			wantConflict(t, m.name+" of a session bound to another identity", m.call(t.Context(), session), cache.OtherServer)
		}
		if err := session.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

// renewLooks has an identity of which a part is another one.
func renewLooks(t T, s cache.Server) {
	id := identity(t, s)
	for _, wrong := range []string{id + "x", id[:len(id)-1], id + "," + id, id + ",x"} {
		session := s.Bind(wrong, rand.Text())
		for range 2 {
			for _, of := range [][]string{nil, {goods}, {goods, others}} {
				wantConflict(t, "Renew of a session bound to a part of this one", session.Renew(t.Context(), of, lasting), cache.OtherServer)
			}
		}
		for _, m := range sessionMethods {
			wantConflict(t, m.name+" after Renew found that the server is another one", m.call(t.Context(), session), cache.OtherServer)
		}
		if err := session.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

// staysOther calls again and again, and sees that it is at no cost to others.
func staysOther(t T, s cache.Server) {
	wrong, right := s.Bind("an identity that no server has", rand.Text()), bind(t, s)
	defer func() { _ = wrong.Close() }()
	for range 3 {
		for _, m := range sessionMethods {
			wantConflict(t, m.name+" of a session bound to another identity", m.call(t.Context(), wrong), cache.OtherServer)
			if err := m.call(t.Context(), right); err != nil {
				t.Errorf("%s of a session bound to this one = %v", m.name, err)
			}
		}
	}
}
