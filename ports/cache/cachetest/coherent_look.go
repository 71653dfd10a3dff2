package cachetest

import (
	"strings"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

const (
	lookClause    = "Look returns what is kept under the key, if none of its tags was fenced since the lease that it was filled with was granted."
	fillClause    = "Fill keeps value under the key for at most ttl, if none of the key's tags was fenced since Look granted the lease."
	anewClause    = "Of a Key that is Anew Look passes over what is kept, and finds what it would if nothing were."
	oneCollection = "All keys and tags of one call are of one collection."
)

var coherentLookCases = []CoherentCase{
	{Name: "Look/Kept", Clause: lookClause, Run: lookKept},
	{Name: "Look/OtherTags", Clause: lookClause, Run: lookOtherTags},
	{Name: "Look/LongText", Clause: lookClause, Run: lookLongText},
	{Name: "Look/Anew", Clause: anewClause, Run: lookAnew},
	{Name: "Look/TTL", Clause: "Fill keeps value under the key for at most ttl", Run: lookTTL},
	{Name: "Look/Collections", Clause: oneCollection, Run: lookCollections},
	{Name: "Look/Boundaries", Clause: oneCollection, Run: lookBoundaries},
	{Name: "Look/TagIsNoText", Clause: lookClause, Run: lookTagIsNoText},
}

// lookKept also shows that one answer does not take another's place, and that a
// value may be empty or hold any octets.
func lookKept(t contract.T, over Over) {
	s, _ := begin(t, over)
	values := map[string]string{"one": "1", "two": "22", "empty": "", "octets": "\x00\xff\n" + strings.Repeat("x", 100_000)}
	for text, value := range values {
		s.keep(key(text, "all"), value)
	}
	for range 2 {
		for text, value := range values {
			s.hit(key(text, "all"), value)
		}
	}
	s.lease(key("three", "all"))
}

// lookOtherTags shows that what nobody wrote stays: each of many tags is written
// in turn, and the answers by the others are Hits all the while. One in a hundred
// may be lost, because a cache may take two tags for one to be on the safe side.
func lookOtherTags(t contract.T, over Over) {
	s, _ := begin(t, over)
	tags := many("category", 300)
	page := func(tag string) cache.Key { return key("page of "+tag, tag) }
	for _, tag := range tags {
		s.keep(page(tag), tag)
	}
	looks, lost := 0, 0
	for i, tag := range tags {
		publish := s.fence(tag, "record "+tag)
		for _, other := range tags[i+1:] {
			if looks++; s.Look(s.Context(), page(other)).State != cache.Hit {
				lost++
			}
		}
		publish(true)
		s.stale(page(tag))
		for _, other := range tags[i+1:] {
			if found := s.Look(s.Context(), page(other)); found.State != cache.Hit {
				s.fill(page(other), found.Lease, other)
			}
		}
	}
	if lost > looks/100 {
		s.Errorf("%d of %d answers were lost by writes of what they do not depend on", lost, looks)
	}
}

// lookLongText uses texts that are longer than a key of a cache may be.
func lookLongText(t contract.T, over Over) {
	s, _ := begin(t, over)
	begins := strings.Repeat("a filter ", 2*cache.MaxKey)
	one, two := key(begins+"1", "all"), key(begins+"2", "all")
	s.keep(one, "1")
	s.keep(two, "2")
	for k, want := range map[*cache.Key]string{&one: "1", &two: "2"} {
		if found := s.Look(s.Context(), *k); found.State == cache.Hit && string(found.Value) != want {
			s.Errorf("Look of a long text is a Hit of %q, want %q", found.Value, want)
		}
	}
	s.write("all")
	s.stale(one)
	s.stale(two)
}

// lookAnew replaces what is kept, and does not if that was written meanwhile.
func lookAnew(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("a page", "one", "all")
	anew := k
	anew.Anew = true
	s.fill(k, s.lease(anew), "first")
	s.hit(k, "first")
	lease := s.lease(anew)
	if again := s.lease(anew); again != lease {
		s.Errorf("two leases between which nothing was written are %q and %q, want the same", lease, again)
	}
	s.hit(k, "first")
	s.fill(anew, lease, "second")
	s.hit(k, "second")
	lease = s.lease(anew)
	publish := s.fence("one")
	s.fenced(anew)
	publish(true)
	s.fill(k, lease, "read before the write")
	s.stale(k)
	s.keep(k, "third")
	if again := s.lease(anew); again == lease {
		s.Errorf("the leases before and after a write are both %q", lease)
	}
	s.hit(k, "third")
}

func lookTTL(t contract.T, over Over) {
	s, _ := begin(t, over)
	for _, ttl := range []time.Duration{0, -long, moment} {
		k := key("for "+ttl.String(), "all")
		s.Fill(s.Context(), k, s.lease(k), []byte("old"), ttl)
		time.Sleep(2 * max(ttl, 0))
		if found := s.Look(s.Context(), k); found.State != cache.Miss || found.Lease == "" {
			s.Errorf("Look after a ttl of %v passed = state %d, want a Miss with a lease", ttl, found.State)
		}
	}
}

// lookCollections gives two collections the same texts and tags.
func lookCollections(t contract.T, over Over) {
	s, _ := begin(t, over)
	here, there := key("all of it", "all"), key("all of it", "all")
	there.Collection = "others"
	s.keep(here, "here")
	s.lease(there)
	s.keep(there, "there")
	s.hit(here, "here")
	s.write("all")
	s.stale(here)
	s.hit(there, "there")
	publish := s.fenceIn("others", "all")
	s.fenced(there)
	s.keep(here, "here again")
	s.hit(here, "here again")
	publish(true)
	s.stale(there)
}

// lookBoundaries uses names that are the same when they are joined.
func lookBoundaries(t contract.T, over Over) {
	s, _ := begin(t, over)
	for _, separator := range []string{"", ":", "/", "|", " ", "\x00", "\n", "\x1f", ","} {
		one := cache.Key{Collection: "a", Text: "b" + separator + "c", Tags: []string{"x"}}
		two := cache.Key{Collection: "a" + separator + "b", Text: "c", Tags: []string{"x"}}
		s.keep(one, "one"+separator)
		s.lease(two)
		s.keep(two, "two"+separator)
		s.hit(one, "one"+separator)
		s.hit(two, "two"+separator)

		three := cache.Key{Collection: "t" + separator, Text: "three", Tags: []string{"u" + separator + "v"}}
		s.keep(three, "three")
		s.fenceIn("t"+separator, "u", separator+"v")(true)
		if separator != "" {
			s.fenceIn("t", separator+"u"+separator+"v")(true)
		}
		s.hit(three, "three")
		s.fenceIn("t"+separator, "u"+separator+"v")(true)
		s.stale(three)
	}
}

// lookTagIsNoText has a text that is also a tag.
func lookTagIsNoText(t contract.T, over Over) {
	s, _ := begin(t, over)
	named, tagged := key("all", "one"), key("one", "all")
	s.keep(named, "named")
	s.keep(tagged, "tagged")
	s.write("all")
	s.hit(named, "named")
	s.stale(tagged)
	s.write("one")
	s.stale(named)
}
