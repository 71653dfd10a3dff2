package bigcache

import (
	"hash/maphash"

	allegro "github.com/allegro/bigcache/v3"
)

// A hasher hashes with a seed of this process, so that nobody outside can choose
// keys that push one another out, as with bigcache's own FNV.
type hasher struct{ seed maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed()} }

// Sum64 returns the hash of the key.
func (h hasher) Sum64(key string) uint64 { return maphash.String(h.seed, key) }

// nonZero never returns 0, by which bigcache knows a deleted entry: it would not
// take such a key out of its index and later read what lies there instead.
type nonZero struct{ allegro.Hasher }

// Sum64 returns the hash of the key, or 1 for 0.
func (h nonZero) Sum64(key string) uint64 { return max(h.Hasher.Sum64(key), 1) }
