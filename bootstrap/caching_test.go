package bootstrap

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
)

// TestBrokenCaching shows what is refused of the cache and of how collections
// are cached, and where.
func TestBrokenCaching(t *testing.T) {
	const collection, port = "    access:", "repository:"
	cached := func(text string) string { return "    cache:\n      " + text + "\n    access:" }
	foreign := func(text string) string { return "    table: {managed: false}\n" + cached(text) }
	const at = "c.yaml:12: collections.things.cache."
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown field", collection, cached("scopes: [id, ower]"),
			at + "scopes: there is no field called ower; did you mean owner? The fields are id, name, price and owner"},
		{"field twice", collection, cached("scopes: [owner, price, owner]"), at + "scopes: owner is named twice"},
		{"field that cannot be compared", "      owner: {type: string}", "      owner: {type: json}\n    cache: {scopes: [owner]}",
			"c.yaml:11: collections.things.cache.scopes: the field owner is of type json, whose values cannot be compared, so no page can be filtered by one"},
		{"unknown class", collection, cached("class: strickt"),
			at + `class: "strickt" is not allowed; did you mean strict? The allowed values are strict, bounded and none`},
		{"bounded without age", collection, cached("class: bounded"), at + "class: bounded needs a ttl, the age that an answer may have"},
		{"strict over a foreign table", collection, foreign("class: strict"),
			"c.yaml:13: collections.things.cache.class: strict cannot be promised of a table that others write; write bounded with a ttl, or none"},
		{"strict with other writers", collection, "    external_writers: true\n" + cached("class: strict"),
			"c.yaml:13: collections.things.cache.class: strict cannot be promised of a table that others write; write bounded with a ttl, or none"},
		{"part of a second", collection, cached("max_age: 1500ms"),
			at + "max_age: 1.5s is no number of whole seconds, in which others count it; write one like 60s"},
		{"less than nothing", collection, cached("ttl: -1s"), at + `ttl: "-1s" is no duration; write one like 500ms, 2s or 10m`},
		{"no driver", port, "cache: {bigcache: {max_mb: 8}}\nrepository:", "c.yaml:2: cache: driver is missing; name one, as in {driver: memory}"},
		{"unknown driver", port, "cache: {driver: ehcache}\nrepository:",
			"c.yaml:2: cache: there is no driver called ehcache for the port cache; did you mean bigcache? The drivers are bigcache, memory and redis"},
		{"unknown key of the driver", port, "cache: {driver: bigcache, bigcache: {max: 8}}\nrepository:",
			"c.yaml:2: cache.bigcache: there is no key max here; the only one is max_mb"},
		{"many instances with a cache each", "service: {", "cache: {driver: bigcache}\nservice: {instances: many, ",
			"c.yaml:2: service.instances: many cannot share the cache bigcache; choose one that they can, as redis, and name this one under near_cache"},
		{"something near that is far", "service: {", "cache: {driver: redis, redis: {url: \"redis://127.0.0.1\"}}\nnear_cache: {driver: redis, redis: {url: \"redis://127.0.0.1\"}}\nservice: {instances: many, ",
			"c.yaml:2: near_cache: redis is not in this process; choose one that is, as bigcache"},
		{"something near for one instance", port, "cache: {driver: bigcache}\nnear_cache: {driver: bigcache}\nrepository:",
			"c.yaml:3: near_cache: this is for service.instances: many with a cache that they share; without, name it under cache"},
		{"some instances", "service: {", "service: {instances: 3, ",
			`c.yaml:1: service.instances: "3" is not allowed; the allowed values are one and many`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(right, tt.old) != 1 {
				t.Fatalf("%q is not once in the right configuration", tt.old)
			}
			err := check(t, strings.Replace(right, tt.old, tt.new, 1))
			if err == nil {
				t.Fatal("nothing was said")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCaching shows what is meant by what is written, and by what is not.
func TestCaching(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       core.Caching
	}{
		{"nothing", "", core.Caching{}},
		{"an empty section", "cache: {}", core.Caching{}},
		{"a foreign table", "table: {managed: false}", core.Caching{Class: core.Bounded, TTL: 30 * time.Second}},
		{"other writers", "external_writers: true", core.Caching{Class: core.Bounded, TTL: 30 * time.Second}},
		{"other writers and scopes", "external_writers: true\n    cache: {scopes: [owner]}", core.Caching{Class: core.Bounded, TTL: 30 * time.Second, Scopes: []int{3}}},
		{"other writers and an age", "external_writers: true\n    cache: {ttl: 5s}", core.Caching{Class: core.Bounded, TTL: 5 * time.Second}},
		{"other writers and none", "external_writers: true\n    cache: {class: none}", core.Caching{Class: core.Uncached}},
		{"no other writers", "external_writers: false\n    cache: {class: strict}", core.Caching{}},
		{"bounded", "cache: {class: bounded, ttl: 1m}", core.Caching{Class: core.Bounded, TTL: time.Minute}},
		{"all of it", "cache: {class: strict, ttl: 30m, scopes: [owner, price], max_age: 60s, request_directives: anonymous}",
			core.Caching{TTL: 30 * time.Minute, MaxAge: time.Minute, Scopes: []int{3, 2}, Directives: core.GivenByAnybody}},
		{"directives of who is known", "cache: {request_directives: authenticated}", core.Caching{Directives: core.GivenByAuthenticated}},
		{"directives of nobody", "cache: {request_directives: none}", core.Caching{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc, err := parseDocument("c.yaml", []byte(strings.Replace(right, "    access:", "    "+tt.text+"\n    access:", 1)), variables(nil), "")
			if err != nil {
				t.Fatal(err)
			}
			s, err := doc.read(builtin(), variables(nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			served, err := s.collections()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, served[0].Cache); diff != "" {
				t.Errorf("caching (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShowCaching shows that what counts has the defaults of the table in it.
func TestShowCaching(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "portolan.yaml", strings.Replace("cache: {driver: bigcache, bigcache: {max_mb: 8}}\n"+right, "    access:",
		"    external_writers: true\n    cache: {scopes: [owner]}\n    access:", 1))
	shown := newProgram(t).must(t, "config", "show", "--effective")
	for _, want := range []string{"cache:\n  driver: bigcache\n  bigcache:\n    max_mb: 8\n", "class: bounded\n", "ttl: 30s\n", "instances: one\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}
}
