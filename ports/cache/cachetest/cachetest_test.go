package cachetest_test

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
)

// openMemory opens a right cache.
func openMemory(t contract.T) cache.Cache {
	c, err := memory.OpenCache(context.Background(), memory.CacheConfig{MaxMB: 4})
	if err != nil {
		t.Fatalf("OpenCache: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestRight runs the suite over the cache that the broken ones are made of.
func TestRight(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Cache { return openMemory(t) })
}

// TestClauses compares the suite with the contract.
func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../cache.go", cachetest.Cases())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}

// Names are unique, because a failure is known by them.
func TestCaseNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range cachetest.Cases() {
		if seen[c.Name] {
			t.Errorf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
	}
}

// TestBrokenCachesAreCaught runs over each broken cache the case that must catch
// it.
func TestBrokenCachesAreCaught(t *testing.T) {
	for _, b := range brokenCaches {
		t.Run(b.name, func(t *testing.T) {
			failing := contract.Failing(t.Context(), named(t, b.caught), func(t contract.T) cache.Cache {
				return b.with(openMemory(t))
			})
			if len(failing) == 0 {
				t.Errorf("the case %s does not fail", b.caught)
			}
		})
	}
}

// TestEveryCaseCatches shows that no case passes whatever the cache does.
func TestEveryCaseCatches(t *testing.T) {
	catches := make(map[string]bool)
	for _, b := range brokenCaches {
		catches[b.caught] = true
	}
	for _, c := range cachetest.Cases() {
		if !catches[c.Name] {
			t.Errorf("the case %s catches no broken cache", c.Name)
		}
	}
}

// named returns the case with the name.
func named(t *testing.T, name string) []cachetest.Case {
	t.Helper()
	for _, c := range cachetest.Cases() {
		if c.Name == name {
			return []cachetest.Case{c}
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}
