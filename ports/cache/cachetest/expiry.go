package cachetest

import (
	"fmt"
	"math"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

var expiryCases = []Case{
	{Name: "Expires", Clause: "and never what is older than its ttl.", Run: expires},
	{Name: "ExpiresAnew", Clause: "Set keeps value under the key for at most ttl", Run: expiresAnew},
	{Name: "NoTTL", Clause: "A ttl of 0 or less keeps nothing.", Run: noTTL},
	{Name: "LongTTL", Clause: "Set keeps value under the key for at most ttl", Run: longTTL},
}

// shorts are ttls that end while a case runs, none of them a whole second.
var shorts = []time.Duration{time.Nanosecond, time.Millisecond, 90 * time.Millisecond, 350 * time.Millisecond}

// watch is how long the keys of shorts are asked for.
const watch = 420 * time.Millisecond

// expires asks all the time. What it gets is too old if the ttl had passed since
// Set returned when Get was called, whatever the machine did in between.
func expires(t T, c cache.Cache) {
	began := make([]time.Time, len(shorts))
	key := func(i int) string { return fmt.Sprint("expires in ", shorts[i]) }
	for i, ttl := range shorts {
		set(t, c, key(i), []byte("value"), ttl)
		began[i] = time.Now()
	}
	kept := keep(t, c, "stays", []byte("value"))
	for end := time.Now().Add(watch); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for i, ttl := range shorts {
			asked := time.Now()
			got, found := get(t, c, key(i))
			if age := asked.Sub(began[i]); found && age >= ttl {
				t.Fatalf("%v after a Set with a ttl of %v, Get = %s, want nothing", age, ttl, show(got))
			}
		}
	}
	for i := range shorts {
		wantNothing(t, "at the end", c, key(i))
	}
	if string(kept) != "value" {
		t.Errorf("what Get returned became %s", show(kept))
	}
}

// expiresAnew checks that it is the ttl of the last Set that counts. A cache may
// forget what has time left, but not all of it.
func expiresAnew(t T, c cache.Cache) {
	const many, ttl = 20, 100 * time.Millisecond
	key := func(kind string, i int) string { return fmt.Sprint(kind, i) }
	for i := range many {
		set(t, c, key("shorter", i), []byte("old"), lasting)
		set(t, c, key("shorter", i), []byte("new"), ttl)
		set(t, c, key("longer", i), []byte("old"), ttl)
		set(t, c, key("longer", i), []byte("new"), lasting)
	}
	time.Sleep(ttl + 50*time.Millisecond)
	left := 0
	for i := range many {
		wantNothing(t, "after the shorter ttl of the last Set", c, key("shorter", i))
		got, found := get(t, c, key("longer", i))
		if found && string(got) != "new" {
			t.Errorf("Get = %s, want what was set last", show(got))
		}
		if found {
			left++
		}
	}
	if left == 0 {
		t.Errorf("of %d values whose ttl was made longer none is kept", many)
	}
}

func noTTL(t T, c cache.Cache) {
	for _, ttl := range []time.Duration{0, -1, -time.Second, -lasting, math.MinInt64} {
		set(t, c, "key", []byte("value"), ttl)
		wantNothing(t, fmt.Sprintf("after a Set with a ttl of %d", ttl), c, "key")
		keep(t, c, "key", []byte("before"))
		set(t, c, "key", []byte("value"), ttl)
		wantNothing(t, fmt.Sprintf("after a Set with a ttl of %d over what was kept", ttl), c, "key")
	}
}

// longTTL sets ttls that overflow where they are added up or counted in another
// unit. Each is tried often enough for a cache that forgets.
func longTTL(t T, c cache.Cache) {
	for _, ttl := range []time.Duration{24 * time.Hour, 366 * 24 * time.Hour, 1<<32*time.Second + 1, math.MaxInt64} {
		found := false
		for i := 0; i < attempts && !found; i++ {
			set(t, c, "key", []byte("value"), ttl)
			_, found = get(t, c, "key")
		}
		if !found {
			t.Errorf("a Set with a ttl of %v keeps nothing", ttl)
		}
	}
}
