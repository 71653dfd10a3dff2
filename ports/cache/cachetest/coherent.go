package cachetest

import (
	"slices"
	"testing"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

// An Over returns a new Coherent over the cache. What it starts it also ends,
// with the Cleanup of the test that it was made in. It is called more than once
// with one cache by the cases about a process that starts again.
type Over func(c cache.Cache) cache.Coherent

// A CoherentCase proves one clause of the contract of cache.Coherent, over a
// cache of the suite's own that works, fails, forgets or is slow as the case
// needs it.
type CoherentCase = contract.Case[Over]

// RunCoherent runs the suite over what over makes of caches. What over opens it
// also closes, with t.Cleanup.
//
// The suite asks for use as well as for truth: over a cache that works, what was
// filled under tags that nobody wrote is a Hit.
func RunCoherent(t *testing.T, over func(t *testing.T, c cache.Cache) cache.Coherent) {
	t.Helper()
	contract.Run(t, CoherentCases(), func(t *testing.T) Over {
		return func(c cache.Cache) cache.Coherent { return over(t, c) }
	})
}

// CoherentCases returns the cases of the suite.
func CoherentCases() []CoherentCase {
	return slices.Concat(coherentLookCases, coherentOrderCases, coherentFenceCases, coherentLeaseCases, coherentFaultCases, coherentHammerCases)
}
