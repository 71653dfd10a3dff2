package core

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// Related records are read for the first rows of a page, and then, if those were
// short, for as many as a page of the usual size has: so it asks the store twice for
// each relation, and however long records are, few long ones are held.
const (
	expandedFirst  = 20
	expandedAtOnce = DefaultFirst
	shortEnough    = repository.MaxPageBytes / 16 // octets of the first rows
)

// A relation is a reference whose record can be shown within the one that refers
// to it.
type relation struct {
	field int // position in the collection that has the relation
	to    *collection
}

// An expansion is a relation as one caller asks for it.
type expansion struct {
	field int    // position of the reference in the collection that is stored
	key   []byte // what stands before the related record: ,"category":
	to    *collection
	view  query.View // of the related records, as far as the caller may read them
	known map[record.ID][]byte

	heeded Directives // that the other collection lets the caller give
}

// relate notes the relations of the collection.
func (a *API) relate(c *collection) {
	for i := range c.Fields {
		if c.Fields[i].Relation != "" {
			c.relations = append(c.relations, relation{field: i, to: a.collections[c.Fields[i].References]})
		}
	}
}

// relatedFor returns the relations that exist for the caller: those whose field it
// sees, to collections that it may read; and the views it has of these.
func (c *collection) relatedFor(who policy.Principal, right policy.Right) (names []string, found []expansion) {
	for _, r := range c.relations {
		read, ok := r.to.access.For(who, r.to.Collection, policy.Read)
		if !ok || isSet(right.Hidden, r.field) {
			continue
		}
		name := c.Fields[r.field].Relation
		names = append(names, name)
		found = append(found, expansion{
			field: c.position(r.field),
			key:   append(record.AppendString([]byte{','}, name), ':'),
			to:    r.to,
			view:  query.View{Collection: r.to.Collection, Filter: read.Where, Fields: r.to.visible(read), Stale: r.to.stale},
		})
	}
	return names, found
}

// allowed asks for each of the collections whether it may be read.
func allowed(related []expansion, ask func(collection string) error) error {
	if ask == nil {
		return nil
	}
	for _, e := range related {
		if err := ask(e.to.Name); err != nil {
			return err
		}
	}
	return nil
}

// expansions returns what the text of $expand asks for, in the order in which the
// collection declares its fields.
func (c *collection) expansions(who policy.Principal, right policy.Right, text string, d Directives) ([]expansion, error) {
	const op = "core.expand"
	if text == "" {
		return nil, nil
	}
	bad := func(code, format string, args ...any) *fault.Error {
		err := fault.New(fault.Invalid, op, format, args...).Coded(code)
		return err.At(fault.Place{Pointer: "$expand", Code: code, Detail: err.Detail})
	}
	switch {
	case len(text) > query.MaxURLBytes:
		return nil, bad("too-long", "$expand is longer than %d octets", query.MaxURLBytes)
	case strings.ContainsAny(text, "/(."):
		return nil, bad("nested-expand", "related records are shown one deep and whole, so $expand takes nothing but names of relations").
			Hinting("as in $expand=category; ask for what is related to them by a request of its own")
	}
	names, all := c.relatedFor(who, right)
	asked := make(map[string]bool)
	for item := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(item)
		if asked[name] {
			return nil, bad("syntax", "the relation %s is there twice", name)
		}
		asked[name] = true
	}
	var wanted []expansion
	for i, name := range names {
		if asked[name] {
			all[i].heed(who, d)
			wanted = append(wanted, all[i])
			delete(asked, name)
		}
	}
	for item := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(item)
		if !asked[name] {
			continue
		}
		err := bad("unknown-relation", "there is no relation %q", name)
		if len(names) == 0 {
			return nil, err.Hinting("there are none here")
		}
		return nil, err.Hinting("the relations are %s", strings.Join(names, ", "))
	}
	return wanted, nil
}

// heed has the related records read as the directives say, as far as their
// collection lets who give them.
func (e *expansion) heed(who policy.Principal, d Directives) {
	e.heeded = e.to.heeded(who, d)
	e.view.Stale = e.to.staleFor(e.heeded)
}

// needed returns the positions of the references, which rows must carry.
func needed(wanted []expansion) []int {
	positions := make([]int, len(wanted))
	for i, e := range wanted {
		positions[i] = e.field
	}
	return positions
}

// expandedPage reads a page, and the records that its rows refer to. It is shorter
// than the query says if its octets pass repository.MaxPageBytes. The related
// records are read after the page: a write in between may show in them alone.
func (a *API) expandedPage(ctx context.Context, c *collection, q query.Query, canonical string, req ListRequest, wanted []expansion) (Page, error) {
	if err := req.Directives.unread(); err != nil {
		return Page{}, err
	}
	q.Needs = needed(wanted)
	for {
		found, err := a.find(ctx, c, q)
		if err != nil {
			return Page{}, err
		}
		fit, err := a.expand(ctx, found.Rows, wanted)
		if err != nil {
			return Page{}, err
		}
		if fit == len(found.Rows) {
			page, err := a.filled(ctx, c, q, canonical, req, found)
			page.Cache = CacheNone
			return page, err
		}
		q.Limit = fit // only the store can say where the page then goes on
	}
}

// expandedOne reads one record, and those that it refers to.
func (a *API) expandedOne(ctx context.Context, view query.View, id record.ID, wanted []expansion, heeded Directives) (Result, error) {
	if err := heeded.unread(); err != nil {
		return Result{}, err
	}
	view.Needs = needed(wanted)
	rows, err := a.store.Get(ctx, view, []record.ID{id})
	if err != nil {
		return Result{}, err
	}
	if len(rows) == 0 {
		return Result{Cache: CacheNone}, missing()
	}
	if _, err := a.expand(ctx, rows, wanted); err != nil {
		return Result{}, err
	}
	row := rows[0]
	sum := sha256.Sum256(row.JSON)
	variant := variant(view) + strconv.FormatUint(binary.BigEndian.Uint64(sum[:]), 36)
	return Result{ID: row.ID, Revision: row.Revision, Variant: variant, JSON: row.JSON, Cache: CacheNone}, nil
}

// expand puts into each row what it refers to, or null if the caller may not see
// that or it does not exist. The Values of the rows are the references. It
// returns how many rows it did: fewer, but at least one, if these have more than
// repository.MaxPageBytes.
func (a *API) expand(ctx context.Context, rows []record.Row, wanted []expansion) (fit int, err error) {
	size := 0
	for begin, most := 0, expandedFirst; begin < len(rows); begin += most {
		if begin > 0 && size <= shortEnough {
			most = expandedAtOnce
		}
		part := rows[begin:min(begin+most, len(rows))]
		for i := range wanted {
			if err := a.relatedTo(ctx, part, i, &wanted[i]); err != nil {
				return 0, err
			}
		}
		for i := range part {
			part[i].JSON = withRelated(part[i], wanted)
			if size += len(part[i].JSON); size > repository.MaxPageBytes {
				return begin + i + 1, nil
			}
		}
	}
	return len(rows), nil
}

// relatedTo finds what the i-th reference of each row names, unless it is known.
func (a *API) relatedTo(ctx context.Context, rows []record.Row, i int, e *expansion) error {
	if e.known == nil {
		e.known = make(map[record.ID][]byte, len(rows))
	}
	var ids []record.ID
	for _, row := range rows {
		v := row.Values[i]
		if v.IsNull() {
			continue
		}
		id := valueID(v)
		if _, known := e.known[id]; !known {
			e.known[id] = nil
			ids = append(ids, id)
		}
	}
	return a.related(ctx, e, ids)
}

// A wanting is an id whose record has to be read, and where it is kept then.
type wanting struct {
	key   cache.Key
	lease cache.Lease // empty: nowhere
}

// related makes the records with the ids known, those that the caller may read:
// from their own entries in the cache, as far as these are right, and the others
// from the store at once.
func (a *API) related(ctx context.Context, e *expansion, ids []record.ID) error {
	var missing []record.ID
	var wanted []wanting
	for _, id := range ids {
		got, want, hit := a.lookRelated(ctx, e, id)
		switch {
		case hit && got.absent:
			continue
		case hit:
			e.known[id] = got.body
			continue
		}
		missing, wanted = append(missing, id), append(wanted, want)
	}
	if len(missing) == 0 {
		return nil
	}
	began := a.now()
	found, err := a.store.Get(ctx, e.view, missing)
	if err != nil {
		return err
	}
	for i, id := range missing { // rows come in the order of ids
		got := answer{absent: true}
		if len(found) > 0 && found[0].ID == id {
			row := found[0]
			found = found[1:]
			e.known[id] = row.JSON
			got = answer{tag: string(row.Revision), more: variant(e.view), body: row.JSON}
		}
		if wanted[i].lease != "" {
			a.keep(ctx, e.to, wanted[i].key, wanted[i].lease, got, began)
		}
	}
	return nil
}

// lookRelated looks for one record in the cache, where Get keeps it too.
func (a *API) lookRelated(ctx context.Context, e *expansion, id record.ID) (got answer, want wanting, hit bool) {
	if a.cache == nil || e.to.caching.Class == Uncached || e.heeded.NoStore {
		return got, want, false
	}
	want.key = e.to.recordKey(e.to.recordText(e.view), id)
	want.key.Anew = e.heeded.NoCache
	found := a.cache.Look(ctx, want.key)
	switch found.State {
	case cache.Hit:
		got, hit = a.open(ctx, e.to, want.key, found.Value)
	case cache.Miss:
		want.lease = found.Lease
	}
	return got, want, hit
}

// withRelated returns the JSON of the row with what it refers to behind its fields.
func withRelated(row record.Row, wanted []expansion) []byte {
	size := len(row.JSON)
	for i, e := range wanted {
		size += len(e.key) + len("null")
		if v := row.Values[i]; !v.IsNull() {
			size += len(e.known[valueID(v)])
		}
	}
	text := append(make([]byte, 0, size), row.JSON[:len(row.JSON)-1]...)
	for i, e := range wanted {
		key := e.key
		if len(text) == 1 {
			key = key[1:] // the row shows no field
		}
		text = append(text, key...)
		var related []byte
		if v := row.Values[i]; !v.IsNull() {
			related = e.known[valueID(v)]
		}
		if related == nil {
			related = []byte("null")
		}
		text = append(text, related...)
	}
	return append(text, '}')
}
