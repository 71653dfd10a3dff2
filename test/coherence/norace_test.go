//go:build !race

package coherence_test

// slower is how many times less is done because the race detector takes so long.
const slower = 1
