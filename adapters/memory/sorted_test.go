package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/record"
)

// ids lists what is between two places.
func ids(s sorted, from, to place) (ids []string) {
	for e := range s.between(from, to) {
		ids = append(ids, string(e.id))
	}
	return ids
}

func (s sorted) placeOf(id string) place {
	return s.seek(func(e *entry) bool { return string(e.id) < id })
}

// A sorted does what a plain slice does, and an edit changes nothing of the
// states before it.
func TestSortedLikeASlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var s sorted
	var model []string
	type snapshot struct {
		sorted
		ids []string
	}
	var snapshots []snapshot
	for range 40 {
		edit := &edit{}
		s.chunks = slices.Clone(s.chunks)
		for range 200 + rng.IntN(200) {
			id := fmt.Sprintf("%04d", rng.IntN(4000))
			at, known := slices.BinarySearch(model, id)
			switch p := s.placeOf(id); {
			case !known:
				s.insert(edit, p, &entry{id: record.ID(id)})
				model = slices.Insert(model, at, id)
			case rng.IntN(3) == 0:
				s.replace(edit, p, &entry{id: record.ID(id), revision: "r2"})
			default:
				s.remove(edit, p)
				model = slices.Delete(model, at, at+1)
			}
		}
		snapshots = append(snapshots, snapshot{s, slices.Clone(model)})
	}
	for i, was := range snapshots {
		if diff := cmp.Diff(was.ids, ids(was.sorted, place{}, was.end())); diff != "" {
			t.Fatalf("state %d (-want +got):\n%s", i, diff)
		}
	}
	wantRanges(t, rng, s, model)
}

// wantRanges reads some ranges both ways.
func wantRanges(t *testing.T, rng *rand.Rand, s sorted, model []string) {
	t.Helper()
	for range 300 {
		low, high := rng.IntN(len(model)+1), rng.IntN(len(model)+1)
		from, to := placeAt(s, model, low), placeAt(s, model, high)
		want := model[low:max(low, high)]
		if got := ids(s, from, to); !slices.Equal(got, want) {
			t.Fatalf("between %d and %d are %d entries, want %d", low, high, len(got), len(want))
		}
		if low <= high && s.count(from, to) != len(want) {
			t.Fatalf("count from %d to %d = %d, want %d", low, high, s.count(from, to), len(want))
		}
		var got []string
		for e := range s.backward(from, to) {
			got = append(got, string(e.id))
		}
		slices.Reverse(got)
		if !slices.Equal(got, want) {
			t.Fatalf("backward between %d and %d are %d entries, want %d", low, high, len(got), len(want))
		}
	}
}

// placeAt returns the place of the i-th entry.
func placeAt(s sorted, model []string, i int) place {
	if i == len(model) {
		return s.end()
	}
	return s.placeOf(model[i])
}

// What comes in its order fills its chunks, rather than leaving them half full.
func TestSortedFillsChunks(t *testing.T) {
	const n = 10 * chunkSize
	var s sorted
	edit := &edit{}
	for i := range n {
		s.insert(edit, s.end(), &entry{id: record.ID(strings.Repeat("a", 1+i%3))})
	}
	if len(s.chunks) != n/chunkSize {
		t.Errorf("%d entries in order make %d chunks, want %d", n, len(s.chunks), n/chunkSize)
	}
}
