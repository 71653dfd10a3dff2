package layer

import (
	"math/rand/v2"
	"strconv"

	"github.com/portolan-io/portolan/ports/cache"
)

// newToken returns a token that no other tag ever had: 64 random bits in base 36.
func newToken() string { return strconv.FormatUint(rand.Uint64(), 36) }

// headOf returns what a value begins with that was filled while its tags had
// these marks. The state is Fenced if a fence is among them, Miss if one has no
// mark, and Hit if all have tokens.
func headOf(marks []string) (head []byte, state cache.State) {
	size := 0
	for _, mark := range marks {
		switch {
		case mark == "":
			state = cache.Miss
		case mark[:1] == cache.FenceMark:
			return nil, cache.Fenced
		}
		size += len(mark) + 1
	}
	if state == cache.Miss {
		return nil, state
	}
	head = make([]byte, 0, size)
	for _, mark := range marks {
		head = append(append(head, mark...), headSeparator)
	}
	return head, cache.Hit
}

// headSeparator ends each token of a head. A head is never the beginning of
// another of as many tokens, and a key always has as many tags.
const headSeparator = '\n'
