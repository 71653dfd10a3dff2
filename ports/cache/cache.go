// Package cache is the port to where answers are kept for a while, and to the
// protocol that keeps them right. A technology is a [Cache]; what the core uses
// is a [Coherent], which a layer makes of one. The suite that proves a Cache is
// in cachetest.
package cache

import (
	"context"
	"time"
)

// A Cache keeps octets under keys for a while. It may forget anything at any
// time, but never answers with what is wrong.
//
// A Cache is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. A method that is
// called with a done context returns its error and does nothing. After Close
// every method but Close returns fault.Unavailable. Both come before any other
// error.
type Cache interface {
	// Get returns what is kept under the key, and whether anything is.
	//
	// Get returns exactly the octets of one Set of this very key: never those of
	// an older Set than the last one that returned before Get was called, never
	// what a Delete that returned before Get was called removed, and never what is
	// older than its ttl. The caller does not change what Get returned, which
	// stays as it is whatever is done with the cache.
	Get(ctx context.Context, key string) (value []byte, found bool, err error)

	// Set keeps value under the key for at most ttl, instead of what was kept.
	//
	// A value may be empty, and hold any octets; so may a key, of at most MaxKey
	// octets, else Set is fault.Invalid. A ttl of 0 or less keeps nothing. A value
	// that is too large for the cache is not kept, and is no error: nothing is
	// then kept under the key. Set keeps no reference to value.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Delete removes what is kept under the keys. A key without anything is no error.
	Delete(ctx context.Context, keys ...string) error

	// Ping returns nil if the cache answers.
	Ping(ctx context.Context) error

	// Close lets go of everything the cache holds. Calling it again does nothing.
	Close() error
}

// MaxKey is the most octets of a key.
const MaxKey = 1024
