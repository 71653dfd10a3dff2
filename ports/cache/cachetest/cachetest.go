// Package cachetest is the suite that proves a cache.Cache. Start at [Run].
package cachetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

// A T is what a case needs of a testing.T.
type T = contract.T

// A Case proves a clause of the contract over a fresh, empty cache.
type Case = contract.Case[cache.Cache]

// Run runs the suite over the caches that open returns: a new and empty one for
// each case. What open opens it also closes, with t.Cleanup. Eviction is proved
// best with a cache of a few megabytes, because the suite writes about forty.
func Run(t *testing.T, open func(t *testing.T) cache.Cache) {
	t.Helper()
	contract.Run(t, Cases(), open)
}

// Cases returns the cases of the suite.
func Cases() []Case {
	return slices.Concat(valueCases, keyCases, removalCases, expiryCases, ownershipCases, concurrencyCases, lifecycleCases)
}

// lasting is a ttl that does not end while a case runs.
const lasting = time.Hour

// attempts is how often a cache may forget at once what it was given before the
// suite says that it keeps nothing.
const attempts = 20

// set keeps the value, which must be no error.
func set(t T, c cache.Cache, key string, value []byte, ttl time.Duration) {
	t.Helper()
	if err := c.Set(t.Context(), key, value, ttl); err != nil {
		t.Fatalf("Set(%.40q, %d octets, %v) = %v", key, len(value), ttl, err)
	}
}

// get asks for the key, which must be no error.
func get(t T, c cache.Cache, key string) (value []byte, found bool) {
	t.Helper()
	value, found, err := c.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%.40q) = %v", key, err)
	}
	return value, found
}

// keep keeps the value and checks that Get returns it. A cache may forget at any
// time, so it is tried a few times.
func keep(t T, c cache.Cache, key string, value []byte) []byte {
	t.Helper()
	for range attempts {
		set(t, c, key, value, lasting)
		if got, found := get(t, c, key); found {
			if !bytes.Equal(got, value) {
				t.Fatalf("Get(%.40q) = %s, want %s", key, show(got), show(value))
			}
			return got
		}
	}
	t.Fatalf("the cache keeps nothing under %.40q, in %d attempts with %d octets", key, attempts, len(value))
	return nil
}

// remove deletes the keys, which must be no error.
func remove(t T, c cache.Cache, keys ...string) {
	t.Helper()
	if err := c.Delete(t.Context(), keys...); err != nil {
		t.Fatalf("Delete(%.40q) = %v", keys, err)
	}
}

// wantNothing checks that nothing is kept under the key.
func wantNothing(t T, when string, c cache.Cache, key string) {
	t.Helper()
	if got, found := get(t, c, key); found || len(got) > 0 {
		t.Errorf("%s Get(%.40q) = %s, %t; want nothing", when, key, show(got), found)
	}
}

// show returns a value for a message, cut if it is long.
func show(value []byte) string {
	const most = 40
	if len(value) <= most {
		return string(append(append([]byte{'`'}, value...), '`'))
	}
	return string(append(append([]byte{'`'}, value[:most]...), "…`"...))
}
