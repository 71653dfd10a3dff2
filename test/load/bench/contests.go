//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-io/portolan/test/load/drive"
)

// The servers that are measured. All run at once: one that nobody asks costs
// nothing.
type servers struct {
	limit, limitWritten              *process
	everything, logged, bare         *process              // over SQLite alone
	cached, cachedLogged, bareCached *process              // with bigcache in front of it
	made                             *process              // everything on, over a database that is written
	unfenced, fenced                 *process              // likewise without the log, and without or with bigcache
	peopled, limited                 *process              // as cached, with accounts, and with limits
	others                           map[*process]*process // by server: the same one of the other binary, if there is one
	token                            string
	tokens                           []string // of shoppers
	key                              string   // of a shopper
	cookie, login                    string   // of somebody who has an account
	all                              []*process
}

// startServers starts them.
func (w *workshop) startServers(ctx context.Context, settings settings) (_ *servers, err error) {
	s := &servers{others: map[*process]*process{}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err = w.callers(ctx, s); err != nil {
		return nil, err
	}
	for server, db := range map[**process]string{&s.limit: "limit.db", &s.limitWritten: "limit-written.db"} {
		if *server, err = w.serveLimit(ctx, db); err != nil {
			return nil, err
		}
		s.all = append(s.all, *server)
	}
	for _, each := range []struct {
		server **process
		variant
		db string
	}{
		{&s.everything, variant{Everything: true}, "read.db"},
		{&s.logged, variant{Everything: true, Logged: true}, "read-logged.db"},
		{&s.bare, variant{}, "read-bare.db"},
		{&s.cached, variant{Everything: true, Cached: true}, "cached.db"},
		{&s.cachedLogged, variant{Everything: true, Logged: true, Cached: true}, "cached-logged.db"},
		{&s.bareCached, variant{Cached: true}, "cached-bare.db"},
		{&s.made, variant{Everything: true, Logged: true, Cached: true}, "written.db"},
		{&s.unfenced, variant{Everything: true}, "unfenced.db"},
		{&s.fenced, variant{Everything: true, Cached: true}, "fenced.db"},
		{&s.peopled, variant{Everything: true, Cached: true, Accounts: true}, "peopled.db"},
		{&s.limited, variant{Everything: true, Cached: true, Limited: true}, "limited.db"},
	} {
		v := each.variant
		v.binary = w.portolan
		if *each.server, err = s.start(ctx, w, v, each.db); err != nil {
			return nil, err
		}
		if v.binary = settings.against; v.binary == "" {
			continue
		}
		other, err := s.start(ctx, w, v, "against-"+each.db)
		if err != nil {
			return nil, err
		}
		s.others[*each.server] = other
	}
	return s, s.logIn(ctx)
}

// start starts one server over a copy of the database: what several processes
// have open, none of them caches.
func (s *servers) start(ctx context.Context, w *workshop, v variant, db string) (*process, error) {
	if err := w.copy("portolan.db", db); err != nil {
		return nil, err
	}
	p, err := w.serve(ctx, v, db)
	if err == nil {
		s.all = append(s.all, p)
	}
	return p, err
}

// stop stops them all, once.
func (s *servers) stop() {
	for _, p := range s.all {
		p.stop()
	}
	s.all = nil
}

// What the contestants are called.
const (
	constantBody   = "limit: constant body"
	headedBody     = "the same body with Portolan's header fields"
	bigcacheAlone  = "bigcache alone"
	sqliteAlone    = "limit: SQLite alone"
	everythingOn   = "Portolan, everything on"
	accessLogged   = "Portolan, everything on, and the access log"
	withoutTheGate = "Portolan, anonymous, no telemetry"
)

// pages is the address of a page of Portolan's with a category and a price.
const pages = "/v1/products?$filter=category_id%%20eq%%20%d%%20and%%20price%%20ge%%20%d&$orderby=stars%%20desc&$first=20"

// contests returns all of them.
func (w *workshop) contests(s *servers) []contest {
	hot := w.ids[:min(few, len(w.ids))]
	counter := &created{}
	return s.withOthers([]contest{
		{"cached-get", "1", "cached get of a record", true, []contestant{
			{"constant", constantBody, s.limit, gets("", same("/constant/one")), 0, 0},
			{"headed", headedBody, s.limit, gets("", same("/headed/one")), 0, 0},
			{"bigcache", bigcacheAlone, s.limit, gets("", one("/bigcache/one/", hot)), 0, 0},
			{"bare", withoutTheGate, s.bareCached, gets("", one("/v1/products/", hot)), 1.15, 0},
			{"everything", everythingOn, s.cached, gets(s.token, one("/v1/products/", hot)), 1.4, 0.75},
			{"logged", accessLogged, s.cachedLogged, gets(s.token, one("/v1/products/", hot)), 0, 0},
		}, nil},
		{"cached-list", "2", "cached list of 20", true, []contestant{
			{"constant", constantBody, s.limit, gets("", same("/constant/list")), 0, 0},
			{"headed", headedBody, s.limit, gets("", same("/headed/list")), 0, 0},
			{"bigcache", bigcacheAlone, s.limit, gets("", w.page("/bigcache/list/%d?%d", 1)), 0, 0},
			{"bare", withoutTheGate, s.bareCached, gets("", w.page(pages, 1)), 1.2, 0},
			{"everything", everythingOn, s.cached, gets(s.token, w.page(pages, 1)), 1.4, 0.75},
			{"logged", accessLogged, s.cachedLogged, gets(s.token, w.page(pages, 1)), 0, 0},
		}, nil},
		{"sqlite-get", "8", "SQLite, get by key", false, []contestant{
			{"limit", sqliteAlone, s.limit, gets("", one("/sqlite/", w.ids)), 0, 0},
			{"bare", withoutTheGate, s.bare, gets("", one("/v1/products/", w.ids)), 0, 0},
			{"everything", everythingOn, s.everything, gets(s.token, one("/v1/products/", w.ids)), 1.4, 0.8},
			{"logged", accessLogged, s.logged, gets(s.token, one("/v1/products/", w.ids)), 0, 0},
		}, nil},
		{"sqlite-list", "8", "SQLite, list of 20, filter and sort", false, []contestant{
			{"limit", sqliteAlone, s.limit, gets("", w.page("/sqlite?category=%d&price=%d", 10)), 0, 0},
			{"bare", withoutTheGate, s.bare, gets("", w.page(pages, 10)), 0, 0},
			{"everything", everythingOn, s.everything, gets(s.token, w.page(pages, 10)), 1.4, 0.8},
			{"logged", accessLogged, s.logged, gets(s.token, w.page(pages, 10)), 0, 0},
		}, nil},
		{"create", "", "SQLite, create a record", false, []contestant{
			{"limit", sqliteAlone, s.limitWritten, counter.posts("/sqlite", ""), 0, 0},
			{"logged", accessLogged, s.made, counter.posts("/v1/products", s.token), 0, 0},
		}, nil},
		w.asked(s),
		s.fencing("replace", "SQLite, replace a record", func() func([]byte) []byte { return puts(w.ids, "/v1/products/", s.token) }),
		s.fencing("half", "SQLite, as many gets of 1,000 records as replacements of them", func() func([]byte) []byte {
			return alternating(gets(s.token, one("/v1/products/", hot)), puts(hot, "/v1/products/", s.token))
		}),
	})
}

// fencing returns the contest of what writes without a cache and with one: what that
// costs is the price of its fences.
func (s *servers) fencing(name, work string, next func() func([]byte) []byte) contest {
	return contest{"fencing-sqlite-" + name, "", work, false, []contestant{
		{"none", uncached, s.unfenced, next(), 0, 0},
		{"one", inProcess, s.fenced, next(), 0, 0},
	}, nil}
}

// withOthers has the other binary, if there is one, do what Portolan does.
func (s *servers) withOthers(contests []contest) []contest {
	for i := range contests {
		for _, one := range contests[i].contestants {
			if one.server = s.others[one.server]; one.server != nil {
				one.name, one.what, one.most, one.least = "against-"+one.name, one.what+" (the other binary)", 0, 0
				contests[i].contestants = append(contests[i].contestants, one)
			}
		}
	}
	return contests
}

// checkTime is long enough to fill a cache, so that nearly all answers are hits.
const (
	checkTime  = 500 * time.Millisecond
	checkTimes = 10
)

// misses reports whether the last answer should have come from the cache, and did not.
func (c *contest) misses(result drive.Result) bool {
	return c.cached && strings.Contains(result.Last, "Cache-Status:") && !strings.Contains(result.Last, "Cache-Status: Portolan; hit")
}

// check asks each contestant a few times, and returns an error unless all of them
// answer with as many octets, but for what only one of them says, and from the
// cache if that is what the contest is about: they are to do the same work.
func (c *contest) check(ctx context.Context) error {
	sizes := make([]int64, len(c.contestants))
	for i, one := range c.contestants {
		result, err := one.drive(ctx, checkTime)
		for range checkTimes { // a busy machine takes longer to fill a cache
			if err != nil || !c.misses(result) {
				break
			}
			result, err = one.drive(ctx, checkTime)
		}
		if err != nil {
			return err
		}
		if c.misses(result) {
			return fmt.Errorf("%s: %s does not answer from the cache:\n%s", c.work, one.what, result.Last)
		}
		sizes[i] = result.Bytes / int64(result.Requests)
		if sizes[i]*10 < sizes[0]*8 || sizes[i]*10 > sizes[0]*13 {
			return fmt.Errorf("%s: %s answers with %d octets, where %s has %d", c.work, one.what, sizes[i], c.contestants[0].what, sizes[0])
		}
	}
	return nil
}
