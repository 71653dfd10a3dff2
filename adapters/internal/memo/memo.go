// Package memo keeps what is made of a key, so that it is made once. Start at
// [Map].
package memo

import "sync"

// most is how many values a Map keeps: far more than a process has operations,
// and a few megabytes at the most.
const most = 4096

// A Map keeps the values of its first 4,096 keys for good; those of any others
// are made anew each time, so that keys that nobody foresaw cost time rather
// than memory. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	of     func(K) V
	mu     sync.RWMutex
	values map[K]V
}

// New returns a map of what the function makes of a key. The function may be
// called more than once for one key, and its results are then used alike.
func New[K comparable, V any](of func(K) V) *Map[K, V] {
	return &Map[K, V]{of: of, values: map[K]V{}}
}

// Get returns the value of the key.
func (m *Map[K, V]) Get(key K) V {
	m.mu.RLock()
	value, kept := m.values[key]
	m.mu.RUnlock()
	if kept {
		return value
	}
	value = m.of(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) < most {
		m.values[key] = value
	}
	return value
}
