package gather

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: of many at the same time two ask, and whoever came after the first had
// begun is given what was asked after it came.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			group   Turns[int64]
			asked   atomic.Int64
			go1     = make(chan struct{})
			waiting sync.WaitGroup
		)
		ask := func() (int64, error) {
			n := asked.Add(1)
			<-go1
			return n, nil
		}
		waiting.Go(func() {
			if got, _, err := group.Do(t.Context(), "a", ask); got != 1 || err != nil {
				t.Errorf("the first was given %d, %v", got, err)
			}
		})
		synctest.Wait()
		var alone atomic.Int64
		for range 100 {
			waiting.Go(func() {
				got, shared, err := group.Do(t.Context(), "a", ask)
				if got != 2 || err != nil {
					t.Errorf("one who came later was given %d, %v", got, err)
				}
				if !shared {
					alone.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d ask while the first does", n)
		}
		close(go1)
		waiting.Wait()
		if n := alone.Load(); n != 1 {
			t.Errorf("%d of those who came later asked themselves", n)
		}
		if got, _, err := group.Do(t.Context(), "a", ask); got != 3 || err != nil {
			t.Errorf("who came when all was over was given %d, %v", got, err)
		}
	})
}

// TestTurnsByName: what has another name is another question.
func TestTurnsByName(t *testing.T) {
	var group Turns[string]
	got, _, err := group.Do(t.Context(), "a", func() (string, error) {
		got, _, err := group.Do(t.Context(), "b", func() (string, error) { return "b", nil })
		return got, err
	})
	if got != "b" || err != nil {
		t.Errorf("do = %q, %v", got, err)
	}
}

// TestTurnsFail: a context that is done, and a panic, are nobody else's.
func TestTurnsFail(t *testing.T) {
	for _, panics := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var (
				group   Turns[int]
				first   = make(chan struct{})
				waiting sync.WaitGroup
			)
			waiting.Go(func() {
				_, _, _ = group.Do(t.Context(), "a", func() (int, error) { <-first; return 0, nil })
			})
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			waiting.Go(func() { // it leads the second turn
				defer func() { _ = recover() }()
				_, _, err := group.Do(ctx, "a", func() (int, error) {
					if panics {
						panic("of its own")
					}
					return 0, ctx.Err()
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("who was cancelled was given %v", err)
				}
			})
			synctest.Wait()
			waiting.Go(func() {
				got, _, err := group.Do(t.Context(), "a", func() (int, error) { return 7, nil })
				if got != 7 || err != nil {
					t.Errorf("who waited for it was given %d, %v", got, err)
				}
			})
			left, leave := context.WithCancel(t.Context())
			waiting.Go(func() {
				if _, _, err := group.Do(left, "a", func() (int, error) { return 7, nil }); !errors.Is(err, context.Canceled) {
					t.Errorf("who left was given %v", err)
				}
			})
			synctest.Wait()
			leave()
			synctest.Wait()
			if panics {
				defer cancel()
			} else {
				cancel()
				synctest.Wait() // until it has left before its turn came
			}
			close(first)
			waiting.Wait()
			if n := len(group.now); n != 0 {
				t.Errorf("%d turns are left", n)
			}
		})
	}
}

// TestTurnsErrors: an error is an answer.
func TestTurnsErrors(t *testing.T) {
	var group Turns[int]
	wrong := errors.New("wrong")
	if _, _, err := group.Do(t.Context(), "a", func() (int, error) { return 0, wrong }); !errors.Is(err, wrong) {
		t.Errorf("do = %v", err)
	}
}

// TestTurnsStuck: who is stuck holds up nobody for long, and what it is told in the end is
// its own.
func TestTurnsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			group   = Turns[int64]{Longest: 100 * time.Millisecond}
			asked   atomic.Int64
			waiting sync.WaitGroup
		)
		ask := func() (int64, error) {
			n := asked.Add(1)
			if n == 1 {
				time.Sleep(time.Hour)
			}
			return n, nil
		}
		waiting.Go(func() {
			if got, _, err := group.Do(t.Context(), "a", ask); got != 1 || err != nil {
				t.Errorf("who was stuck was given %d, %v", got, err)
			}
		})
		synctest.Wait()
		for range 2 {
			waiting.Go(func() {
				began := time.Now()
				if got, _, err := group.Do(t.Context(), "a", ask); got != 2 || err != nil || time.Since(began) > time.Minute {
					t.Errorf("who came later was given %d, %v, after %v", got, err, time.Since(began))
				}
			})
		}
		time.Sleep(time.Minute)
		if got, _, err := group.Do(t.Context(), "a", ask); got != 3 || err != nil {
			t.Errorf("who came still later was given %d, %v", got, err)
		}
		waiting.Wait()
		if got, _, err := group.Do(t.Context(), "a", ask); got != 4 || err != nil {
			t.Errorf("who came when all was over was given %d, %v", got, err)
		}
	})
}
