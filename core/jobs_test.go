package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestJobOwners: a job is seen by who asked for it, those of the command line by
// the operator alone.
func TestJobOwners(t *testing.T) {
	api := newAPI(t, newStore(t))
	uploads := newUploads(t, api, t.TempDir())
	adas := submit(t, uploads, admin, "categories", "id,name\n")
	summary, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "products", Source: source("p.csv", products), MaxRejects: -1})
	if err != nil {
		t.Fatal(err)
	}
	otherIssuer, lesser, seller := admin, admin, admin
	otherIssuer.Issuer = "elsewhere"
	lesser.Roles, seller.Roles = nil, []string{"seller"}
	for _, tt := range []struct {
		name  string
		who   policy.Principal
		id    string
		found bool
	}{
		{"the owner", admin, adas, true}, {"the operator", operator, adas, true}, {"another", bolt, adas, false}, {"nobody", nobody, adas, false},
		{"the same subject of another issuer", otherIssuer, adas, false},
		{"the owner with a credential that may only read there", lesser, adas, false}, {"with one of another role", seller, adas, false},
		{"the operator's", operator, summary.Job, true}, {"the operator's, asked by another", admin, summary.Job, false},
		{"the operator's, asked by nobody", nobody, summary.Job, false},
	} {
		job, err := api.Job(t.Context(), tt.who, tt.id)
		switch {
		case !tt.found:
			wantFault(t, err, fault.NotFound, "unknown-job")
		case err != nil || job.ID != tt.id:
			t.Errorf("%s: got %+v, %v", tt.name, job, err)
		}
	}
	job, err := api.Job(t.Context(), operator, summary.Job)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range job.Rejects {
		lines = append(lines, fmt.Sprintf("%d %s %s", r.Line, r.Column, r.Code))
	}
	if diff := cmp.Diff(productsRejected, lines); diff != "" || job.State != core.JobFinished || job.Read != job.Total || job.Total != int64(len(products)) {
		t.Errorf("the job is %+v, its rejects (-want +got):\n%s", job, diff)
	}
}

// TestJobsAreForgotten: a week after their end jobs that callers began are swept,
// and those that did not end, or are the operator's, are not.
func TestJobsAreForgotten(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	uploads := newUploads(t, api, t.TempDir())
	ended := submit(t, uploads, admin, "categories", "id,name\n7,Kites\n")
	work(t, api, uploads, ended)
	waits := submit(t, uploads, admin, "categories", "id,name\n")
	summary, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "products", Source: source("p.csv", products), MaxRejects: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		later time.Duration
		want  int
	}{
		{core.JobsFor - time.Minute, 0}, {core.JobsFor + time.Minute, 1}, {100 * core.JobsFor, 0},
	} {
		late, err := core.New(core.Config{Store: store, Collections: catalogue(t), Now: func() time.Time { return clock()().Add(tt.later) }})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := late.Sweep(t.Context()); n != tt.want || err != nil {
			t.Errorf("after %s: %d are swept, %v, want %d", tt.later, n, err, tt.want)
		}
	}
	for id, found := range map[string]bool{ended: false, waits: true, summary.Job: true} {
		if _, err := api.Job(t.Context(), operator, id); (err == nil) != found {
			t.Errorf("%s: got %v, want that it is there: %t", id, err, found)
		}
	}
}

// A flaky store fails a Load as told.
type flaky struct {
	repository.Store
	loads atomic.Int64
	fail  func(n int64) error // of the n-th Load, from 1
}

func (s *flaky) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if err := s.fail(s.loads.Add(1)); err != nil {
		return repository.Loaded{}, err
	}
	return s.Store.Load(ctx, load)
}

// TestUploadMeetsFaults: a store that is away is waited for; a defect ends the
// job and nothing else, and its cause is for the log.
func TestUploadMeetsFaults(t *testing.T) {
	store := &flaky{Store: newStore(t), fail: func(n int64) error {
		switch n {
		case 1:
			return errDown
		case 3:
			panic("a defect that holds a secret")
		}
		return nil
	}}
	api := newAPI(t, store)
	broken := make(chan error, 1)
	uploads, err := core.NewUploads(core.UploadsConfig{API: api, Dir: t.TempDir(), Broken: func(_ string, err error) { broken <- err }})
	if err != nil {
		t.Fatal(err)
	}
	first := submit(t, uploads, admin, "categories", "id,name\n7,Kites\n")
	if job := work(t, api, uploads, first)[0]; job.State != core.JobFinished || job.Loaded != 1 {
		t.Errorf("of a store that was away for a while: %+v %+v", job, job.Err)
	}
	second := submit(t, uploads, admin, "categories", "id,name\n8,Drums\n")
	job := work(t, api, uploads, second)[0]
	if job.State != core.JobFailed || job.Err.Code != "internal" || strings.Contains(job.Err.Detail, "secret") {
		t.Errorf("of a defect: %+v %+v", job, job.Err)
	}
	if err := <-broken; !strings.Contains(err.Error(), "secret") {
		t.Errorf("the log has %v", err)
	}
}
