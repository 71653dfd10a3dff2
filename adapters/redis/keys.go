package redis

import (
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/adapters/internal/memo"
)

// A namer makes keys. Those of one collection begin with the same hash tag, so that
// they are in one slot of a cluster: {portolan:products}26:EPOCH, then the kind of
// what is kept, a letter, and its name. The length of the epoch keeps two epochs
// apart of which one begins with the other.
type namer struct {
	value      string // what keys of a cache.Cache begin with
	head, tail string // around the collection
	bases      *memo.Map[string, based]
}

// A based is what all keys of a collection begin with.
type based struct {
	base  string
	epoch any // the key that says that the epoch is known, as an argument
}

// The kinds of keys.
const (
	ofEpoch = 'e' // that the epoch is known, until it expires
	ofTag   = 't' // the mark of a tag
	ofName  = 'v' // the value under a name
	ofLease = 'l' // that somebody has been first for a name
)

func newNamer(prefix, epoch string) namer {
	n := namer{
		value: prefix + ":",
		head:  "{" + prefix + ":",
		tail:  "}" + strconv.Itoa(len(epoch)) + ":" + epoch,
	}
	n.bases = memo.New(func(collection string) based {
		base := n.head + braces.Replace(collection) + n.tail
		return based{base, key(base, ofEpoch, "")}
	})
	return n
}

// braces keeps a collection from ending the hash tag.
var braces = strings.NewReplacer("%", "%25", "}", "%7D")

// base returns what all keys of the collection begin with.
func (n namer) base(collection string) string {
	return n.bases.Get(collection).base
}

// key returns a key.
func key(base string, kind byte, name string) string { return base + string(rune(kind)) + name }

// keys returns the key of one kind and those of the tags.
func keys(base string, kind byte, name string, tags []string) []string {
	made := make([]string, 0, 1+len(tags))
	made = append(made, key(base, kind, name))
	for _, tag := range tags {
		made = append(made, key(base, ofTag, tag))
	}
	return made
}
