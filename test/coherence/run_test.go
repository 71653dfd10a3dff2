package coherence_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A workload says what clients do. Its weights are of the kinds of operations.
type workload struct {
	clients int
	each    int           // operations of each client, or more
	lasts   time.Duration // that it goes on for
	keys    int
	weights map[kind]int
	check   time.Duration // of one record's history, after which it is not known to be right
}

// ordinary has everything that clients do, and few records, so that they meet.
var ordinary = workload{clients: 32, each: 1000, keys: 12, check: 30 * time.Second, weights: map[kind]int{
	create: 3, put: 3, patch: 4, move: 4, remove: 5, removeBy: 3, load: 1,
	createAll: 2, createEach: 1, moveOnce: 2, trial: 2,
	get: 200, getOwn: 20, listShelf: 60, queryShelf: 10, listAll: 10, listOwn: 10, countAll: 5, countShelf: 10, aggregate: 10,
}}

// A verdict is what became of a run.
type verdict struct {
	seed      uint64
	done      map[kind]int // operations, by what they asked
	stored    map[kind]int // writes, of these
	writes    int          // all that were stored
	unknown   int          // writes of whose outcome nobody knows
	refused   int
	longest   time.Duration // that a write took which was acknowledged
	hits      float64       // of all Looks
	stale     map[kind]int
	samples   []string // of what is stale, or wrong otherwise
	wrong     int
	reread    uint64 // hits that the servers read again
	denied    uint64 // of these, that they found to be stale
	histories porcupine.CheckResult
	took      time.Duration // all of it
	checked   time.Duration // of that, the histories
}

// killed returns what is wrong, by the verdicts that say so, or nothing.
func (v *verdict) killed() string {
	var by []string
	for what, n := range v.stale {
		by = append(by, fmt.Sprintf("%d × %s", n, what))
	}
	slices.Sort(by)
	if len(by) > 0 {
		by = []string{"stale: " + strings.Join(by, ", ")}
	}
	if v.histories == porcupine.Illegal {
		by = append(by, "not linearizable")
	}
	if v.denied > 0 {
		by = append(by, fmt.Sprintf("%d hits denied by the server itself", v.denied))
	}
	return strings.Join(by, "; ")
}

func (v *verdict) String() string {
	total := 0
	for _, n := range v.done {
		total += n
	}
	return fmt.Sprintf("seed %d: %d operations, %d writes stored in %s at most, %d refused, %d unknown, %.0f %% of Looks hit, %d read again, stale %v, histories %s, in %s and %s",
		v.seed, total, v.writes, v.longest.Round(time.Millisecond), v.refused, v.unknown, 100*v.hits, v.reread, v.stale, v.histories, (v.took - v.checked).Round(time.Millisecond), v.checked.Round(time.Millisecond))
}

// detail returns the row of a run in docs/certification.md: what happened how often, what
// was done meanwhile, and what came of it.
func (v *verdict) detail(what string, times int, again int64) string {
	total, stale := 0, 0
	for _, n := range v.done {
		total += n
	}
	for _, n := range v.stale {
		stale += n
	}
	return fmt.Sprintf("detail: %s | %d | %d | %d | %s | %.0f %% | %d | %s | %d | %d",
		what, times, total, v.writes, v.longest.Round(10*time.Millisecond), 100*v.hits, stale, v.histories, again, v.unknown)
}

// and adds the run of another verdict to this one's.
func (v *verdict) and(other *verdict) *verdict {
	if v == nil {
		return other
	}
	sum := *other
	sum.done, sum.stale = maps.Clone(v.done), maps.Clone(v.stale)
	for what, n := range other.done {
		sum.done[what] += n
	}
	for what, n := range other.stale {
		sum.stale[what] += n
	}
	sum.writes += v.writes
	sum.unknown += v.unknown
	sum.longest = max(v.longest, other.longest)
	sum.hits = min(v.hits, other.hits)
	if v.histories != porcupine.Ok {
		sum.histories = v.histories
	}
	return &sum
}

// A run proves something with so many writes, with so many operations of each kind
// by its weight and half as many of them stored, and with one hit in ten Looks. The
// race detector leaves time for a quarter.
const (
	leastWrites = 1000 / slower
	leastEach   = 20 / slower
	leastHits   = 0.1
)

// void returns why the run proves nothing: a cache that is never used is always
// right, and so is one that nobody writes behind.
func (v *verdict) void(w workload) string {
	var reasons []string
	for what, weight := range w.weights {
		if least := leastEach * weight; v.done[what] < least {
			reasons = append(reasons, fmt.Sprintf("%d operations of %s are fewer than %d", v.done[what], what, least))
		}
		if slices.Contains(writing, what) && v.stored[what] < leastEach/2 {
			reasons = append(reasons, fmt.Sprintf("%d times %s is less than %d", v.stored[what], what, leastEach/2))
		}
	}
	if v.writes < leastWrites {
		reasons = append(reasons, fmt.Sprintf("%d writes are fewer than %d", v.writes, leastWrites))
	}
	if v.hits < leastHits {
		reasons = append(reasons, fmt.Sprintf("%.1f %% of hits are fewer than %.0f", 100*v.hits, 100*leastHits))
	}
	if v.histories == porcupine.Unknown {
		reasons = append(reasons, "the checker did not come to an end")
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}

// crowded runs the test with more threads than there are processors, so that the
// system stops clients at moments at which they would not yield.
func crowded(t *testing.T) {
	before := runtime.GOMAXPROCS(4 * max(2, runtime.NumCPU()))
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// run has the clients of the workload do their operations over a server of the
// parts, and judges the answers. What the seed decides is what is asked, not in
// which order it happens.
func run(t *testing.T, p parts, w workload, seed uint64) *verdict {
	t.Helper()
	begun := time.Now()
	s := &session{servers: newInstances(t, p), keys: w.keys, begun: begun}
	watched := s.rereading(t.Context())
	clients := make([]*client, w.clients)
	var all sync.WaitGroup
	for i := range clients {
		c := s.client(seed, i)
		clients[i] = c
		all.Go(func() {
			for i := 0; i < w.each || time.Since(begun) < w.lasts; i++ {
				c.do(w.choose(c.dice))
			}
		})
	}
	all.Wait()
	v := judge(clients, w)
	v.seed, v.hits, v.took = seed, s.rate(), time.Since(begun)
	v.reread, v.denied = watched()
	return v
}

// client returns a new client, the i-th of those with the seed.
func (s *session) client(seed uint64, i int) *client {
	return &client{session: s, server: s.servers[i%len(s.servers)], dice: rand.New(rand.NewPCG(seed, uint64(i))), known: make(map[int]etagged), did: make(map[kind]int)}
}

// choose returns the kind of the next operation.
func (w workload) choose(dice *rand.Rand) kind {
	kinds := make([]kind, 0, len(w.weights))
	total := 0
	for what, weight := range w.weights {
		kinds = append(kinds, what)
		total += weight
	}
	slices.Sort(kinds)
	n := dice.IntN(total)
	for _, what := range kinds {
		if n -= w.weights[what]; n < 0 {
			return what
		}
	}
	panic("the weights do not add up")
}

// do does one operation of the kind.
func (c *client) do(what kind) {
	c.did[what]++
	switch what {
	case create, put, patch, move, remove, removeBy:
		c.write(what)
	case load:
		c.load()
	case createAll:
		c.createAll()
	case createEach:
		c.createEach()
	case moveOnce:
		c.moveOnce()
	case trial:
		c.trial()
	case get, getOwn:
		c.read(what)
	case aggregate:
		c.measure()
	default:
		c.list(what)
	}
}

// judge returns the verdicts on what the clients saw.
func judge(clients []*client, w workload) *verdict {
	v := &verdict{done: make(map[kind]int), stored: make(map[kind]int), stale: make(map[kind]int)}
	var operations []porcupine.Operation
	for _, c := range clients {
		operations = append(operations, c.ops...)
		v.wrong += len(c.wrong)
		for what, n := range c.did {
			v.done[what] += n
		}
		v.samples = append(v.samples, c.wrong...)
	}
	for _, op := range operations {
		in, out := op.Input.(asked), op.Output.(answered)
		if in.n == 0 {
			continue
		}
		switch out.outcome {
		case done:
			v.stored[in.kind]++
			v.writes++
			v.longest = max(v.longest, time.Duration(op.Return-op.Call))
		case refused:
			v.refused++
		case unknown:
			v.unknown++
		}
	}
	book := newLedger(w.keys, operations)
	for _, c := range clients {
		for _, p := range c.pages {
			if contradiction := book.contradiction(p); contradiction != "" {
				v.stale[p.kind]++
				v.samples = append(v.samples, fmt.Sprintf("%s from %d to %d: %s", p.kind, p.call, p.end, contradiction))
			}
		}
	}
	v.samples = v.samples[:min(len(v.samples), 10)]
	begun := time.Now()
	v.histories = linearizable(operations, w.check)
	v.checked = time.Since(begun)
	return v
}
