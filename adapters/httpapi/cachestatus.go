package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// manners are the header fields that answers about one collection have, made
// once, so that a request only puts them into its header. Nil manners add nothing.
type manners struct {
	status [core.CacheUnread + 1][]string // Cache-Status, by what the cache had to do with it
	public []string                       // Cache-Control of what anybody may keep; nil if nobody may

	deprecation, sunset []string // nil if there is none
	link                string   // the Link of a deprecation, or empty
}

// mannersOf returns the manners of the collections, by name.
func mannersOf(served []core.Collection) map[string]*manners {
	all := make(map[string]*manners, len(served))
	for _, c := range served {
		m := &manners{status: cacheStatuses(c.Cache.Class)}
		if c.Cache.MaxAge > 0 && sameEverywhere(c.Access) {
			m.public = []string{"public, max-age=" + strconv.FormatInt(int64(c.Cache.MaxAge/time.Second), 10)}
		}
		if c.Deprecated != nil {
			m.deprecate(*c.Deprecated)
		}
		all[c.Schema.Name] = m
	}
	return all
}

// cacheStatuses returns the values of Cache-Status (RFC 9211) for a collection of
// the class. The detail is the class, unless the cache was passed by for another
// reason.
func cacheStatuses(class core.Class) (all [core.CacheUnread + 1][]string) {
	uncached := "uncached" // this kind of request is never cached
	if class == core.Uncached {
		uncached = class.String()
	}
	for cached, text := range map[core.Cached]string{
		core.CacheOff:    "fwd=bypass; detail=off",
		core.CacheNone:   "fwd=bypass; detail=" + uncached,
		core.CacheHit:    "hit; detail=" + class.String(),
		core.CacheMiss:   "fwd=uri-miss; stored; detail=" + class.String(),
		core.CacheShared: "fwd=uri-miss; collapsed; detail=" + class.String(),
		core.CacheFenced: "fwd=bypass; detail=fenced",
		core.CacheAnew:   "fwd=request; stored; detail=" + class.String(),
		core.CacheUnkept: "fwd=request; detail=" + class.String(),
		core.CacheUnread: "detail=" + codeNotCached, // neither a hit, nor did it ask anybody
	} {
		all[cached] = []string{"Portolan; " + text}
	}
	return all
}

// sameEverywhere reports whether what everybody may see is the same wherever they
// ask from. Else a shared cache would hand it on to an address that may not have it.
func sameEverywhere(access policy.Access) bool {
	for _, grant := range access {
		if grant.Role == policy.Anonymous && len(grant.AllowFrom) > 0 {
			return false
		}
	}
	return true
}

// cached tells what the cache had to do with the answer, and who may keep it: what
// is said without asking who wants to know anybody may, if the collection says so.
func (x *exchange) cached(cached core.Cached) {
	if x.manners == nil {
		return
	}
	h := x.Header()
	h["Cache-Status"] = x.manners.status[cached]
	_, related := x.query.get("$expand") // by the rights to another collection
	if x.manners.public != nil && !x.who.Known() && !related && x.r.Method != http.MethodPost {
		h["Cache-Control"] = x.manners.public
	}
}

// forProblem makes a header that was begun for an answer that of a problem, which
// nobody may keep for others.
func (m *manners) forProblem(h http.Header) {
	if m == nil {
		return
	}
	if m.public != nil && h.Get("Cache-Control") != noStore {
		h["Cache-Control"] = guards["Cache-Control"]
	}
	m.announce(h)
}
