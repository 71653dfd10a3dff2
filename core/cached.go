package core

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
)

const (
	absentFor = 5 * time.Second // that there is no record is kept at most so long
	maxKept   = 1 << 20         // octets of an answer; a longer one is not kept
)

// An answer is what is kept of a page or a record: the octets that the caller
// gets, and what names them. It is shared, so nobody changes its body.
type answer struct {
	absent bool   // of a record: there is none
	tag    string // of a page its Tag, of a record its revision
	more   string // of a page its Next, of a record the name of its projection
	rows   int
	count  int64
	body   []byte
}

// A question is what one request asks the cache and, if need be, the store. Of a
// hit nothing of it needs memory of its own, as long as none of it is kept.
type question struct {
	Directives // that count

	// key is asked for only if there is a cache. Its text must say all that the
	// answer depends on beside the records (see keyText), and its tags must be among
	// those that every write fences that could change the answer (see batch.tags and
	// dependsOn).
	key  func() cache.Key
	read func(context.Context) (answer, error)

	// again returns read for when the request is over. It is a copy, made for the
	// few that need it, so that read itself needs no memory. Nil is for what two
	// readings of one state may give otherwise.
	again func() func(context.Context) (answer, error)
}

// through returns what the question's read answers: from the cache, if it is kept
// under the key and still right; else read is called, by one of all who ask for
// the same at the same time, and what it returned is kept. Cached says which of
// these it was. Whatever can be expressed as an answer may be read so. An error is
// not kept. The collection is that whose records the answer shows: one that is
// stored, not a view.
func (a *API) through(ctx context.Context, c *collection, q *question) (answer, Cached, error) {
	state := CacheOff
	var together string // under which name others read the same
	switch {
	case a.cache == nil:
	case c.caching.Class == Uncached:
		state = CacheNone
	case q.OnlyIfCached && q.NoCache: // what is kept may not be used, and nothing else either
	case q.NoStore && !q.OnlyIfCached:
		state, together = CacheUnkept, onceMark+named(q.key())
	default:
		k := q.key()
		k.Anew = q.NoCache
		found := a.cache.Look(ctx, k)
		switch {
		case found.State == cache.Hit:
			if got, ok := a.open(ctx, c, k, found.Value); ok {
				a.observe(c, q, k, got)
				return got, CacheHit, nil
			}
		case found.State == cache.Fenced:
			state = CacheFenced
		case found.State != cache.Miss || q.OnlyIfCached:
		case q.NoCache:
			return a.refill(ctx, c, q, k, found.Lease)
		default:
			return a.fill(ctx, c, q, k, found.Lease)
		}
		if together = named(k); q.NoCache {
			together = onceMark + together
		}
	}
	if err := q.unread(); err != nil {
		return answer{}, CacheUnread, err
	}
	if together == "" {
		got, err := q.read(ctx)
		return got, state, err
	}
	got, shared, err := a.together.Do(ctx, together, func() (answer, error) { return q.read(ctx) })
	if shared && state != CacheUnkept {
		state = CacheShared
	}
	return got, state, err
}

// What the names of readings begin with that are read now because somebody wants
// that, and are kept or not; no collection's name does.
const (
	anewMark = "\x00anew"
	onceMark = "\x00once"
)

// named returns the name of the answer that the key is of.
func named(key cache.Key) string { return key.Collection + "\x00" + key.Text }

// asPage is the answer to the question as a page.
func (a *API) asPage(ctx context.Context, c *collection, q *question) (Page, error) {
	got, cached, err := a.through(ctx, c, q)
	if err != nil {
		return Page{}, err
	}
	return Page{Body: got.body, Tag: got.tag, Next: got.more, Rows: got.rows, Count: got.count, Cache: cached}, nil
}

// asAnswer is the page as it is kept.
func (p *Page) asAnswer() answer {
	return answer{tag: p.Tag, more: p.Next, rows: p.Rows, count: p.Count, body: p.Body}
}

// fill reads the answer and keeps it, once for all who hold an equal lease: since
// that was granted nothing was written that the answer depends on.
func (a *API) fill(ctx context.Context, c *collection, q *question, key cache.Key, lease cache.Lease) (answer, Cached, error) {
	state := CacheMiss
	name := named(key) + "\x00" + string(lease)
	if c.caching.Class == Bounded {
		// Nobody joins a reading that began longer ago than its answer may be old.
		name += "\x00" + strconv.FormatInt(a.now().UnixNano()/int64(max(c.caching.TTL-c.stale, 1)), 36)
	}
	got, shared, err := a.flights.do(ctx, name, func() (answer, error) {
		began := a.now()
		got, err := q.read(ctx)
		if err == nil && !a.keep(ctx, c, key, lease, got, began) {
			state = CacheNone
		}
		return got, err
	})
	if shared {
		state = CacheShared
	}
	return got, state, err
}

// refill reads the answer, and keeps it instead of what is kept. Who wants it read
// now does not join a reading that began before, but shares one that begins later.
func (a *API) refill(ctx context.Context, c *collection, q *question, key cache.Key, lease cache.Lease) (answer, Cached, error) {
	state := CacheUnkept
	got, _, err := a.together.Do(ctx, anewMark+named(key), func() (answer, error) {
		began := a.now()
		got, err := q.read(ctx)
		if err == nil && a.keep(ctx, c, key, lease, got, began) {
			state = CacheAnew
		}
		return got, err
	})
	return got, state, err
}

// keep keeps what was read since began, and reports whether it may be kept.
func (a *API) keep(ctx context.Context, c *collection, key cache.Key, lease cache.Lease, got answer, began time.Time) bool {
	ttl := c.caching.TTL
	// What is kept at one time does not expire at one time.
	spread := time.Duration(rand.Int64N(int64(ttl)/10 + 1))
	var until time.Time
	if c.caching.Class == Bounded {
		until = began.Add(ttl - c.stale - spread) // the promise is that it is not older than ttl
		ttl = until.Sub(a.now())
	} else {
		ttl += 2*spread - ttl/10
	}
	if got.absent {
		ttl = min(ttl, absentFor)
	}
	if len(got.body)+len(got.tag)+len(got.more) > maxKept || ttl <= 0 {
		return false
	}
	kept, err := a.seal(ctx, c, key, got.encode(until))
	if err != nil {
		return false
	}
	a.cache.Fill(ctx, key, lease, kept, ttl)
	return true
}

// The first octet of an answer that is kept.
const (
	keptAbsent  = 0xa0
	keptPresent = 0xa1
)

// encode returns the answer as it is kept: the kind; until when it may be used in
// microseconds, or 0 if the cache's own time is enough; rows, count, and the
// lengths of tag and more; then these, and the body.
func (w answer) encode(until time.Time) []byte {
	kept := make([]byte, 0, 9+4*binary.MaxVarintLen64+len(w.tag)+len(w.more)+len(w.body))
	kind, micros := byte(keptPresent), int64(0)
	if w.absent {
		kind = keptAbsent
	}
	if !until.IsZero() {
		micros = until.UnixMicro()
	}
	kept = binary.LittleEndian.AppendUint64(append(kept, kind), uint64(micros))
	kept = binary.AppendUvarint(kept, uint64(w.rows))
	kept = binary.AppendVarint(kept, w.count)
	kept = binary.AppendUvarint(kept, uint64(len(w.tag)))
	kept = binary.AppendUvarint(kept, uint64(len(w.more)))
	return append(append(append(kept, w.tag...), w.more...), w.body...)
}

// decode returns the answer that is kept, whose body it does not copy, and
// whether it is one and not too old.
func (a *API) decode(c *collection, kept []byte) (answer, bool) {
	if len(kept) < 9 || kept[0] != keptAbsent && kept[0] != keptPresent {
		return answer{}, false
	}
	got := answer{absent: kept[0] == keptAbsent}
	if until := int64(binary.LittleEndian.Uint64(kept[1:])); until != 0 {
		// The cache counts the time since Fill by its own clock. This is for the time
		// between the reading and Fill, and for a clock that was put back.
		left := until - a.now().UnixMicro()
		if left <= 0 || left > c.caching.TTL.Microseconds() {
			return answer{}, false
		}
	}
	rest := kept[9:]
	var numbers [4]uint64
	for i := range numbers {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return answer{}, false
		}
		numbers[i], rest = n, rest[size:]
	}
	got.rows, got.count = int(numbers[0]), int64(numbers[1]>>1)^-int64(numbers[1]&1)
	tag, end := numbers[2], numbers[2]+numbers[3]
	if end < tag || end > uint64(len(rest)) {
		return answer{}, false
	}
	texts := string(rest[:end])
	got.tag, got.more = texts[:tag], texts[tag:]
	got.body = slices.Clip(rest[end:])
	return got, true
}

// keyText is the text of a key: what is asked for, the version of the schema, the
// parts, which hold no NUL, and last what may hold anything.
func (c *collection) keyText(kind string, last string, parts ...string) string {
	size := len(kind) + len(c.version) + len(last) + 1
	for _, part := range parts {
		size += 1 + len(part)
	}
	text := append(append(make([]byte, 0, size), kind...), c.version...)
	for _, part := range parts {
		text = append(append(text, 0), part...)
	}
	return string(append(append(text, 0), last...))
}

// recordText is the text of the keys of records as the view shows them, up to the id.
func (c *collection) recordText(view query.View) string { return c.keyText("g", "", view.Canonical()) }

// recordKey is the key of one record, by the text that recordText made.
func (c *collection) recordKey(text string, id record.ID) cache.Key {
	return cache.Key{
		Collection: c.Name,
		Text:       text + string(id),
		Tags:       []string{recordTag(id), bulkTag},
	}
}

// pageKey is the key of one page of the query.
func (c *collection) pageKey(q query.Query, canonical string, req ListRequest) cache.Key {
	return cache.Key{
		Collection: c.Name,
		Text: c.keyText("p", q.After+canonical, string(req.Format), strconv.Itoa(q.Limit), strconv.FormatBool(req.Count),
			strconv.Itoa(len(q.After)), c.cursors),
		Tags: c.dependsOn(q.Filter),
	}
}

// groupsKey is the key of the groups of an aggregation, whose members have the names.
func (c *collection) groupsKey(wanted query.Aggregation, names []string, format ingest.Format) cache.Key {
	return cache.Key{
		Collection: c.Name,
		Text:       c.keyText("a", wanted.Canonical(), string(format), strings.Join(names, ",")),
		Tags:       c.dependsOn(wanted.Filter),
	}
}

// dependsOn returns the tags of what depends on all records that match the
// filter, which is in normal form: if the filter has one value for a scope, no
// write outside of it can matter.
func (c *collection) dependsOn(filter query.Expr) []string {
	all := filter.Kids
	if filter.Op != query.And {
		all = []query.Expr{filter}
	}
	for _, position := range c.caching.Scopes {
		for _, e := range all {
			if e.Op == query.Eq && e.Field == position {
				return []string{scopeTag(c.Fields[position].Name, e.Values[0]), bulkTag}
			}
		}
	}
	return []string{wholeTag, bulkTag}
}

// versionOf names the fields of a collection and how they are written: what was
// kept for others is not asked for.
func versionOf(c *collection) string {
	h := fnv.New64a()
	for i := range c.Fields {
		h.Write(appendForm(nil, &c.Fields[i]))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// appendForm appends what is stored as the field, and how its values are written.
func appendForm(dst []byte, f *schema.Field) []byte {
	dst = append(append(dst, f.Name...), 0)
	dst = append(append(dst, f.Type.String()...), 0)
	dst = append(append(dst, f.Items.String()...), 0)
	dst = append(strconv.AppendInt(dst, int64(f.Scale), 10), 0)
	if f.Encrypted { // what was kept while it was not is not used
		dst = append(dst, "sealed\x00"...)
	}
	return dst
}
