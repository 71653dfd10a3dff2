package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// jobsSchema keeps how far imports came: the checkpoints, which are stored with
// the rows that they speak of. What stands behind updated came later, and is null
// in rows that are older than it.
var jobsSchema = system(schema.Spec{
	Name: "_jobs",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "64"},
		{Name: "collection", Type: "string", Required: true},
		{Name: "source", Type: "string", Required: true},
		{Name: "digest", Type: "string", Required: true},
		{Name: "run", Type: "string", Required: true},
		{Name: "state", Type: "string", Required: true, Enum: []string{JobQueued, JobRunning, JobFinished, JobFailed}},
		{Name: "offset", Type: "int", Required: true},
		{Name: "line", Type: "int", Required: true},
		{Name: "loaded", Type: "int", Required: true},
		{Name: "rejected", Type: "json", Required: true},
		{Name: "rejects", Type: "int", Required: true},
		{Name: "started", Type: "time", Required: true},
		{Name: "updated", Type: "time", Required: true},
		{Name: "kind", Type: "string"}, // null: the operator's own
		{Name: "format", Type: "string"},
		{Name: "issuer", Type: "string"}, // null: the operator
		{Name: "subject", Type: "string"},
		{Name: "roles", Type: "list", Items: "string"},
		{Name: "address", Type: "string"},
		{Name: "octets_read", Type: "int"},
		{Name: "octets_total", Type: "int"},
		{Name: "error_code", Type: "string"},
		{Name: "error_detail", Type: "string"},
		{Name: "sample", Type: "json"},
		{Name: "claims", Type: "json"},
		{Name: "key", Type: "string", Max: "16"},
		{Name: "standing", Type: "string"}, // null: of no account
		{Name: "generation", Type: "int"},
	},
})

// Positions of jobsSchema's fields.
const (
	jobsID = iota
	jobsCollection
	jobsSource
	jobsDigest
	jobsRun
	jobsState
	jobsOffset
	jobsLine
	jobsLoaded
	jobsRejected
	jobsRejects
	jobsStarted
	jobsUpdated
	jobsKind
	jobsFormat
	jobsIssuer
	jobsSubject
	jobsRoles
	jobsAddress
	jobsRead
	jobsTotal
	jobsErrorCode
	jobsErrorDetail
	jobsSample
	jobsClaims
	jobsKey
	jobsStanding
	jobsGeneration
)

// kindUpload is the kind of a job whose source a caller sent.
const kindUpload = "import"

// A job is one import and how far it came: everything before at is either
// stored or rejected, and nothing behind it is.
type job struct {
	id         record.ID
	revision   record.Revision // as it was read; empty if it was not
	collection string
	source     string // of an upload: the path of the file that holds it
	digest     string // SHA-256 of the stored bytes of the source, in hex
	run        string
	state      string
	at         ingest.Position
	loaded     int64
	rejected   map[string]int64 // by code; replaced, never changed
	rejects    int64            // octets of the rejects file that belong to what is before at
	started    time.Time
	updated    time.Time // as it was read

	kind        string
	format      ingest.Format
	owner       policy.Principal // who asked for it, with the claims that it takes; Local if the operator did
	read, total int64            // octets of the source as it is stored; a total of -1 is not known
	code        string           // why it failed, or empty
	detail      string
	sample      string // the first of the rejects as the items of a JSON array; replaced, never changed
	sampled     int    // how many these are
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

// show adds a reject to those that the job tells about, unless these are enough.
// The members are in the order of canonical JSON.
func (j *job) show(r ingest.Reject) {
	if j.sampled >= MaxJobRejects {
		return
	}
	text := []byte(j.sample)
	if j.sampled > 0 {
		text = append(text, ',')
	}
	text = record.AppendString(append(text, `{"code":`...), r.Code)
	text = record.AppendString(append(text, `,"column":`...), r.Column)
	text = strconv.AppendInt(append(text, `,"line":`...), r.Line, 10)
	text = record.AppendString(append(text, `,"reason":`...), shortReason(r.Reason))
	j.sample, j.sampled = string(append(text, '}')), j.sampled+1
}

// shortReason cuts a reason that names much of the row, so that no row makes the
// job's record too large.
func shortReason(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// record returns the job as it is stored. Its revision is the claim of the
// process that works on it, and stays the same from checkpoint to checkpoint.
func (j *job) record(claim record.Revision, now time.Time) record.Record {
	codes, _ := json.Marshal(j.rejected) // a map of integers: sorted keys, no error
	fields := []record.Value{
		jobsID: record.String(string(j.id)), jobsCollection: record.String(j.collection), jobsSource: record.String(j.source),
		jobsDigest: record.String(j.digest), jobsRun: record.String(j.run), jobsState: record.String(j.state),
		jobsOffset: record.Int(j.at.Offset), jobsLine: record.Int(j.at.Line), jobsLoaded: record.Int(j.loaded),
		jobsRejected: record.JSON(string(codes)), jobsRejects: record.Int(j.rejects),
		jobsStarted: record.Time(j.started), jobsUpdated: record.Time(now),
		jobsKind: orNull(j.kind), jobsFormat: orNull(string(j.format)),
		jobsRead: record.Int(j.read), jobsTotal: record.Int(j.total),
		jobsErrorCode: orNull(j.code), jobsErrorDetail: orNull(j.detail), jobsSample: record.JSON("[" + j.sample + "]"), jobsClaims: record.Null,
		jobsKey: record.Null, jobsStanding: record.Null, jobsGeneration: record.Null,
	}
	if !j.owner.Local {
		j.own(fields)
	}
	return record.Record{ID: j.id, Revision: claim, Fields: fields}
}

// orNull returns the text as a value, null if it is empty.
func orNull(text string) record.Value {
	if text == "" {
		return record.Value{}
	}
	return record.String(text)
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
	return jobOf(rows[0])
}

// jobOf returns the job that is stored as row, which has all fields.
func jobOf(row record.Row) (*job, error) {
	v := row.Values
	j := &job{
		id: row.ID, revision: row.Revision, collection: v[jobsCollection].AsString(), source: v[jobsSource].AsString(),
		digest: v[jobsDigest].AsString(), run: v[jobsRun].AsString(), state: v[jobsState].AsString(),
		at:     ingest.Position{Offset: v[jobsOffset].AsInt(), Line: v[jobsLine].AsInt()},
		loaded: v[jobsLoaded].AsInt(), rejects: v[jobsRejects].AsInt(), started: v[jobsStarted].AsTime(), updated: v[jobsUpdated].AsTime(),
		kind: v[jobsKind].AsString(), format: ingest.Format(v[jobsFormat].AsString()), owner: ownerOf(v),
		read: v[jobsRead].AsInt(), total: v[jobsTotal].AsInt(), code: v[jobsErrorCode].AsString(), detail: v[jobsErrorDetail].AsString(),
	}
	if v[jobsTotal].IsNull() {
		j.total = -1
	}
	if !v[jobsSample].IsNull() {
		text := v[jobsSample].AsString()
		var items []json.RawMessage
		if err := json.Unmarshal([]byte(text), &items); err != nil {
			return nil, err
		}
		j.sample, j.sampled = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), len(items)
	}
	return j, json.Unmarshal([]byte(v[jobsRejected].AsString()), &j.rejected)
}
