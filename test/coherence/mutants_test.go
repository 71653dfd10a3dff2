package coherence_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A mutant is a service with one step of the protocol left out, or done wrongly.
type mutant struct {
	name  string
	cache func(right cache.Coherent, store repository.Store) cache.Coherent
	store func(right repository.Store) repository.Store
	under workload // in which it shows
	dies  string   // by which verdict it must be killed, whatever else kills it
}

// The verdicts.
const (
	byStale   = "stale"            // an answer contradicts what was acknowledged before it was asked for
	byHistory = "not linearizable" // what was seen once is not seen later, though nobody wrote
)

// Workloads in which mistakes show: few records, and much of what the mistake is
// about. The checker needs long for histories of many clients on few records, but
// what it cannot judge in time kills nobody.
var (
	fewRecords = workload{clients: 16, each: 150, keys: 2, check: 2 * time.Second, weights: map[kind]int{put: 3, remove: 1, get: 20}}
	coming     = workload{clients: 16, each: 150, keys: 2, check: 2 * time.Second, weights: map[kind]int{create: 2, remove: 2, get: 20}}
	moving     = workload{clients: 16, each: 150, keys: 3, check: 2 * time.Second, weights: map[kind]int{
		put: 1, move: 4, listShelf: 20, countShelf: 5, aggregate: 5,
	}}
	everything = workload{clients: 16, each: 150, keys: 3, check: 2 * time.Second, weights: map[kind]int{
		put: 4, remove: 1, listAll: 20, listOwn: 5, countAll: 5, aggregate: 5,
	}}
	importing = workload{clients: 16, each: 150, keys: 3, check: 2 * time.Second, weights: map[kind]int{
		load: 1, get: 20, listAll: 5, listShelf: 5,
	}}
)

// mutants are what must die here. One more, which takes what is unsettled for
// settled, dies in [TestUnsettled].
var mutants = []mutant{
	{name: "nothing is fenced", cache: unfenced, under: fewRecords, dies: byStale},
	{name: "the fence begins after the commit", cache: fencedLate, under: fewRecords, dies: byHistory},
	{name: "published before the commit", cache: publishedEarly, under: fewRecords, dies: byStale},
	{name: "a write changes no version", cache: versionless, under: fewRecords, dies: byStale},
	{name: "a fill takes the lease of its end", cache: leasedLate, under: fewRecords, dies: byStale},
	{name: "fenced tags still hit", cache: fearless, under: fewRecords, dies: byHistory},
	{name: "one lease for all times", cache: leaseless, under: fewRecords, dies: byStale},
	{name: "absence has no tag", cache: absentUntagged, under: coming, dies: byStale},
	{name: "the record's tag is dropped", cache: dropping("r/"), under: fewRecords, dies: byStale},
	{name: "the collection's tag is dropped", cache: dropping("c"), under: everything, dies: byStale},
	{name: "the tags of scopes are dropped", cache: dropping("s/"), under: moving, dies: byStale},
	{name: "the tag of bulk loads is dropped", cache: dropping("b"), under: importing, dies: byStale},
	{name: "the tag of the scope that a record leaves is dropped", cache: droppingScope(true), under: moving, dies: byStale},
	{name: "the tag of the scope that a record enters is dropped", cache: droppingScope(false), under: moving, dies: byStale},
	{name: "records are read from a replica", store: laggingGet, under: fewRecords, dies: byStale},
	{name: "pages are read from a replica", store: laggingFind, under: everything, dies: byStale},
	{name: "acknowledged before the commit", store: hasty, under: fewRecords, dies: byStale},
}

// tries is how many runs of its workload a mutant gets. Nearly all die in the
// first, none was seen to survive three.
const tries = 20

func TestMutantsDie(t *testing.T) {
	crowded(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			for try := range tries {
				v := run(t, m.parts(), m.under, rand.Uint64())
				if v.wrong > 0 {
					t.Fatalf("%d answers that no server may give: %q", v.wrong, v.samples)
				}
				if by := v.killed(); strings.Contains(by, m.dies) {
					t.Logf("detail: %s | %d | %s", m.name, try+1, by)
					return
				}
			}
			t.Errorf("survives %d runs", tries)
		})
	}
}

// parts returns the mutant in memory.
func (m mutant) parts() parts {
	return parts{store: inMemory, cache: cachedInMemory, coherent: m.cache, layer: func(s repository.Store) repository.Store {
		if m.store != nil {
			s = m.store(s)
		}
		return slow{s, 200 * time.Microsecond}
	}}
}

// TestTheRightOneLives runs the mutants' workloads over what is right.
func TestTheRightOneLives(t *testing.T) {
	crowded(t)
	for _, w := range []workload{fewRecords, coming, moving, everything, importing} {
		v := run(t, mutant{}.parts(), w, rand.Uint64())
		t.Log(v)
		if by := v.killed(); by != "" || v.wrong > 0 {
			t.Errorf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
		}
	}
}
