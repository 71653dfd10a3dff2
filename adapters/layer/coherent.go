package layer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// Unsettled is how long what a write changes stays fenced if nobody knows what the
// store made of the write: longer than any store takes to commit or to give up.
const Unsettled = 60 * time.Second

// A word counts what was written of the tags that it stands for: in its low bits
// the fences that stand now, in the others all that ever began. Either part would
// need years, or more memory than there is, to overflow.
const (
	standingBits = 24
	standing     = 1<<standingBits - 1
	begun        = 1<<standingBits + 1 // one fence more of both
	wordBits     = 18                  // 2 MiB of words, of which only what is used takes memory
)

// An InProcess is a cache.Coherent for a service of one process, which alone
// writes what it caches. It takes no locks, and a fence costs a few additions.
//
// Each tag has one of a fixed number of words. A fence adds to the words of its
// tags, and what is kept begins with the words that its tags had when the lease
// was granted, while no fence stood. Look compares them with what the words are.
//
// That is right because the part of a word that counts what began only grows. If
// the words that are kept equal those of now, then no fence that concerns the
// answer stood when the lease was granted and none began since. The answer was
// read from the store after that; every write whose commit it may have missed
// began its fence before it committed, so that fence would have begun since, too.
// Hence the answer is what the store holds at the moment at which Look loads the
// words, which lies within the call. A write that is fenced only after that is
// concurrent with the call, and not yet acknowledged.
//
// Two tags may share a word: then a write of the one costs a miss of the other,
// and nothing else. Which tags do is another matter in each process, so that
// nobody can choose ids that meet.
type InProcess struct {
	cache cache.Cache
	seed  maphash.Seed
	life  uint64 // tells what this value filled from what another did, over a cache that outlives it
	words [1 << wordBits]atomic.Uint64
}

// Coherent returns the cache, made coherent within this process. It does not
// close the cache.
func Coherent(c cache.Cache) *InProcess {
	return &InProcess{cache: c, seed: maphash.MakeSeed(), life: rand.Uint64()}
}

// Look is of cache.Coherent. A cache that fails is one that is Off.
func (p *InProcess) Look(ctx context.Context, key cache.Key) cache.Found {
	var room [headRoom]byte
	head, free := p.head(room[:0], key)
	if !free {
		return cache.Found{State: cache.Fenced}
	}
	var value []byte
	var found bool
	var err error
	if !key.Anew {
		value, found, err = p.cache.Get(ctx, name(key))
	}
	switch {
	case err != nil || len(key.Tags) == 0: // without tags nothing could end it
		return cache.Found{State: cache.Off}
	case found && bytes.HasPrefix(value, head):
		return cache.Found{State: cache.Hit, Value: value[len(head):]}
	}
	return cache.Found{State: cache.Miss, Lease: cache.Lease(head)}
}

// Fill is of cache.Coherent. What was fenced since the lease would not be a Hit
// anyway, and need not push out what is.
func (p *InProcess) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	var room [headRoom]byte
	head, free := p.head(room[:0], key)
	if !free || lease == "" || string(head) != string(lease) {
		return
	}
	// What is not kept is a miss the next time.
	_ = p.cache.Set(ctx, name(key), slices.Concat(head, value), ttl)
}

// Fence is of cache.Coherent. It fails only if ctx is done, and what it returns
// never does. The tags of a write that did not settle are fenced for [Unsettled].
func (p *InProcess) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	if err := ctx.Err(); err != nil {
		return cache.Fence{}, err
	}
	of := maphash.String(p.seed, collection)
	fenced := make([]uint32, len(tags))
	for i, tag := range tags {
		fenced[i] = p.word(of, tag)
	}
	slices.Sort(fenced)
	fenced = slices.Compact(fenced)
	for _, i := range fenced {
		p.words[i].Add(begun)
	}
	var ended atomic.Bool
	release := func() {
		for _, i := range fenced {
			p.words[i].Add(^uint64(0)) // one fence less
		}
	}
	publish := func(_ context.Context, settled bool) error {
		switch {
		case ended.Swap(true): // a second call must not end the fence of another
		case settled:
			release()
		default:
			time.AfterFunc(Unsettled, release)
		}
		return nil
	}
	return cache.Fence{Publish: publish}, nil
}

// word returns which word stands for the tag of the collection with the given hash.
func (p *InProcess) word(of uint64, tag string) uint32 {
	h := (of ^ maphash.String(p.seed, tag)) * 0x9e3779b97f4a7c15 // spread over the upper bits
	return uint32(h >> (64 - wordBits))
}

// headRoom holds the head of what depends on few tags.
const headRoom = 9 + 8*8

// head appends what values of the key begin with if they are filled now, and
// reports whether none of its tags is fenced.
func (p *InProcess) head(head []byte, key cache.Key) (_ []byte, free bool) {
	head = binary.LittleEndian.AppendUint64(head, p.life)
	head = append(head, byte(len(key.Tags)))
	of := maphash.String(p.seed, key.Collection)
	for _, tag := range key.Tags {
		word := p.words[p.word(of, tag)].Load()
		if word&standing != 0 {
			return head, false
		}
		head = binary.LittleEndian.AppendUint64(head, word)
	}
	return head, true
}

// name returns the key in the cache: the key itself, or its hash if it is longer
// than a cache takes.
func name(key cache.Key) string {
	name := strconv.Itoa(len(key.Collection)) + ":" + key.Collection + key.Text
	if len(name) <= cache.MaxKey {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "#" + string(sum[:]) // no other name begins so
}
