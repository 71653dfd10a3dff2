package core

import (
	"context"
	"io"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// maxKnown bounds how many references are remembered to exist.
const maxKnown = 10_000

// maxChecks is how many different references the rows of one Load may have:
// with the checkpoint these are what Mark may return.
const maxChecks = 390

// A target is a record that is referred to.
type target struct {
	to *schema.Collection
	id record.ID
}

// known remembers what was found to exist, and to be visible to everybody who may
// read it. It may be wrong by the time rows are stored, so that is checked again
// with them.
type known struct{ targets map[target]bool }

func newKnown() *known { return &known{make(map[target]bool)} }

func (k *known) forget() { clear(k.targets) }

func (k *known) add(t target) {
	if len(k.targets) >= maxKnown {
		k.forget()
	}
	k.targets[t] = true
}

// refer rejects the rows of the batch that refer to what does not exist. A row
// may refer to an earlier one, or to itself, within its own collection.
func (im *importing) refer(ctx context.Context, b *importBatch) error {
	if len(im.c.outbound) == 0 {
		return nil
	}
	exists, err := im.look(ctx, b.rows)
	if err != nil {
		return err
	}
	kept, refersToItself := 0, im.refersToItself()
	for i, row := range b.rows {
		own := target{im.c.Collection, row.ID}
		existed := exists[own]
		if refersToItself {
			exists[own] = true
		}
		field := im.dangling(row, exists)
		if field < 0 {
			b.rows[kept], b.from[kept] = row, b.from[i]
			kept++
			continue
		}
		exists[own] = existed
		f := im.c.Fields[field]
		b.rejects = append(b.rejects, ingest.Reject{
			Line: b.from[i].at.Line, Column: f.Name, Code: ingest.NoReference,
			Reason: "there is no such record in " + f.References, Row: b.from[i].raw,
		})
	}
	if kept < len(b.rows) {
		b.rows, b.from = b.rows[:kept], b.from[:kept]
		slices.SortFunc(b.rejects, func(x, y ingest.Reject) int { return int(x.Line - y.Line) })
	}
	return nil
}

// refersToItself reports whether records of the collection refer to others of it.
func (im *importing) refersToItself() bool {
	return slices.ContainsFunc(im.c.outbound, func(out reference) bool { return out.to == im.c.Collection })
}

// dangling returns the first field of the row that refers to nothing, -1 if none does.
func (im *importing) dangling(row record.Record, exists map[target]bool) int {
	for _, out := range im.c.outbound {
		v := row.Fields[out.field]
		if !v.IsNull() && !exists[target{out.to, valueID(v)}] {
			return out.field
		}
	}
	return -1
}

// look returns which of the records that the rows refer to exist for the caller:
// those that row policies hide do not. What only some see is looked at with each
// batch, as it may be hidden by then.
func (im *importing) look(ctx context.Context, rows []record.Record) (map[target]bool, error) {
	exists := make(map[target]bool)
	unknown := make(map[*schema.Collection][]record.ID)
	for t := range im.targets(rows) {
		exists[t] = im.known.targets[t]
		if !exists[t] {
			unknown[t.to] = append(unknown[t.to], t.id)
		}
	}
	for to, ids := range unknown {
		visible := im.visible(to)
		slices.Sort(ids)
		for some := range slices.Chunk(ids, MaxIDs) {
			found, err := im.a.store.Get(ctx, query.View{Collection: to, Filter: visible}, some)
			if err != nil {
				return nil, err
			}
			for _, row := range found {
				exists[target{to, row.ID}] = true
				if visible.Op == query.All {
					im.known.add(target{to, row.ID})
				}
			}
		}
	}
	return exists, nil
}

// visible returns the filter of the records that the caller may refer to. Whoever
// may not read the collection at all is not asked, as with single writes.
func (im *importing) visible(to *schema.Collection) query.Expr {
	right, ok := im.a.collections[to.Name].access.For(im.who, to, policy.Read)
	if !ok {
		return query.Expr{}
	}
	return right.Where
}

// targets returns what the rows refer to, each once.
func (im *importing) targets(rows []record.Record) map[target]bool {
	found := make(map[target]bool)
	for _, out := range im.c.outbound {
		last := record.Null
		for _, row := range rows {
			if v := row.Fields[out.field]; !v.IsNull() && !record.Equal(v, last) {
				found[target{out.to, valueID(v)}] = true
				last = v
			}
		}
	}
	return found
}

// reach returns how many of the rows can be stored at once: as many as refer to
// at most maxChecks records.
func (im *importing) reach(rows []record.Record) int {
	if len(im.c.outbound) == 0 {
		return len(rows)
	}
	found := make(map[target]bool)
	for i, row := range rows {
		for _, out := range im.c.outbound {
			if v := row.Fields[out.field]; !v.IsNull() {
				found[target{out.to, valueID(v)}] = true
			}
		}
		if len(found) > maxChecks && i > 0 {
			return i
		}
	}
	return len(rows)
}

// checks returns what must hold of the records that the rows refer to: that
// they exist, unless they are among the rows.
func (im *importing) checks(rows []record.Record) []repository.Mutation {
	found := im.targets(rows)
	if im.refersToItself() {
		for _, row := range rows {
			delete(found, target{im.c.Collection, row.ID})
		}
	}
	checks := make([]repository.Mutation, 0, len(found)+1)
	for t := range found {
		checks = append(checks, repository.Mutation{Op: repository.Check, Collection: t.to, ID: t.id, If: repository.Present})
	}
	return checks
}

// cutRejects cuts the rejects file to what the job knows of.
func (im *importing) cutRejects() error {
	if im.req.Rejects == nil {
		return nil
	}
	size, err := im.req.Rejects.Seek(0, io.SeekEnd)
	if err == nil && size < im.job.rejects {
		return fault.New(fault.Conflict, "core.Import", "the rejects file has %s octets, but the import had written %s",
			strconv.FormatInt(size, 10), strconv.FormatInt(im.job.rejects, 10)).
			Coded("rejects-changed").Hinting("name the same rejects file as before, or import from the beginning")
	}
	if err == nil {
		err = im.req.Rejects.Truncate(im.job.rejects)
	}
	return unwritten(err)
}

// writeRejects writes lines behind what the job knows of, in place of anything
// there, and makes them durable.
func (im *importing) writeRejects(lines []byte) error {
	if im.req.Rejects == nil || len(lines) == 0 {
		return nil
	}
	_, err := im.req.Rejects.Seek(im.job.rejects, io.SeekStart)
	if err == nil {
		_, err = im.req.Rejects.Write(lines)
	}
	if err == nil {
		err = im.req.Rejects.Truncate(im.job.rejects + int64(len(lines)))
	}
	if err == nil {
		err = im.req.Rejects.Sync()
	}
	return unwritten(err)
}

func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "core.Import", "the rejects file cannot be written").Coded("rejects-unwritable").Because(err)
}
