package core

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"sync"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/cache"
)

// What callers ask for they ask for again and again, and to read what they wrote,
// check it and bring it into its canonical form takes longer than to find the
// answer in the cache. So what requests come to is kept, of each collection, by
// all that it depends on: the texts of the request and the fields that are hidden
// from the caller. Where rows are hidden too it also depends on who asks, and is
// worked out each time.

// A preparedList is what a request for a list comes to.
type preparedList struct {
	query     query.Query // without After
	canonical string      // of the query
	first     cache.Key   // of the first page
}

// A preparedView is what a request for a record comes to.
type preparedView struct {
	query.View
	text    string // of the keys of records in the cache, up to the id
	variant string
}

// Bounds of what is kept of a collection.
const (
	maxPrepared = 1000
	maxAsked    = 1 << 10 // octets of the texts; longer ones are not kept
)

// prepareList returns what the request comes to for who has the right.
func (c *collection) prepareList(req ListRequest, right policy.Right) (*preparedList, error) {
	var room [256]byte
	asked, keepable := asked(room[:0], right, req.Filter, req.OrderBy, req.Select, string(req.Format))
	asked = binary.AppendVarint(asked, int64(req.First))
	if req.Count {
		asked = append(asked, 1)
	}
	keepable = keepable && req.IDs == nil
	if keepable {
		if found := c.lists.find(asked); found != nil {
			return found, nil
		}
	}
	q, err := c.narrow(req, right)
	if err != nil {
		return nil, err
	}
	p := &preparedList{query: q, canonical: q.Canonical()}
	p.first = c.stored().pageKey(q, p.canonical, req)
	if keepable {
		c.lists.keep(asked, p)
	}
	return p, nil
}

// key returns the key of the page that the query asks for, which is the prepared
// one, but for where it begins.
func (p *preparedList) key(c *collection, q query.Query, req ListRequest) cache.Key {
	if q.After == "" {
		return p.first
	}
	return c.pageKey(q, p.canonical, req)
}

// prepareView returns what the request comes to for who has the right.
func (c *collection) prepareView(req GetRequest, right policy.Right) (*preparedView, error) {
	var room [256]byte
	asked, keepable := asked(room[:0], right, req.Select)
	if keepable {
		if found := c.views.find(asked); found != nil {
			return found, nil
		}
	}
	fields, err := query.ParseSelect(req.Select, query.Names{Collection: c.Collection, Hidden: right.Hidden})
	if err != nil {
		return nil, err
	}
	view := c.shownAs(query.View{Collection: c.Collection, Filter: right.Where, Fields: fields})
	view.Stale = c.stored().stale
	p := &preparedView{View: view, text: c.stored().recordText(view), variant: variant(view)}
	if keepable {
		c.views.keep(asked, p)
	}
	return p, nil
}

// variant names a projection, for the second half of an ETag: the names that are
// shown, and behind each the field that is stored and how it is written. A
// configuration may give a name to another field, or a field another scale, and
// no record changes then.
func variant(view query.View) string {
	h := fnv.New32a()
	names := view.Names()
	var text []byte
	for i, position := range view.Fields {
		text = append(append(text[:0], names[i]...), 0)
		h.Write(appendForm(text, &view.Collection.Fields[position]))
	}
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// asked appends all that a request depends on: the hidden fields, and the texts.
// It also reports whether that is really all, and short enough to be kept.
func asked(dst []byte, right policy.Right, texts ...string) (_ []byte, keepable bool) {
	for _, hidden := range right.Hidden {
		if hidden {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	}
	size := 0
	for _, text := range texts {
		size += len(text)
		if size > maxAsked {
			return dst, false
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return dst, right.Where.Op == query.All
}

// A memo keeps what was worked out. When there is too much it begins anew, so
// that no caller can fill the memory with what nobody asks for again. It is safe
// for concurrent use; what is kept is shared, and nobody changes it.
type memo[T any] struct {
	mu   sync.RWMutex
	kept map[string]*T
}

// find returns what is kept under the key, or nil.
func (m *memo[T]) find(key []byte) *T {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.kept[string(key)]
}

func (m *memo[T]) keep(key []byte, value *T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil || len(m.kept) >= maxPrepared {
		m.kept = make(map[string]*T)
	}
	m.kept[string(key)] = value
}
