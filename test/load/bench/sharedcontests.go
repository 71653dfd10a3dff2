//go:build linux

package main

// What the contestants are called whose answers are shared, or might be.
const (
	redisAlone     = "limit: go-redis alone"
	constantAnswer = "constant body"
	uncached       = "Portolan, no cache"
	inProcess      = "Portolan, bigcache, one instance"
	overNetwork    = "Portolan, Redis"
	tiered         = "Portolan, Redis, with bigcache near"
	boundedNear    = "Portolan, bounded, Redis, with bigcache near"
)

// contests returns those between the servers. All have everything on.
func (h *hall) contests(w *workshop) []contest {
	hot := w.ids[:min(few, len(w.ids))]
	record, list := gets(h.token, one("/v1/products/", hot)), gets(h.token, w.page(pages, 1))
	helpers := []helper{h.redis, h.database}
	return []contest{
		{"shared-get", "3", "cached get of a record", true,
			h.hits(gets("", one("/redis/one/", hot)), gets("", same("/constant/one")), gets("", one("/bigcache/one/", hot)), record), helpers},
		{"shared-list", "3", "cached list of 20", true,
			h.hits(gets("", w.page("/redis/list/%d?%d", 1)), gets("", same("/constant/list")), gets("", w.page("/bigcache/list/%d?%d", 1)), list), helpers},
		h.mixed(hot),
		{"fencing-postgres-replace", "", "PostgreSQL, replace a record", false, h.writes("", func() func([]byte) []byte {
			return puts(w.ids, "/v1/products/", h.token)
		}), helpers},
		{"fencing-postgres-half", "", "PostgreSQL, as many gets of 1,000 records as replacements of them", false, h.writes("", func() func([]byte) []byte {
			return alternating(gets(h.token, one("/v1/products/", hot)), puts(hot, "/v1/products/", h.token))
		}), helpers},
	}
}

// hits are those that answer from a cache. The goal is that of strict answers whose
// octets need not come from Redis.
func (h *hall) hits(redis, constant, bigcache, all func([]byte) []byte) []contestant {
	return []contestant{
		{"limit", redisAlone, h.limit, redis, 0, 0},
		{"constant", constantAnswer, h.limit, constant, 0, 0},
		{"bigcache", bigcacheAlone, h.limit, bigcache, 0, 0},
		{"one", inProcess, h.one, all, 0, 0},
		{"many", overNetwork, h.many, all, 0, 0},
		{"near", tiered, h.near, all, 1.3, 0.85},
		{"bounded", boundedNear, h.bounded, all, 0, 0},
	}
}

// mixed is what a cache is for. Its limit has none.
func (h *hall) mixed(hot []string) contest {
	made := &created{}
	ours := func() func([]byte) []byte {
		return mixed(gets(h.token, one("/v1/products/", hot)), made.posts("/v1/products", h.token))
	}
	limit := contestant{"limit", pgxAlone, h.limit, mixed(gets("", one("/postgres/", hot)), made.posts("/postgres", "")), 0, 0}
	all := append([]contestant{limit}, h.writes("7", ours)...)
	return contest{"shared-mixed", "7", "PostgreSQL, 95 gets of 1,000 records and 5 creates", false, all, []helper{h.redis, h.database}}
}

// writes are those that do what next makes, each by itself. Goal 7 is below 1.0 where
// there is a cache.
func (h *hall) writes(goal string, next func() func([]byte) []byte) []contestant {
	var most float64
	if goal == "7" {
		most = 1
	}
	return []contestant{
		{"none", uncached, h.none, next(), 0, 0},
		{"one", inProcess, h.one, next(), most, 0},
		{"many", overNetwork, h.many, next(), most, 0},
		{"near", tiered, h.near, next(), most, 0},
	}
}

// alternating returns a source of one of each in turn.
func alternating(a, b func([]byte) []byte) func([]byte) []byte {
	return func(dst []byte) []byte {
		a, b = b, a
		return a(dst)
	}
}
