package cachetest

import (
	"errors"
	"slices"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

var serverMarkCases = []ServerCase{
	{Name: "Read", Clause: "Read returns the marks of the tags, in their order, and the value that is kept under the name.", Run: reads},
	{Name: "ReadNoName", Clause: "An empty name asks for no value.", Run: readNoName},
	{Name: "Octets", Clause: "Tags and names are any octets, at most MaxKey of them together with the collection", Run: tagOctets},
	{Name: "Lease", Clause: "Lease gives the token to each of the tags that has no mark, and returns the marks of all.", Run: leases},
	{Name: "LeaseFirst", Clause: "First reports whether nobody else was given the same marks for the name within the time before.", Run: leaseFirst},
	{Name: "LeaseFull", Clause: "Where the server has no room for a token, the tag has no mark, and that is no error.", Run: leaseFull},
}

func reads(t T, s cache.Server) {
	session := bind(t, s)
	marks := look(t, session, []string{"a", "b"}, "name")
	if marks.Tags[0] != "" || marks.Tags[1] != "" || marks.Value != nil {
		t.Errorf("at first Read = %q, %s; want no marks and nil", marks.Tags, show(marks.Value))
	}
	lease(t, session, []string{"a"}, "name", "token-a")
	lease(t, session, []string{"b"}, "name", "token-b")
	fence(t, session, "f", "c")
	fill(t, session, "name", []byte("value"), lasting)
	for _, tags := range [][]string{{"a", "b", "c", "d"}, {"d", "c", "b", "a"}, {"b", "b", "d", "b"}, {"c"}, {}} {
		marks := look(t, session, tags, "name")
		want := map[string]string{"a": "token-a", "b": "token-b", "c": cache.FenceMarkOf([]string{"f"})}
		for i, tag := range tags {
			if marks.Tags[i] != want[tag] {
				t.Errorf("Read(%q) has %q for %q, want %q", tags, marks.Tags[i], tag, want[tag])
			}
		}
		if string(marks.Value) != "value" {
			t.Errorf("Read(%q) = %s, want what was filled", tags, show(marks.Value))
		}
	}
	if marks := look(t, session, []string{"name"}, "a"); marks.Tags[0] != "" || marks.Value != nil {
		t.Errorf("a tag called like a name has %q, and a name called like a tag %s", marks.Tags[0], show(marks.Value))
	}
}

func readNoName(t T, s cache.Server) {
	session := bind(t, s)
	fill(t, session, "name", []byte("value"), lasting)
	lease(t, session, []string{"", "tag"}, "name", "token")
	if marks := look(t, session, []string{"tag", ""}, ""); marks.Value != nil || marks.Tags[0] != "token" || marks.Tags[1] != "token" {
		t.Errorf("Read without a name = %q, %s; want the marks and nil", marks.Tags, show(marks.Value))
	}
}

// tagOctets gives each text a mark and a value of its own.
func tagOctets(t T, s cache.Server) {
	session := bind(t, s)
	var all []string
	for _, group := range alike {
		for _, text := range group {
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	long := make([]byte, cache.MaxKey-len(goods)-1)
	for i := range long {
		long[i] = byte(i)
	}
	all = append(all, string(allOctets()), " ", "\x00", "{x}", "}{", "\r\n", "*", string(long)+"1", string(long)+"2")
	for _, text := range all {
		fence(t, session, "f", text)
		fill(t, session, text, []byte("of "+text), lasting)
		lift(t, session, []string{text}, "f")
		if marks, _ := lease(t, session, []string{text}, text, "token of "+text); marks[0] != "token of "+text {
			t.Errorf("Lease of %.40q = %.80q, want its own", text, marks[0])
		}
	}
	for _, text := range all {
		marks := look(t, session, []string{text}, text)
		if marks.Tags[0] != "token of "+text || string(marks.Value) != "of "+text {
			t.Errorf("of %.40q there is %.80q and %s, want its own", text, marks.Tags[0], show(marks.Value))
		}
	}
}

func leases(t T, s cache.Server) {
	session := bind(t, s)
	fence(t, session, "f", "fenced")
	lease(t, session, []string{"had"}, "one", "older")
	tags := []string{"new", "fenced", "had", "also new"}
	want := []string{"newer", cache.FenceMarkOf([]string{"f"}), "older", "newer"}
	if got, _ := lease(t, session, tags, "two", "newer"); !slices.Equal(got, want) {
		t.Errorf("Lease(%q) = %q, want %q", tags, got, want)
	}
	if got := look(t, session, tags, "").Tags; !slices.Equal(got, want) {
		t.Errorf("after Lease Read(%q) = %q, want %q", tags, got, want)
	}
	if got, _ := lease(t, session, []string{"twice", "twice"}, "three", "same"); got[0] != "same" || got[1] != "same" {
		t.Errorf("Lease of a tag given twice = %q", got)
	}
	if got, _ := lease(t, session, nil, "four", "none"); len(got) != 0 {
		t.Errorf("Lease of no tags = %q", got)
	}
}

func leaseFirst(t T, s cache.Server) {
	session := bind(t, s)
	first := func(name string, within time.Duration) bool {
		t.Helper()
		_, first, err := session.Lease(t.Context(), goods, []string{"tag"}, name, "token", within)
		if err != nil {
			t.Fatalf("Lease = %v", err)
		}
		return first
	}
	if got := []bool{first("name", lasting), first("name", lasting), first("other", lasting), first("name", soon)}; !slices.Equal(got, []bool{true, false, true, false}) {
		t.Errorf("first = %t, want true for the first of each name only", got)
	}
	if err := errors.Join(session.Fence(t.Context(), goods, []string{"tag"}, "fence"), session.Lift(t.Context(), goods, []string{"tag"}, []string{"fence"})); err != nil {
		t.Fatalf("a write = %v", err)
	}
	if _, first, err := session.Lease(t.Context(), goods, []string{"tag"}, "name", "another", lasting); err != nil || !first {
		t.Errorf("the first Lease after a write = %t, %v", first, err)
	}
	if _, first, err := session.Lease(t.Context(), others, []string{"tag"}, "name", "token", lasting); err != nil || !first {
		t.Errorf("the first Lease of a name in another collection = %t, %v", first, err)
	}
	if !first("soon", soon) {
		t.Errorf("the first Lease of a name is not the first")
	}
	eventually(t, "somebody is the first again", func() bool { return first("soon", soon) })
	for range 2 {
		if !first("at once", 0) {
			t.Errorf("within no time at all somebody was before")
		}
	}
}

func leaseFull(t T, s cache.Server) {
	able, session := eventful(t, s), bind(t, s)
	if able == nil {
		return
	}
	lease(t, session, []string{"had"}, "one", "token")
	fence(t, session, "f", "fenced")
	able.Full(t, true)
	defer able.Full(t, false)
	marks, _ := lease(t, session, []string{"had", "new", "fenced"}, "two", "newer")
	if marks[0] != "token" && marks[0] != "" || marks[2] != cache.FenceMarkOf([]string{"f"}) {
		t.Errorf("Lease of a full server = %q, want what was there", marks)
	}
	if got := look(t, session, []string{"new"}, "").Tags; got[0] != marks[1] || marks[1] != "" {
		t.Errorf("Lease of a full server = %q, but then the mark is %q; want none", marks[1], got[0])
	}
}
