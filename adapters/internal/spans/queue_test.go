package spans_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/internal/spans"
)

// TestQueue goes by a clock of its own: what a queue delivers at once, how long an item waits
// for others, and what of a batch that was not taken is counted.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what is looked at while time passes
		var batches [][]int
		var answers []error
		var told []error
		q := spans.NewQueue(spans.Bounds{Queue: 4, Batch: 2, Delay: time.Second, Timeout: time.Minute}, func(ctx context.Context, batch []int) error {
			mu.Lock()
			defer mu.Unlock()
			batches = append(batches, append([]int(nil), batch...))
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute {
				t.Errorf("a batch may take until %v, want a minute from now", deadline)
			}
			if len(answers) == 0 {
				return nil
			}
			answer := answers[0]
			answers = answers[1:]
			return answer
		}, func(err error) { told = append(told, err) })

		q.Put(1) // waits for the delay
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		mu.Lock()
		if len(batches) != 0 {
			t.Errorf("an item was delivered at once: %v", batches)
		}
		mu.Unlock()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		q.Put(2)
		q.Put(3) // a whole batch
		synctest.Wait()
		if diff := cmp.Diff([][]int{{1}, {2, 3}}, batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		refused := errors.New("refused")
		answers = []error{&spans.Lost{Items: 1, Cause: refused}, refused}
		for i := range 4 {
			q.Put(4 + i)
			synctest.Wait()
		}
		if got := q.Dropped(); got != 3 || len(told) != 2 || !errors.Is(told[0], refused) {
			t.Errorf("%d are counted, and told is %v; want one of the first batch and both of the second", got, told)
		}
		q.Put(8)
		if err := q.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if got := batches[len(batches)-1]; len(got) != 1 || got[0] != 8 {
			t.Errorf("the end delivers %v, want what was left", got)
		}
		if q.Put(9); q.Dropped() != 4 {
			t.Errorf("what comes after the end is not counted")
		}
	})
}

// TestQueueWithoutRoom fills a queue whose back end never answers, and ends it: what waits and
// what is with the back end is counted once, whenever that lets go of it.
func TestQueueWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		q := spans.NewQueue(spans.Bounds{Queue: 4, Batch: 2}, func(context.Context, []int) error {
			<-hang // it has no ear for its context
			return errors.New("at last")
		}, func(error) {})
		for i := range 10 {
			q.Put(i)
			synctest.Wait()
		}
		if got := q.Dropped(); got != 4 {
			t.Errorf("%d found no room, want 4: 2 are with the back end and 4 wait", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Shutdown(ctx); err == nil {
			t.Error("Shutdown says that everything was delivered")
		}
		if got := q.Dropped(); got != 10 {
			t.Errorf("%d are counted, want all 10", got)
		}
		close(hang)
		synctest.Wait()
		if got := q.Dropped(); got != 10 {
			t.Errorf("once the back end has let go %d are counted, want 10 as before", got)
		}
	})
}
