package core_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
)

// A lasting store says that it outlives the process, as the stores of these
// tests outlive what stands for processes here.
type lasting struct{ repository.Store }

func (s lasting) Capabilities() repository.Capabilities {
	c := s.Store.Capabilities()
	c.Durable = true
	return c
}

func newUploads(t *testing.T, api *core.API, dir string) *core.Uploads {
	t.Helper()
	uploads, err := core.NewUploads(core.UploadsConfig{API: api, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return uploads
}

// submit uploads the text and returns its job.
func submit(t *testing.T, uploads *core.Uploads, who policy.Principal, collection, text string) string {
	t.Helper()
	up, err := uploads.Receive(t.Context(), who, collection, ingest.CSV)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(up, text); err != nil {
		t.Fatal(err)
	}
	job, err := up.Job()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Submit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return job.ID
}

// work works until the jobs have ended, and returns them.
func work(t *testing.T, api *core.API, uploads *core.Uploads, ids ...string) []core.Job {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- uploads.Work(ctx) }()
	jobs := make([]core.Job, len(ids))
	for i, id := range ids {
		jobs[i] = ended(t, api, id)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return jobs
}

func ended(t *testing.T, api *core.API, id string) core.Job {
	t.Helper()
	for range 2000 {
		job, err := api.Job(t.Context(), operator, id)
		if err != nil {
			t.Fatal(err)
		}
		if job.Ended() {
			return job
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the job %s does not end", id)
	return core.Job{}
}

// A killing store ends its process when that is killed.
type killing struct {
	*mortal
	die func()
}

func (s *killing) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes, err := s.mortal.Apply(ctx, batch)
	if errors.Is(err, errKilled) {
		s.die()
	}
	return outcomes, err
}

func (s *killing) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	loaded, err := s.mortal.Load(ctx, load)
	if errors.Is(err, errKilled) {
		s.die()
	}
	return loaded, err
}

// empty fails the test if there are files but for the given ones.
func empty(t *testing.T, dir string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff(but, names); diff != "" {
		t.Errorf("files in the directory (-want +got):\n%s", diff)
	}
}

// TestUploadsOutliveProcesses ends the process at random moments, until the job
// has ended: as the job of a process that was left alone.
func TestUploadsOutliveProcesses(t *testing.T) {
	ends := 0
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 7))
		text := dirtyProducts(random, 2000+random.IntN(2000))
		calm := newAPI(t, newStore(t))
		alone := newUploads(t, calm, t.TempDir())
		want := work(t, calm, alone, submit(t, alone, admin, "products", text))

		store := &killing{mortal: &mortal{Store: lasting{newStore(t)}, random: random}}
		dir := t.TempDir()
		api := newAPI(t, store)
		uploads := newUploads(t, api, dir)
		id := submit(t, uploads, admin, "products", text)
		store.odds = 5
		last := ends + 500
		for ended := false; !ended; ends++ {
			if ends == last {
				t.Fatalf("seed %d: the job does not end", seed)
			}
			ctx, die := context.WithCancel(t.Context())
			store.die = die
			done := make(chan error, 1)
			go func() { done <- uploads.Work(ctx) }()
			for looks := 0; !ended && ctx.Err() == nil; looks++ {
				if looks == 10_000 {
					t.Fatalf("seed %d: nothing goes on", seed)
				}
				time.Sleep(time.Millisecond)
				job, err := api.Job(t.Context(), operator, id)
				ended = err == nil && job.Ended()
			}
			die()
			<-done // killed, or done
			if err := uploads.Close(); err != nil {
				t.Fatal(err)
			}
			uploads = newUploads(t, api, dir)
		}
		store.odds = 0
		got := work(t, api, uploads, id, submit(t, uploads, admin, "products", "asin\n"))[:1] // behind the other the start is over
		want[0].ID, want[0].Created, want[0].Updated = got[0].ID, got[0].Created, got[0].Updated
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: jobs (-want +got):\n%s", seed, diff)
		}
		if diff := cmp.Diff(export(t, calm, "products", ingest.NDJSON), export(t, api, "products", ingest.NDJSON)); diff != "" {
			t.Errorf("seed %d: records (-want +got):\n%s", seed, diff)
		}
		empty(t, dir)
		if t.Failed() {
			return
		}
	}
	if ends < 30 {
		t.Errorf("only %d processes: the test proves little", ends)
	}
}

// TestUploadsLeft shows what a start does with what is there.
func TestUploadsLeft(t *testing.T) {
	dir := t.TempDir()
	api := newAPI(t, lasting{newStore(t)})
	before := newUploads(t, api, dir)
	const text = "id,name\n7,Kites\n"
	finished := work(t, api, before, submit(t, before, admin, "categories", text))[0].ID
	lost := submit(t, before, admin, "categories", text)
	waits := submit(t, before, admin, "categories", text)
	if _, err := before.Receive(t.Context(), admin, "categories", ingest.CSV); err != nil { // never ended
		t.Fatal(err)
	}
	for _, name := range []string{"portolan-import-" + finished, "portolan-import-x", "foreign"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "portolan-import-"+lost)); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	after := newUploads(t, api, dir)
	receiving, err := after.Receive(t.Context(), admin, "categories", ingest.CSV) // while the start looks around
	if err != nil {
		t.Fatal(err)
	}
	jobs := work(t, api, after, finished, lost, waits)
	if jobs[0].State != core.JobFinished || jobs[2].State != core.JobFinished || jobs[2].Loaded != 1 {
		t.Errorf("the jobs are %+v", jobs)
	}
	if jobs[1].State != core.JobFailed || jobs[1].Err.Code != "upload-lost" || !strings.Contains(jobs[1].Err.Detail, "is gone") {
		t.Errorf("the job without a file is %+v %+v", jobs[1], jobs[1].Err)
	}
	job, err := receiving.Job()
	if err != nil {
		t.Fatal(err)
	}
	empty(t, dir, "foreign", "portolan-import-"+job.ID)
	receiving.Discard()
	empty(t, dir, "foreign")
}

// TestUploadsOfTwoProcesses: the second has to wait for the first, and takes
// nothing of what that has or receives.
func TestUploadsOfTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	api := newAPI(t, lasting{newStore(t)})
	first, second := newUploads(t, api, dir), newUploads(t, api, dir)
	has := submit(t, first, admin, "categories", "id,name\n7,Kites\n")
	receiving, err := first.Receive(t.Context(), admin, "categories", ingest.CSV)
	if err != nil {
		t.Fatal(err)
	}
	own := submit(t, second, admin, "categories", "id,name\n8,Drums\n")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Work(ctx) }()
	if job := ended(t, api, own); job.Loaded != 1 {
		t.Errorf("the second's own job is %+v", job)
	}
	if job, err := api.Job(t.Context(), operator, has); err != nil || job.State != core.JobQueued {
		t.Errorf("the first's job is %+v, %v", job, err)
	}
	if _, err := io.WriteString(receiving, "id,name\n9,Tops\n"); err != nil {
		t.Fatal(err)
	}
	job, err := receiving.Job()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receiving.Submit(t.Context(), nil); err != nil {
		t.Errorf("what the first was receiving: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if job := ended(t, api, has); job.Loaded != 1 {
		t.Errorf("taken over: %+v", job)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := newUploads(t, api, dir)
	if jobs := work(t, api, third, job.ID); jobs[0].Loaded != 1 {
		t.Errorf("received by the first after the second began: %+v", jobs[0])
	}
	empty(t, dir)
}

// TestUploadsOfMemory: with the store their files go too.
func TestUploadsOfMemory(t *testing.T) {
	dir := t.TempDir()
	api := newAPI(t, newStore(t))
	uploads := newUploads(t, api, dir)
	submit(t, uploads, admin, "categories", "id,name\n7,Kites\n")
	for range 2 {
		if err := uploads.Close(); err != nil {
			t.Error(err)
		}
	}
	empty(t, dir)
}

// TestUploadRights are looked at when it is received, and again when it is
// imported.
func TestUploadRights(t *testing.T) {
	store, dir := lasting{newStore(t)}, t.TempDir()
	api := newAPI(t, store)
	uploads := newUploads(t, api, dir)
	for who, want := range map[string]struct {
		policy.Principal
		kind fault.Kind
	}{
		"nobody": {nobody, fault.Unauthenticated}, "a stranger": {stranger, fault.Forbidden}, "some rows": {acme, fault.Forbidden}, "no create": {clerk, fault.Forbidden},
	} {
		_, err := uploads.Receive(t.Context(), want.Principal, "products", ingest.CSV)
		if fault.KindOf(err) != want.kind {
			t.Errorf("%s: got %v, want %s", who, err, want.kind)
		}
	}
	id := submit(t, uploads, admin, "categories", "id,name\n7,Kites\n")
	later := catalogue(t)
	later[0] = core.Collection{Schema: later[0].Schema} // which nobody may do anything with
	changed, err := core.New(core.Config{Store: store, Collections: later})
	if err != nil {
		t.Fatal(err)
	}
	if err := uploads.Close(); err != nil {
		t.Fatal(err)
	}
	if job := work(t, changed, newUploads(t, changed, dir), id)[0]; job.State != core.JobFailed || job.Err.Code != "forbidden" || job.Loaded != 0 {
		t.Errorf("without the rights that it had: %+v %+v", job, job.Err)
	}
}
