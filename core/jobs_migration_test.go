package core_test

import (
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestJobsOfEarlierVersions: a table of jobs without the fields that came later
// gets them, and an import that was stopped then is gone on with.
func TestJobsOfEarlierVersions(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db"), Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	earlier, err := schema.System(schema.Spec{Name: "_jobs", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "64"},
		{Name: "collection", Type: "string", Required: true},
		{Name: "source", Type: "string", Required: true},
		{Name: "digest", Type: "string", Required: true},
		{Name: "run", Type: "string", Required: true},
		{Name: "state", Type: "string", Required: true, Enum: []string{"running", "finished"}},
		{Name: "offset", Type: "int", Required: true},
		{Name: "line", Type: "int", Required: true},
		{Name: "loaded", Type: "int", Required: true},
		{Name: "rejected", Type: "json", Required: true},
		{Name: "rejects", Type: "int", Required: true},
		{Name: "started", Type: "time", Required: true},
		{Name: "updated", Type: "time", Required: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{earlier}); err != nil {
		t.Fatal(err)
	}
	const text = "id,name\n7,Kites\n,None\n8,Drums\n"
	from := source("c.csv", text)
	digest, err := from.Digest(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := clock()()
	const id = "bc022941760b440ee42bb7a1149af5f4" // of the source and the collection, as below
	_, err = store.Apply(t.Context(), []repository.Mutation{{
		Op: repository.Put, Collection: earlier, ID: id, Revision: "r", Fields: []record.Value{
			record.String(id), record.String("categories"), record.String("c.csv"), record.String(digest),
			record.String("run"), record.String("running"), record.Int(16), record.Int(3), record.Int(1),
			record.JSON(`{}`), record.Int(0), record.Time(now), record.Time(now),
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	api := newAPI(t, store)
	job, err := api.Job(t.Context(), operator, id)
	if err != nil || job.State != core.JobRunning || job.Total != -1 || job.Read != 0 || len(job.Rejects) != 0 {
		t.Errorf("before it goes on the job is %+v, %v", job, err)
	}
	summary, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "categories", Source: from, MaxRejects: -1, Resume: true})
	if err != nil || summary.Job != id || !summary.Resumed || summary.Loaded != 2 || summary.Rejected != 1 {
		t.Errorf("it went on as %+v, %v", summary, err)
	}
	job, err = api.Job(t.Context(), operator, id)
	if err != nil || job.State != core.JobFinished || job.Total != int64(len(text)) || len(job.Rejects) != 1 {
		t.Errorf("in the end the job is %+v, %v", job, err)
	}
}
