package cachetest

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

var coherentHammerCases = []CoherentCase{
	{Name: "Concurrent/Records", Clause: "A Coherent is safe for concurrent use.", Run: func(t contract.T, over Over) { hammer(t, over, 1) }},
	{Name: "Concurrent/Pages", Clause: "A Coherent is safe for concurrent use.", Run: func(t contract.T, over Over) { hammer(t, over, 3) }},
}

// rounds is what each of the hammering goroutines does. leastHits is without
// what the case would prove nothing: a cache that is never used is always right.
const (
	rounds    = 1500
	leastHits = rounds / 10
)

// A shelf is a store of a few numbers, each with its tag. What stands there only
// ever grows, so a reader knows from one number whether it is too old.
type shelf struct {
	stored       [4]atomic.Int64
	acknowledged [4]atomic.Int64
}

func shelfTag(i int) string { return "number " + strconv.Itoa(i) }

// hammer has goroutines that write and read at once, by keys that depend on width
// numbers each: no answer lacks what was acknowledged before it was asked for.
func hammer(t contract.T, over Over, width int) {
	s, _ := begin(t, over)
	s.keep(key("of nobody", "no number"), "so that it works at all")
	var numbers shelf
	var hits, misses atomic.Int64
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(width), uint64(worker)))
			for range rounds {
				switch {
				case dice.IntN(8) == 0:
					numbers.write(s, dice.IntN(len(numbers.stored)))
				case numbers.read(s, dice, width):
					hits.Add(1)
				default:
					misses.Add(1)
				}
				runtime.Gosched()
			}
		})
	}
	s.soon("a goroutine of many", all.Wait)
	if hits.Load() < leastHits || misses.Load() < leastHits {
		s.Errorf("%d hits and %d others are too few to prove anything, want %d of each", hits.Load(), misses.Load(), leastHits)
	}
}

// write adds one to a number.
func (n *shelf) write(s steps, i int) {
	fence, err := s.Fence(s.Context(), "things", []string{shelfTag(i)})
	if err != nil {
		s.Errorf("Fence: %v", err)
		return
	}
	value := n.stored[i].Add(1)
	runtime.Gosched()
	if err := fence.Publish(s.Context(), true); err != nil {
		s.Errorf("publishing: %v", err)
		return
	}
	for {
		known := n.acknowledged[i].Load()
		if known >= value || n.acknowledged[i].CompareAndSwap(known, value) {
			return
		}
	}
}

// read answers with width numbers, from the cache if that has them.
func (n *shelf) read(s steps, dice *rand.Rand, width int) (hit bool) {
	first := dice.IntN(len(n.stored))
	k := cache.Key{Collection: "things", Text: strconv.Itoa(first) + " and " + strconv.Itoa(width)}
	known := make([]int64, width)
	for j := range width {
		i := (first + j) % len(n.stored)
		k.Tags = append(k.Tags, shelfTag(i))
		known[j] = n.acknowledged[i].Load()
	}
	found := s.Look(s.Context(), k)
	answer := found.Value
	if found.State != cache.Hit {
		answer = n.answer(first, width)
		runtime.Gosched()
	}
	if found.State == cache.Miss {
		s.Fill(s.Context(), k, found.Lease, answer, long)
	}
	if len(answer) != 8*width {
		s.Errorf("Look(%s) is a Hit of %q, which nobody filled", k.Text, answer)
		return false
	}
	for j := range width {
		if got := int64(binary.BigEndian.Uint64(answer[8*j:])); got < known[j] {
			s.Errorf("Look(%s) has the number %d at %s, after %d was acknowledged", k.Text, got, k.Tags[j], known[j])
		}
	}
	return found.State == cache.Hit
}

// answer reads the numbers from the shelf, slowly.
func (n *shelf) answer(first, width int) []byte {
	var answer []byte
	for j := range width {
		value := n.stored[(first+j)%len(n.stored)].Load()
		answer = binary.BigEndian.AppendUint64(answer, uint64(value))
		runtime.Gosched()
	}
	return answer
}
