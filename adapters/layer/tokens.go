package layer

import (
	"math/rand/v2"
	"strconv"

	"github.com/portolan-io/portolan/ports/cache"
)

// newToken returns a token that no other tag ever had: 64 random bits in base 36.
func newToken() string { return strconv.FormatUint(rand.Uint64(), 36) }

// stateOf returns Fenced if a fence is among the marks, Miss if a tag has none, and
// Hit if all have tokens.
func stateOf(marks []string) cache.State {
	state := cache.Hit
	for _, mark := range marks {
		switch {
		case mark == "":
			state = cache.Miss
		case mark[:1] == cache.FenceMark:
			return cache.Fenced
		}
	}
	return state
}

// appendHead appends what a value begins with that was filled while its tags had
// these tokens.
func appendHead(dst []byte, tokens []string) []byte {
	for _, token := range tokens {
		dst = append(append(dst, token...), headSeparator)
	}
	return dst
}

// cutHead returns what follows the head of these tokens, if the value begins with it.
func cutHead(value []byte, tokens []string) (rest []byte, ok bool) {
	for _, token := range tokens {
		n := len(token)
		if len(value) <= n || string(value[:n]) != token || value[n] != headSeparator {
			return nil, false
		}
		value = value[n+1:]
	}
	return value, true
}

// headSeparator ends each token of a head. A head is never the beginning of
// another of as many tokens, and a key always has as many tags.
const headSeparator = '\n'
