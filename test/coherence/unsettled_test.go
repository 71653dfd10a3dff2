package coherence_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestUnsettled has a store that commits a write after it returned an error. What
// a caller saw of it must not go away again, which it does with a cache that
// takes the write for done or undone when the error came.
func TestUnsettled(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cache func(cache.Coherent, repository.Store) cache.Coherent
		want  porcupine.CheckResult
	}{
		{"the right one lives", nil, porcupine.Ok},
		{"unsettled is treated as settled", settledAlways, porcupine.Illegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var store leaving
			s := &session{keys: 1, begun: time.Now()}
			s.servers = []*server{newServer(t, parts{store: inMemory, cache: cachedInMemory, coherent: tt.cache, layer: func(right repository.Store) repository.Store {
				store = newLeaving(right)
				return store
			}})}
			c := s.client(1, 0)
			read := func(projection string) { c.readOne(asked{kind: get}, "admin", projection) }

			c.writeOne(asked{kind: put, n: s.number(0, 0)})
			read(projections[1])
			store.leave()
			c.writeOne(asked{kind: put, n: s.number(1, 1)})
			read(projections[1]) // the old number, which must not be kept now
			store.comeBack()
			read(projections[2]) // the new one
			read(projections[1])

			v := judge([]*client{c}, workload{keys: 1, check: 20 * time.Second})
			if v.unknown != 1 || v.writes != 1 || len(c.pages) != 4 || v.wrong > 0 {
				t.Fatalf("the schedule did not come about: %s %q", v, v.samples)
			}
			if v.histories != tt.want {
				t.Errorf("the history is %s, want %s", v.histories, tt.want)
			}
		})
	}
}

// losingAnswers is for a store that loses answers to writes of one of the records.
var losingAnswers = workload{clients: 12, each: 400, keys: 4, check: 20 * time.Second, weights: map[kind]int{put: 2, get: 30}}

// TestLostAnswers has clients whose writes are done, done late, or not at all,
// while they are told that nobody knows.
func TestLostAnswers(t *testing.T) {
	crowded(t)
	v := run(t, parts{store: inMemory, cache: cachedInMemory, layer: func(s repository.Store) repository.Store {
		return slow{newLosing(s), 200 * time.Microsecond}
	}}, losingAnswers, rand.Uint64())
	t.Log(v)
	if by := v.killed(); by != "" || v.wrong > 0 {
		t.Errorf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
	}
	if v.unknown < 4 || v.hits < leastHits || v.histories != porcupine.Ok {
		t.Errorf("the run proves nothing")
	}
}
