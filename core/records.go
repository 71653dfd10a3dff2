package core

import (
	"context"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
)

// A ListRequest asks for one page of a collection, with the texts as the caller
// wrote them.
type ListRequest struct {
	Filter  string   // the filter language; empty matches everything
	OrderBy string   // "stars desc,price"; empty is by id
	Select  string   // "asin,title"; empty is every field the caller may see
	IDs     []string // only these records; nil is all, at most [MaxIDs]
	First   int      // rows in the page at most; 0 is [DefaultFirst], at most [MaxFirst]
	After   string   // the Next of an earlier page of the same request, or empty
	Count   bool     // how many there are in all is wanted too
	Long    bool     // the filter may be 64 KiB long rather than 4

	Expand string // "category": relations whose records are shown within; empty is none

	// Related is asked for each collection of which related records are to be read, before
	// any is; its error is that of the request. Nil allows all.
	Related func(collection string) error
	Format  ingest.Format // of the page's Body; empty is a JSON array

	Directives Directives // what is asked of the cache
}

// A GetRequest says what of a record is wanted, with the texts as the caller
// wrote them.
type GetRequest struct {
	Select string // as in [ListRequest]
	Expand string // as in [ListRequest]

	Related func(collection string) error // as in [ListRequest]

	Directives Directives // what is asked of the cache
}

// A Page is a part of a list.
type Page struct {
	Body  []byte // the records, in the format that was asked for
	Tag   string // names these very records, their order and what else the page says
	Rows  int    // how many these are
	Next  string // the cursor of the page after this, or empty at the end
	Count int64  // how many records match in all; -1 if that was not asked
	Cache Cached // what the cache had to do with it
}

// A Condition is what a write requires of the record as it is. The zero
// Condition requires nothing.
type Condition struct {
	Revisions []record.Revision // its revision is one of these, if there are any
	Exists    bool              // it exists
	Absent    bool              // it does not exist
}

// A Result is one record as the caller may see it.
type Result struct {
	ID       record.ID
	Revision record.Revision
	Variant  string // names what of the record JSON shows: the projection
	JSON     []byte // nil if a write was allowed that the caller may not read
	Created  bool   // a write made it, rather than replaced it
	Cache    Cached // what the cache had to do with it
}

// CodeUnknownRecord is the code of a record that does not exist.
const CodeUnknownRecord = "unknown-record"

// Get returns one record. A record that the caller may not read does not exist; with
// the error that says so, CodeUnknownRecord, the Result's Cache is right.
func (a *API) Get(ctx context.Context, who policy.Principal, collection, id string, req GetRequest) (Result, error) {
	c, right, err := a.gate(who, collection, policy.Read)
	if err != nil {
		return Result{}, err
	}
	key, err := c.ParseID(id)
	if err != nil {
		return Result{}, err
	}
	view, err := c.prepareView(req, right)
	if err != nil {
		return Result{}, err
	}
	related, err := c.expansions(who, right, req.Expand, req.Directives)
	if err == nil {
		err = allowed(related, req.Related)
	}
	if err != nil {
		return Result{}, err
	}
	heeded := c.heeded(who, req.Directives)
	if related != nil {
		shown := view.View
		shown.Stale = c.stored().staleFor(heeded)
		return a.expandedOne(ctx, shown, key, related, heeded)
	}
	return a.one(ctx, c.stored(), view, key, heeded)
}

// one returns the record that has the id, if the view shows it.
func (a *API) one(ctx context.Context, c *collection, view *preparedView, id record.ID, heeded Directives) (Result, error) {
	got, cached, err := a.through(ctx, c, &question{
		Directives: heeded,
		key:        func() cache.Key { return c.recordKey(view.text, id) },
		read:       func(ctx context.Context) (answer, error) { return a.readOne(ctx, c, view, id, heeded) },
		again: func() func(context.Context) (answer, error) {
			return func(ctx context.Context) (answer, error) { return a.readOne(ctx, c, view, id, heeded) }
		},
	})
	if err != nil {
		return Result{}, err
	}
	if got.absent {
		return Result{Cache: cached}, missing()
	}
	return Result{ID: id, Revision: record.Revision(got.tag), Variant: got.more, JSON: got.body, Cache: cached}, nil
}

// readOne reads the record from the store.
func (a *API) readOne(ctx context.Context, c *collection, view *preparedView, id record.ID, heeded Directives) (answer, error) {
	shown := view.View
	shown.Stale = c.staleFor(heeded)
	rows, err := a.store.Get(ctx, shown, []record.ID{id})
	if err != nil || len(rows) == 0 {
		return answer{absent: true}, err
	}
	return answer{tag: string(rows[0].Revision), more: view.variant, body: rows[0].JSON}, nil
}

func missing() error {
	return fault.New(fault.NotFound, "core.Get", "there is no record with this id").Coded(CodeUnknownRecord)
}

// read returns the record as it is stored, and whether there is one: its fields at the positions, which
// are in the order of the collection, and null for the others. What the caller may do with it is for the
// caller of read to decide.
func (a *API) read(ctx context.Context, c *collection, id record.ID, positions []int) (record.Record, bool, error) {
	view := query.View{Collection: c.Collection, Needs: positions}
	rows, err := a.store.Get(ctx, view, []record.ID{id})
	if err != nil || len(rows) == 0 {
		return record.Record{ID: id}, false, err
	}
	fields := rows[0].Values
	if len(positions) < len(c.Fields) {
		fields = make([]record.Value, len(c.Fields))
		for i, position := range positions {
			fields[position] = rows[0].Values[i]
		}
	}
	return record.Record{ID: id, Revision: rows[0].Revision, Fields: fields}, true, nil
}

// shown returns the record as the caller may see it once it is stored: without
// JSON if it may not read it at all, and without a revision if only the store
// will know that.
func (c *collection) shown(may rights, r record.Record, created bool) Result {
	result := Result{ID: r.ID, Revision: r.Revision, Created: created}
	if c.Table.Unmanaged {
		result.Revision = "" // the table makes its own
	}
	if !may.reads || !query.Match(may.read.Where, r.Fields) {
		return result
	}
	fields := c.visible(may.read)
	values := make([]record.Value, len(fields))
	for i, position := range fields {
		values[i] = r.Fields[position]
	}
	result.Variant = variant(query.View{Collection: c.Collection, Fields: fields})
	result.JSON = record.NewEncoder(c.Names(fields)).Append(nil, values)
	return result
}

// visible returns the positions of the fields that the right does not hide.
func (c *collection) visible(right policy.Right) []int {
	fields := c.All()
	if right.Hidden == nil {
		return fields
	}
	shown := fields[:0]
	for _, position := range fields {
		if !right.Hidden[position] {
			shown = append(shown, position)
		}
	}
	return shown
}
