// Package repositorytest is the suite that proves a repository.Store. Start at
// [Run]; a store that outlives its process also runs [RunDurable].
package repositorytest

import (
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// A T is what a case needs of a testing.T.
type T = contract.T

// A Case proves one or more clauses of the contract over a fresh, empty store.
// Its Clause quotes them word for word, a line each.
type Case = contract.Case[repository.Store]

// Run runs the suite over the stores that open returns: a new and empty one
// for each case. What open opens it also closes, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) repository.Store) {
	t.Helper()
	contract.Run(t, Cases(), open)
}

// Cases returns the cases of the suite.
func Cases() []Case {
	return slices.Concat(
		getCases, findCases, keepCases, orderCases, randomCases, aggregateCases,
		applyCases, preconditionCases, outcomeCases, loadCases, markCases, ensureCases, typeCases,
		ownershipCases, concurrencyCases, staleCases, contextCases, lifecycleCases,
	)
}

// quotes returns the Clause of a case that proves several.
func quotes(clauses ...string) string { return strings.Join(clauses, "\n") }
