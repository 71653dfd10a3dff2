package cachetest

import (
	"bytes"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

var serverValueCases = []ServerCase{
	{Name: "Fill", Clause: "Fill keeps value under the name", Run: fills},
	{Name: "FillInstead", Clause: "instead of what was kept.", Run: fillInstead},
	{Name: "FillEnds", Clause: "under the name for at most ttl", Run: fillEnds},
	{Name: "FillNoTTL", Clause: "A ttl of 0 or less keeps nothing.", Run: fillNoTTL},
	{Name: "FillFull", Clause: "A value that the server has no room for is not kept, and is no error: nothing is then kept under the name.", Run: fillFull},
	{Name: "FillOwns", Clause: "Fill keeps no reference to value.", Run: fillOwns},
}

// wantValue checks that the value is what is kept under the name.
func wantValue(t T, s cache.Session, name string, want []byte) {
	t.Helper()
	got := look(t, s, []string{"tag", "other"}, name).Value
	if got == nil || !bytes.Equal(got, want) {
		t.Errorf("Read(%q) = %s, %d octets (nil: %t); want %s, %d octets", name, show(got), len(got), got == nil, show(want), len(want))
	}
}

func fills(t T, s cache.Server) {
	session := bind(t, s)
	for _, value := range octets {
		fill(t, session, "name", value, lasting)
		wantValue(t, session, "name", value)
	}
	large := content("large", 1, 3<<20)
	fill(t, session, "large", large, lasting)
	wantValue(t, session, "large", large)
	if got := look(t, session, nil, "large").Value; cap(got) < len(got) || !bytes.Equal(got, large) {
		t.Errorf("Read without tags = %s, want what was filled", show(got))
	}
}

func fillInstead(t T, s cache.Server) {
	session := bind(t, s)
	for _, value := range []string{"first", "second", "", "a much longer third one", "4"} {
		fill(t, session, "name", []byte(value), lasting)
		wantValue(t, session, "name", []byte(value))
	}
}

func fillEnds(t T, s cache.Server) {
	session := bind(t, s)
	fill(t, session, "stays", []byte("value"), lasting)
	fill(t, session, "name", []byte("older"), lasting)
	fill(t, session, "name", []byte("value"), soon)
	eventually(t, "the value is gone", func() bool { return look(t, session, nil, "name").Value == nil })
	wantValue(t, session, "stays", []byte("value"))
}

func fillNoTTL(t T, s cache.Server) {
	session := bind(t, s)
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		fill(t, session, "name", []byte("older"), lasting)
		fill(t, session, "name", []byte("value"), ttl)
		if got := look(t, session, nil, "name").Value; got != nil {
			t.Errorf("after Fill with the ttl %v Read = %s, want nothing", ttl, show(got))
		}
	}
}

func fillFull(t T, s cache.Server) {
	able, session := eventful(t, s), bind(t, s)
	if able == nil {
		return
	}
	fill(t, session, "had", []byte("older"), lasting)
	able.Full(t, true)
	defer able.Full(t, false)
	fill(t, session, "had", content("had", 1, 100_000), lasting)
	fill(t, session, "new", content("new", 1, 100_000), lasting)
	for _, name := range []string{"had", "new"} {
		if got := look(t, session, nil, name).Value; got != nil {
			t.Errorf("after Fill of a full server Read(%q) = %s, want nothing", name, show(got))
		}
	}
}

func fillOwns(t T, s cache.Server) {
	session := bind(t, s)
	buffer := []byte("the value")
	fill(t, session, "name", buffer, lasting)
	copy(buffer, "!!!!!!!!!")
	wantValue(t, session, "name", []byte("the value"))
	got := look(t, session, nil, "name").Value
	copy(got, "!!!!!!!!!")
	wantValue(t, session, "name", []byte("the value"))
}
