package querytest_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
)

// The records are what the schema allows, and enough filters match some of them.
func TestRandomRecordsAndFilters(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := querytest.Collection()
	const records, filters = 100, 2000
	ops, matching, ids := map[query.Op]int{}, 0, map[string]bool{}
	for range filters {
		e := querytest.RandomExpr(rng, c)
		count(ops, e)
		found := false
		for range records {
			fields := querytest.RandomRecord(rng, c, 0.3)
			if places := c.Check(fields); len(places) > 0 {
				t.Fatalf("the schema refuses a random record: %v", places)
			}
			ids[fields[c.ID].AsString()] = true
			if query.Match(e, fields) {
				found = true
				break
			}
		}
		if found {
			matching++
		}
	}
	if matching < filters/2 {
		t.Errorf("%d of %d filters match something, want at least half", matching, filters)
	}
	for op := query.And; op <= query.Has; op++ {
		if ops[op] < 20 {
			t.Errorf("the operator %v occurs %d times in %d filters, want at least 20", op, ops[op], filters)
		}
	}
	if len(ids) < 1000 {
		t.Errorf("%d ids are different, want many", len(ids))
	}
}

func count(ops map[query.Op]int, e query.Expr) {
	ops[e.Op]++
	for _, kid := range e.Kids {
		count(ops, kid)
	}
}

// One seed gives the same again, so that a failure can be repeated.
func TestRandomIsRepeatable(t *testing.T) {
	texts := func() (texts []string) {
		rng, c := rand.New(rand.NewPCG(7, 7)), querytest.Numbered()
		for range 50 {
			texts = append(texts, querytest.RandomExpr(rng, c).Text(c))
		}
		return texts
	}
	if diff := cmp.Diff(texts(), texts()); diff != "" {
		t.Errorf("the same seed gives different filters:\n%s", diff)
	}
}
