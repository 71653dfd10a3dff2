package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// jobsSchema keeps how far imports came: the checkpoints, which are stored with
// the rows that they speak of.
var jobsSchema = system(schema.Spec{
	Name: "_jobs",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "64"},
		{Name: "collection", Type: "string", Required: true},
		{Name: "source", Type: "string", Required: true},
		{Name: "digest", Type: "string", Required: true},
		{Name: "run", Type: "string", Required: true},
		{Name: "state", Type: "string", Required: true, Enum: []string{jobRunning, jobFinished}},
		{Name: "offset", Type: "int", Required: true},
		{Name: "line", Type: "int", Required: true},
		{Name: "loaded", Type: "int", Required: true},
		{Name: "rejected", Type: "json", Required: true},
		{Name: "rejects", Type: "int", Required: true},
		{Name: "started", Type: "time", Required: true},
		{Name: "updated", Type: "time", Required: true},
	},
})

// The states of a job.
const (
	jobRunning  = "running"
	jobFinished = "finished"
)

// A job is one import and how far it came: everything before At is either
// stored or rejected, and nothing behind it is.
type job struct {
	id         record.ID
	collection string
	source     string
	digest     string // SHA-256 of the stored bytes of the source, in hex
	run        string
	state      string
	at         ingest.Position
	loaded     int64
	rejected   map[string]int64 // by code; replaced, never changed
	rejects    int64            // octets of the rejects file that belong to what is before At
	started    time.Time
}

// jobID names the import of a source into a collection, the same each time.
func jobID(collection, source string) record.ID {
	sum := sha256.Sum256([]byte(collection + "\x00" + source))
	return record.ID(hex.EncodeToString(sum[:16]))
}

// rejectedRows returns how many rows were rejected.
func (j *job) rejectedRows() int64 {
	var n int64
	for _, count := range j.rejected {
		n += count
	}
	return n
}

// record returns the job as it is stored. Its revision is the claim of the
// process that works on it, and stays the same from checkpoint to checkpoint.
func (j *job) record(claim record.Revision, now time.Time) record.Record {
	codes, _ := json.Marshal(j.rejected) // a map of integers: sorted keys, no error
	return record.Record{ID: j.id, Revision: claim, Fields: []record.Value{
		record.String(string(j.id)), record.String(j.collection), record.String(j.source), record.String(j.digest),
		record.String(j.run), record.String(j.state), record.Int(j.at.Offset), record.Int(j.at.Line),
		record.Int(j.loaded), record.JSON(string(codes)), record.Int(j.rejects),
		record.Time(j.started), record.Time(now),
	}}
}

// put returns the mutation that stores the job. It fails with fault.Stale if
// another process has claimed the job meanwhile.
func (j *job) put(claim record.Revision, now time.Time) repository.Mutation {
	r := j.record(claim, now)
	return repository.Mutation{
		Op: repository.Put, Collection: jobsSchema, ID: r.ID, If: repository.At(claim), Revision: claim, Fields: r.Fields,
	}
}

// job returns the job with the given id, nil if there is none.
func (a *API) job(ctx context.Context, id record.ID) (*job, error) {
	view := query.View{Collection: jobsSchema, Needs: jobsSchema.All()}
	rows, err := a.store.Get(ctx, view, []record.ID{id})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	v := rows[0].Values
	j := &job{
		id: id, collection: v[1].AsString(), source: v[2].AsString(), digest: v[3].AsString(),
		run: v[4].AsString(), state: v[5].AsString(),
		at:     ingest.Position{Offset: v[6].AsInt(), Line: v[7].AsInt()},
		loaded: v[8].AsInt(), rejects: v[10].AsInt(), started: v[11].AsTime(),
	}
	return j, json.Unmarshal([]byte(v[9].AsString()), &j.rejected)
}
