package core

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// An ImportRequest asks for the rows of a source to be stored in a collection.
type ImportRequest struct {
	Collection string
	Source     ingest.Source
	Resume     bool                  // go on where an earlier import of the source was ended
	DryRun     bool                  // do everything but store; that ids repeat is not found out
	MaxRejects int64                 // stop at more rejected rows than this; -1 is no limit
	Rejects    RejectsFile           // nil: rejects are only counted
	BatchRows  int                   // rows that are stored at once; 0 is 3,000, and 50,000 the most
	Progress   func(ingest.Progress) // called now and then by the goroutine of Import; nil is not

	job record.ID // of an upload: its job, which is there already; else empty
}

// A RejectsFile takes the rows that an import leaves out, as lines of NDJSON, an
// [ingest.Reject] each, in the order of the source. An import that begins
// empties it; one that resumes cuts it back to where the checkpoint says, so it
// must be the same file again. *os.File is one.
type RejectsFile interface {
	io.Writer
	io.Seeker
	Truncate(size int64) error
	Sync() error
}

const (
	batchRows    = 3000 // more would save time and cost memory: two batches are held at once
	maxBatchRows = 50_000
	batchOctets  = 4 << 20 // of the source: a batch of long rows has fewer
)

// Import reads the rows of the source, cleans them, and stores those that are
// right in the order of the source; the others are rejected, each with its line
// and the reason. A row replaces the record that has its id, whole; an id that
// occurs again in the same source is rejected. The memory it takes does not
// depend on the size of the source.
//
// What is done is marked with the rows themselves, so that after a crash at any
// moment an Import with Resume ends as one that was never interrupted: nothing
// is lost, stored twice, or counted wrongly. A source that changed since then
// is fault.Conflict with the code source-changed. Resuming an import that
// finished does nothing, and says so; one that has never begun begins.
//
// In an unmanaged table, which keeps no revisions of ours, an id that occurs
// again is rejected only if it does so among the rows that are stored at once.
//
// Once more than MaxRejects rows are rejected Import stops at once with
// fault.Refused and the code too-many-rejects. The batch in hand is not stored,
// what was stored before stays, and the import may be resumed with another
// limit. The rejects file then shows that batch's rejects too.
//
// The caller needs the rights to create and to update every record of the
// collection with all of its fields. A generated id in the source names the record
// that is replaced or created, as the path of a PUT does; what it says of derived
// fields is passed over. Read-only fields are taken from the source if the process
// itself imports, so that an export comes back equal, and else refused. The Summary
// is right also if there is an error.
func (a *API) Import(ctx context.Context, who policy.Principal, req ImportRequest) (ingest.Summary, error) {
	c, err := a.importGate(who, req.Collection)
	if err != nil {
		return ingest.Summary{}, err
	}
	if req.BatchRows <= 0 {
		req.BatchRows = batchRows
	}
	req.BatchRows = min(req.BatchRows, maxBatchRows)
	im := &importing{a: a, c: c, req: req, who: who, began: a.now(), known: newKnown()}
	err = im.run(ctx)
	return im.summary(), err
}

// importGate is the gate of Import.
func (a *API) importGate(who policy.Principal, name string) (*collection, error) {
	c, create, err := a.gate(who, name, policy.Create)
	if err != nil {
		return nil, err
	}
	_, update, err := a.gate(who, name, policy.Update)
	if err != nil {
		return nil, err
	}
	what := ""
	read, reads := c.access.For(who, c.Collection, policy.Read)
	switch {
	case !whole(create) || !whole(update):
		what = "write"
	case reads && (read.Where.Op != query.All || slices.Contains(read.Hidden, true)):
		what = "read"
	default:
		return c, nil
	}
	return nil, fault.New(fault.Forbidden, "core.Import", "you may %s only some records or fields of %s", what, c.Name).
		Coded("import-needs-all").Hinting("an import replaces whole records; create or change them one by one instead")
}

// whole reports whether the right is for every row and every field.
func whole(right policy.Right) bool {
	return right.Where.Op == query.All && !slices.Contains(right.Hidden, true) && !slices.Contains(right.ReadOnly, true)
}

// importing is one call of Import.
type importing struct {
	a     *API
	c     *collection
	req   ImportRequest
	who   policy.Principal
	began time.Time

	job       job             // as it is stored
	claim     record.Revision // the revision of the job for as long as it is ours
	prefix    string          // of the revisions of rows: the run of the job
	reader    *ingest.Reader
	known     *known
	unwritten error // why the rejects file could not be written

	resumed, finished, anew bool
}

func (im *importing) run(ctx context.Context) error {
	if err := im.begin(ctx); err != nil || im.finished {
		return err
	}
	target := ingest.Target{Collection: im.c.Collection, Derive: im.c.derived.Apply, Restore: im.who.Local, Now: im.a.now}
	im.prefix = im.job.run + "-"
	var err error
	if im.reader, err = ingest.Open(ctx, im.req.Source, target, im.job.at); err != nil {
		return err
	}
	defer im.reader.Close()
	if err := im.start(ctx); err != nil {
		return err
	}
	if err := im.pump(ctx); err != nil {
		return err
	}
	return im.finish(ctx)
}

// begin finds out where to begin.
func (im *importing) begin(ctx context.Context) error {
	im.job = job{
		id: jobID(im.c.Name, im.req.Source.Name), collection: im.c.Name, source: im.req.Source.Name,
		run: string(record.NewRevision(im.a.now())), state: JobRunning,
		rejected: map[string]int64{}, started: im.a.now(),
		format: im.req.Source.Format, owner: im.who, total: im.req.Source.Size,
	}
	if im.req.job != "" {
		im.job.id = im.req.job
	}
	if im.req.DryRun {
		return nil
	}
	digest, err := im.req.Source.Digest(ctx, func(read int64) {
		im.report(ingest.Progress{Read: read, Total: im.req.Source.Size, Phase: ingest.Checking})
	})
	if err != nil {
		return err
	}
	im.job.digest = digest
	earlier, err := im.a.job(ctx, im.job.id)
	switch {
	case err != nil || earlier == nil:
		return err
	case !im.req.Resume:
		im.anew = earlier.state == JobRunning
		return nil
	case earlier.digest != digest:
		return fault.New(fault.Conflict, "core.Import", "the source has changed since its import into %s began", im.c.Name).
			Coded("source-changed").Hinting("bring the source back as it was, or import it from its beginning, without resuming")
	}
	im.job = *earlier
	im.finished = earlier.state == JobFinished
	im.resumed = !im.finished
	im.job.total = im.req.Source.Size // of a job that is older than this field too
	return nil
}

// start claims the job for this process, and cuts the rejects file to what the
// checkpoint knows of.
func (im *importing) start(ctx context.Context) error {
	if err := im.cutRejects(); err != nil || im.req.DryRun {
		return err
	}
	im.job.state = JobRunning
	im.claim = record.NewRevision(im.a.now())
	claim := im.job.put(im.claim, im.a.now())
	claim.If = repository.Always
	_, err := im.a.store.Apply(ctx, []repository.Mutation{claim})
	return err
}

// finish marks the job as done.
func (im *importing) finish(ctx context.Context) error {
	if im.req.DryRun {
		return nil
	}
	im.job.state = JobFinished
	im.job.read = max(im.job.read, im.job.total) // blank lines at the end are no rows
	_, err := im.a.store.Apply(ctx, []repository.Mutation{im.job.put(im.claim, im.a.now())})
	return im.explain(err)
}

// explain says what a failed mark means.
func (im *importing) explain(err error) error {
	switch {
	case im.unwritten != nil:
		return im.unwritten
	case errors.Is(err, fault.Stale):
		return fault.New(fault.Conflict, "core.Import", "another import of this source into %s has begun meanwhile", im.c.Name).
			Coded("import-taken-over").Because(err)
	}
	return err
}

func (im *importing) report(p ingest.Progress) {
	if im.req.Progress != nil {
		im.req.Progress(p)
	}
}

// progressed reports how far the import is.
func (im *importing) progressed() {
	rejected := im.job.rejectedRows()
	im.report(ingest.Progress{
		Read: im.reader.Octets(), Total: im.req.Source.Size, Phase: ingest.Loading,
		Rows: im.job.loaded + rejected, Loaded: im.job.loaded, Rejected: rejected,
		Repeated: im.job.rejected[ingest.DuplicateID],
	})
}

func (im *importing) summary() ingest.Summary {
	rejected := im.job.rejectedRows()
	return ingest.Summary{
		Job: string(im.job.id), Rows: im.job.loaded + rejected, Loaded: im.job.loaded, Rejected: rejected,
		ByCode: maps.Clone(im.job.rejected), Elapsed: im.a.now().Sub(im.began),
		Resumed: im.resumed, Finished: im.finished, Anew: im.anew, DryRun: im.req.DryRun,
	}
}
