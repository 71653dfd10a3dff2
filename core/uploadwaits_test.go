package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// An away store takes nothing until some time.
type away struct {
	repository.Store
	until time.Time
	loads bool // and then it takes all but loads
}

func (s *away) gone() error {
	if time.Now().Before(s.until) {
		return fault.New(fault.Unavailable, "away", "the store is away")
	}
	return nil
}

func (s *away) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if err := s.gone(); err != nil && !s.loads {
		return nil, err
	}
	return s.Store.Apply(ctx, batch)
}

func (s *away) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if err := s.gone(); err != nil {
		return repository.Loaded{}, err
	}
	return s.Store.Load(ctx, load)
}

// TestUploadsWaitForTheStore: what was accepted is not given up while the store is
// away, and somebody is told now and then that it waits.
func TestUploadsWaitForTheStore(t *testing.T) {
	for name, loads := range map[string]bool{"nothing is taken": false, "no rows are taken": true} {
		t.Run(name, func(t *testing.T) { waitsForTheStore(t, loads) })
	}
}

func waitsForTheStore(t *testing.T, loads bool) {
	synctest.Test(t, func(t *testing.T) {
		store := &away{Store: newStore(t), loads: loads}
		api := newAPI(t, store)
		warned := 0
		uploads, err := core.NewUploads(core.UploadsConfig{API: api, Dir: t.TempDir(), Warn: func(_, _ string, err error) {
			warned++
			if fault.KindOf(err) != fault.Unavailable {
				t.Errorf("warned of %v", err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		id := submit(t, uploads, admin, "categories", "id,name\n7,Kites\n")
		const absence = 10 * time.Minute
		store.until = time.Now().Add(absence)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- uploads.Work(ctx) }()
		time.Sleep(2 * absence)
		synctest.Wait()
		job, err := api.Job(t.Context(), admin, id)
		if err != nil || job.State != core.JobFinished || job.Loaded != 1 {
			t.Errorf("the job is %+v, %v", job, err)
		}
		if warned < 5 || warned > int(absence/time.Minute) {
			t.Errorf("somebody was told %d times in %v", warned, absence)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
