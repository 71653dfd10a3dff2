package repositorytest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// A broken store is a right one with one thing wrong.
type broken struct {
	name   string
	with   func(repository.Store) repository.Store
	caught string // the case that must catch it
}

// brokenStores are the mistakes that the suite is known to catch.
var brokenStores = slices.Concat(brokenFinds, brokenGets, brokenApplies, brokenLoads, brokenLives, brokenStales)

func openMemory(t contract.T) repository.Store {
	s, err := memory.Open(context.Background(), memory.Config{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// named returns the case with the name.
func named(t *testing.T, name string) []repositorytest.Case {
	t.Helper()
	for _, c := range repositorytest.Cases() {
		if c.Name == name {
			return []repositorytest.Case{c}
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}

func TestBrokenStoresAreCaught(t *testing.T) {
	for _, b := range brokenStores {
		t.Run(b.name, func(t *testing.T) {
			failing := contract.Failing(t.Context(), named(t, b.caught), func(t contract.T) repository.Store {
				return b.with(openMemory(t))
			})
			if len(failing) == 0 {
				t.Errorf("the case %s does not fail", b.caught)
			}
		})
	}
}

// What the broken stores are made of is right, so that it is their mistakes
// that are caught.
func TestSimulatedFindIsRight(t *testing.T) {
	var cases []repositorytest.Case
	for _, b := range brokenFinds {
		known := func(c repositorytest.Case) bool { return c.Name == b.caught }
		if b.caught != "Random/Find" && !slices.ContainsFunc(cases, known) { // it would take long this way
			cases = append(cases, named(t, b.caught)...)
		}
	}
	contract.Run(t, cases, func(t *testing.T) repository.Store {
		return &simulated{Store: openMemory(t), match: query.Match, compare: query.Compare}
	})
}

// TestScanningStoreIsRight proves a store that leaves every filter to its caller, and
// so gives a Next also where nothing that follows matches.
func TestScanningStoreIsRight(t *testing.T) {
	cases := slices.Concat(named(t, "Find/Next"), named(t, "Find/Empty"), named(t, "Find/1001"), named(t, "Random/Find"))
	contract.Run(t, cases, func(t *testing.T) repository.Store {
		return hooked{Store: openMemory(t), split: func(q query.Query) (native, rest query.Expr, err error) {
			return query.Expr{}, q.Filter, nil
		}}
	})
}

// A hooked store does what its functions say, where it has them.
type hooked struct {
	repository.Store
	get       func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error)
	find      func(ctx context.Context, q query.Query) (repository.Page, error)
	aggregate func(ctx context.Context, a query.Aggregation) ([]query.Group, error)
	apply     func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error)
	load      func(ctx context.Context, load repository.Load) (repository.Loaded, error)
	split     func(q query.Query) (native, rest query.Expr, err error)
	close     func() error
}

func (h hooked) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if h.get != nil {
		return h.get(ctx, view, ids)
	}
	return h.Store.Get(ctx, view, ids)
}

func (h hooked) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if h.find != nil {
		return h.find(ctx, q)
	}
	return h.Store.Find(ctx, q)
}

func (h hooked) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	if h.aggregate != nil {
		return h.aggregate(ctx, a)
	}
	return h.Store.Aggregate(ctx, a)
}

func (h hooked) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if h.apply != nil {
		return h.apply(ctx, batch)
	}
	return h.Store.Apply(ctx, batch)
}

func (h hooked) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if h.load != nil {
		return h.load(ctx, load)
	}
	return h.Store.Load(ctx, load)
}

func (h hooked) Capabilities() repository.Capabilities {
	capabilities := h.Store.Capabilities()
	capabilities.Split = h.split
	return capabilities
}

func (h hooked) Close() error {
	if h.close != nil {
		return h.close()
	}
	return h.Store.Close()
}
