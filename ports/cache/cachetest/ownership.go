package cachetest

import (
	"bytes"
	"fmt"

	"github.com/portolan-io/portolan/ports/cache"
)

var ownershipCases = []Case{
	{Name: "OwnArgument", Clause: "Set keeps no reference to value.", Run: ownArgument},
	{Name: "OwnResult", Clause: "The caller does not change what Get returned, which stays as it is whatever is done with the cache.", Run: ownResult},
	{Name: "Churn", Clause: "It may forget anything at any time, but never answers with what is wrong.", Run: churn},
}

func ownArgument(t T, c cache.Cache) {
	buffer := make([]byte, 0, 64)
	for i := range 200 { // one buffer for all, as a caller with a pool has it
		buffer = fmt.Appendf(buffer[:0], "the value of round %d", i)
		want := bytes.Clone(buffer)
		set(t, c, "key", buffer, lasting)
		for j := range buffer[:cap(buffer)] {
			buffer[:cap(buffer)][j] = '!'
		}
		if got, found := get(t, c, "key"); found && !bytes.Equal(got, want) {
			t.Fatalf("after the caller changed what it had passed, Get = %s, want %s", show(got), show(want))
		}
	}
}

// ownResult holds what Get returned through everything that can be done, the end
// of the cache included.
func ownResult(t T, c cache.Cache) {
	type held struct {
		what      string
		got, want []byte
	}
	var all []held
	hold := func(what, key string, size int) {
		want := content(key, len(all), size)
		all = append(all, held{what, keep(t, c, key, want), want})
	}
	hold("after its key was set anew", "anew", 100)
	hold("after its key was set anew in the same length", "same", 100)
	hold("after its key was deleted", "deleted", 300)
	hold("after its value became too large", "large", 100)
	hold("after a churn", "churned", 2000)
	set(t, c, "anew", []byte("something else"), lasting)
	set(t, c, "same", content("same", 99, 100), lasting)
	remove(t, c, "deleted")
	set(t, c, "large", make([]byte, huge), lasting)
	for i := range 2000 {
		set(t, c, fmt.Sprint("churn", i%50), content("churn", i, i), lasting)
		if i%100 == 0 {
			hold("after more was churned", fmt.Sprint("hold", i), i)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	for _, h := range all {
		if !bytes.Equal(h.got, h.want) {
			t.Errorf("%s, and the cache closed, what Get had returned became %s, want %s", h.what, show(h.got), show(h.want))
		}
	}
}

// content returns size octets that tell the key and the version that they are
// of, wherever one looks.
func content(key string, version, size int) []byte {
	stamp := fmt.Appendf(nil, "<%s#%d:%d>", key, version, size)
	return bytes.Repeat(stamp, size/len(stamp)+1)[:size]
}

// churn writes about forty megabytes, so that a cache with less forgets, in all
// sizes and orders. Whatever is found must be what was set last.
func churn(t T, c cache.Cache) {
	const writes, many = 20_000, 6_000
	versions := make(map[int]int) // by number of the key, 0 is deleted
	key := func(n int) string { return fmt.Sprint("churn/", n) }
	size := func(n, version int) int { return (n*131 + version*4099) % 4096 }
	check := func(n int) bool {
		got, found := get(t, c, key(n))
		if !found {
			return false
		}
		version := versions[n]
		if version == 0 {
			t.Fatalf("Get(%q) = %s, which was deleted or never set", key(n), show(got))
		}
		if want := content(key(n), version, size(n, version)); !bytes.Equal(got, want) {
			t.Fatalf("Get(%q) = %s, %d octets; want version %d, %d octets", key(n), show(got), len(got), version, len(want))
		}
		return true
	}
	hits, step := 0, 7919
	for i := 1; i <= writes; i++ {
		n := i * step % many
		if i%4 == 0 { // some keys more often than others
			n %= 300
		}
		switch {
		case i%11 == 0:
			remove(t, c, key(n))
			versions[n] = 0
		case i%97 == 0: // larger than the rest, so that room has to be made for it
			large := content(key(n), -i, 200_000)
			set(t, c, key(n), large, lasting)
			if got, found := get(t, c, key(n)); found && !bytes.Equal(got, large) {
				t.Fatalf("Get(%q) = %s, %d octets; want the %d that were just set", key(n), show(got), len(got), len(large))
			}
			remove(t, c, key(n))
			versions[n] = 0
		default:
			versions[n] = i
			set(t, c, key(n), content(key(n), i, size(n, i)), lasting)
		}
		for _, n := range []int{n, (n + i) % many, i % 300} {
			if check(n) {
				hits++
			}
		}
	}
	for n := range many {
		check(n)
	}
	if hits < writes/10 {
		t.Errorf("of %d questions only %d were answered: the cache forgets nearly everything", 3*writes, hits)
	}
}
