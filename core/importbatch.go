package core

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// An importBatch is what was read of a source and is not settled yet.
type importBatch struct {
	rows    []record.Record
	from    []importRow     // of each of rows: where it comes from
	rejects []ingest.Reject // the rows between them that are left out, by line
	end     ingest.Position // of all of them
	storage importStorage
}

// importStorage is what a batch stands in, used again for the next one.
type importStorage struct {
	rows   []record.Record
	from   []importRow
	values []record.Value // the fields of rows, one after the other
}

// An importRow is where a row comes from.
type importRow struct {
	at  ingest.Position
	raw string
}

// pump reads batches on one goroutine and settles them on this one. Two batches
// are all that is ever held.
func (im *importing) pump(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free, full, ended := make(chan *importBatch, 2), make(chan *importBatch), make(chan error, 1)
	free <- &importBatch{}
	free <- &importBatch{}
	go func() {
		defer close(full)
		ended <- func() (err error) {
			defer recovered(&err)
			return im.readAll(ctx, free, full)
		}()
	}()
	for b := range full {
		if err := im.settle(ctx, b); err != nil {
			cancel(err)
			<-ended
			return err
		}
		im.progressed()
		free <- b
	}
	return <-ended
}

// readAll fills batches until the source ends.
func (im *importing) readAll(ctx context.Context, free <-chan *importBatch, full chan<- *importBatch) error {
	for {
		var b *importBatch
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		end := im.read(ctx, b)
		if len(b.rows)+len(b.rejects) > 0 {
			select {
			case full <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		switch {
		case end == io.EOF: //nolint:errorlint // EOF itself is the end; an error that wraps it breaks the source off
			return nil
		case end != nil:
			return end
		}
	}
}

// read fills the batch. What it returns is why the source ended, if it did.
func (im *importing) read(ctx context.Context, b *importBatch) error {
	most, width := im.req.BatchRows, len(im.c.Fields)
	if b.storage.values == nil {
		b.storage = importStorage{make([]record.Record, 0, most), make([]importRow, 0, most), make([]record.Value, most*width)}
	}
	b.rows, b.from, b.rejects = b.storage.rows, b.storage.from, nil
	for octets := int64(0); len(b.rows)+len(b.rejects) < most && octets < batchOctets; {
		if err := ctx.Err(); err != nil {
			return err
		}
		place := len(b.rows) * width
		fields := b.storage.values[place : place+width : place+width]
		row, err := im.reader.Next(fields)
		if err != nil {
			return err
		}
		octets += row.End.Offset - row.Start.Offset
		b.end = row.End
		if row.Reject != nil {
			b.rejects = append(b.rejects, *row.Reject)
			continue
		}
		revision := record.Revision(im.prefix + strconv.FormatInt(row.Start.Line, 36))
		b.rows = append(b.rows, record.Record{ID: row.ID, Revision: revision, Fields: fields})
		b.from = append(b.from, importRow{row.Start, row.Raw})
	}
	return nil
}

// settle stores the rows of the batch and rejects the others. Rows whose
// references are gone by the time they are stored are looked at again, and so is who
// imports.
func (im *importing) settle(ctx context.Context, b *importBatch) error {
	for range attempts {
		if err := im.refer(ctx, b); err != nil {
			return err
		}
		if im.exceeded(len(b.rejects)) {
			_, lines := im.after(b, len(b.rows), nil)
			if err := im.writeRejects(lines); err != nil {
				return err
			}
			return im.tooMany(im.job.rejectedRows()+int64(len(b.rejects)), b.end)
		}
		err := im.load(ctx, b)
		if err == nil && im.exceeded(0) {
			return im.tooMany(im.job.rejectedRows(), im.job.at)
		}
		again, err := im.uphold(ctx, err)
		if !again {
			return im.explain(err)
		}
		im.known.forget()
	}
	return busy()
}

// uphold reports whether what failed with the error may do if it is tried again: because
// something is not there that it requires, or another process is at it, or the account of
// who imports has changed. If who imports may no more, that is the error.
func (im *importing) uphold(ctx context.Context, err error) (again bool, _ error) {
	missing, stale := errors.Is(err, fault.NotFound), errors.Is(err, fault.Stale)
	if im.unwritten != nil || !missing && !stale {
		return false, err
	}
	if len(relied(im.who)) == 0 {
		return missing, err
	}
	was := im.who.Standing
	var refused error
	if im.who, refused = im.a.upheld(ctx, im.who); refused != nil {
		return false, refused
	}
	return missing || im.who.Standing != was, err
}

// load stores what of the batch is not stored yet.
func (im *importing) load(ctx context.Context, b *importBatch) error {
	if len(b.rows) == 0 || im.req.DryRun {
		return im.mark(ctx, b)
	}
	for len(b.rows) > 0 {
		var marked job
		n := im.reach(b.rows)
		var witness []repository.Mutation
		load := repository.Load{
			Collection: im.c.Collection, Rows: b.rows[:n], Run: im.job.run,
			Mark: func(n int, repeated []int) []repository.Mutation {
				next, lines := im.after(b, n, repeated)
				if im.unwritten = im.writeRejects(lines); im.unwritten != nil {
					return []repository.Mutation{impossible}
				}
				marked = next
				return slices.Concat(im.checks(b.rows[:n]), relied(im.who), []repository.Mutation{next.put(im.claim, im.a.now())}, im.a.witness(), witness)
			},
		}
		var loaded repository.Loaded
		err := im.a.fenced(ctx, im.c, everything, func(w []repository.Mutation) (err error) {
			witness = w
			loaded, err = im.a.store.Load(ctx, load)
			if err = im.a.stillFenced(ctx, err, w); loaded.Done > 0 && errors.Is(err, errUnwitnessed) {
				return nil // the rest is stored behind another fence
			}
			return err
		})
		if loaded.Done > 0 {
			marked, _ = im.after(b, loaded.Done, loaded.Repeated)
			im.pass(b, marked, loaded.Done)
		}
		if err != nil {
			return im.a.stillHeld(ctx, err)
		}
	}
	return nil
}

// impossible fails the transaction that it is part of.
var impossible = repository.Mutation{Op: repository.Check, Collection: jobsSchema, ID: "-", If: repository.Present}

// mark settles a batch of which nothing is to be stored.
func (im *importing) mark(ctx context.Context, b *importBatch) error {
	next, lines := im.after(b, len(b.rows), nil)
	if err := im.writeRejects(lines); err != nil {
		return err
	}
	if !im.req.DryRun {
		if _, err := im.a.store.Apply(ctx, []repository.Mutation{next.put(im.claim, im.a.now())}); err != nil {
			return err
		}
	}
	im.pass(b, next, len(b.rows))
	return nil
}

// after returns the job as it is once the first n rows of the batch are settled,
// the repeated among them rejected, and the lines of the rejects file that come
// with that.
func (im *importing) after(b *importBatch, n int, repeated []int) (job, []byte) {
	next := im.job
	next.at = b.end
	if n < len(b.rows) {
		next.at = b.from[n].at
	}
	next.read = next.at.Offset
	if im.req.Source.Gzip {
		next.read = im.reader.Octets()
	}
	next.loaded += int64(n - len(repeated))
	next.rejected = maps.Clone(im.job.rejected)
	var lines []byte
	reject := func(r ingest.Reject) {
		if im.c.Guarded() {
			r.Row = "" // what is encrypted elsewhere does not lie here as it is
		}
		next.rejected[r.Code]++
		next.show(r)
		if im.req.Rejects != nil {
			lines = r.Append(lines)
		}
	}
	rejects := before(b.rejects, next.at.Line)
	for _, i := range repeated {
		twin := ingest.Reject{
			Line: b.from[i].at.Line, Column: im.c.IDField().Name, Code: ingest.DuplicateID,
			Reason: "the id occurs earlier in this source", Row: b.from[i].raw,
		}
		earlier := before(rejects, twin.Line)
		for _, r := range earlier {
			reject(r)
		}
		rejects = rejects[len(earlier):]
		reject(twin)
	}
	for _, r := range rejects {
		reject(r)
	}
	next.rejects += int64(len(lines))
	return next, lines
}

// before returns the rejects, which are in order, that stand before a line.
func before(rejects []ingest.Reject, line int64) []ingest.Reject {
	n, _ := slices.BinarySearchFunc(rejects, line, func(r ingest.Reject, line int64) int { return int(r.Line - line) })
	return rejects[:n]
}

// pass takes what is settled out of the batch: n rows, and the rejects before
// the next one.
func (im *importing) pass(b *importBatch, next job, n int) {
	im.job = next
	b.rows, b.from = b.rows[n:], b.from[n:]
	b.rejects = b.rejects[len(before(b.rejects, next.at.Line)):]
}

func (im *importing) exceeded(more int) bool {
	return im.req.MaxRejects >= 0 && im.job.rejectedRows()+int64(more) > im.req.MaxRejects
}

// tooMany says how many rows before the place in the source are rejected.
func (im *importing) tooMany(rejected int64, before ingest.Position) error {
	return fault.New(fault.Refused, "core.Import", "%d rows before line %d are rejected, and at most %d may be; %d rows before line %d are stored",
		rejected, before.Line, im.req.MaxRejects, im.job.loaded, im.job.at.Line).
		Coded("too-many-rejects").Hinting("see the rejects file for the reasons; mend the source, or allow more and resume")
}
