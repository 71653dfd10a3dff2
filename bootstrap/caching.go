package bootstrap

import (
	"slices"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/schema"
)

// foreignTTL is how old answers about a table that others write may be if the
// configuration does not say.
const foreignTTL = 30 * time.Second

// A Caching is how the answers of a collection are cached.
type Caching struct {
	// How old an answer may be: strict is never older than the last write, bounded
	// at most ttl, none is not cached. The default is strict; of a table that others
	// write (managed is false, or external_writers is true) it is bounded.
	Class string `yaml:"class" jsonschema:"enum=strict,enum=bounded,enum=none"`
	// How long an answer is kept. The default is 10m; of a table that others write
	// it is 30s.
	TTL time.Duration `yaml:"ttl"`
	// The fields by whose value pages live and die: a write of a record with one
	// value leaves the pages alone that are filtered by another.
	Scopes []string `yaml:"scopes"`
	// How long everybody may keep answers that are the same for all, without asking
	// again: Cache-Control is then public, in whole seconds. Without it nobody may,
	// and answers are as right as class says.
	MaxAge time.Duration `yaml:"max_age"`
	// Whose requests may ask of the cache, by their Cache-Control, to read anew
	// (no-cache), to keep nothing (no-store) or to read nothing (only-if-cached): none,
	// authenticated (everybody with a credential) or anonymous (everybody). Each such
	// request costs the repository what the cache is there to spare. The default is
	// none.
	RequestDirectives string `yaml:"request_directives" jsonschema:"enum=none,enum=authenticated,enum=anonymous"`
}

// foreign reports whether others write the collection's table, past this server.
func (c *Collection) foreign() bool { return c.unmanaged() || c.ExternalWriters }

// completeCaching fills in what is not written of how the collection is cached.
func (c *Collection) completeCaching() {
	if c.Cache == nil || c.Cache.Class != "" {
		return
	}
	c.Cache.Class = core.Strict.String()
	if c.foreign() {
		c.Cache.Class = core.Bounded.String()
		if c.Cache.TTL == 0 {
			c.Cache.TTL = foreignTTL
		}
	}
}

// caching returns how the answers of the collection are cached, having noted
// what cannot be promised of them.
func caching(entry *Entry[Collection], c *schema.Collection, found *mistakes) core.Caching {
	written := entry.Value.Cache
	if written == nil {
		if entry.Value.foreign() {
			return core.Caching{Class: core.Bounded, TTL: foreignTTL}
		}
		return core.Caching{}
	}
	note := func(keys []string, format string, args ...any) {
		node := within(entry.node, append([]string{"cache"}, keys...))
		found.add(entry.file, node, "collections."+entry.Name+".cache."+keys[0], format, args...)
	}
	compiled := core.Caching{TTL: written.TTL, MaxAge: written.MaxAge, Scopes: scopes(written.Scopes, c, note)}
	for _, class := range []core.Class{core.Strict, core.Bounded, core.Uncached} {
		if written.Class == class.String() {
			compiled.Class = class
		}
	}
	for _, givers := range []core.Givers{core.GivenByNobody, core.GivenByAuthenticated, core.GivenByAnybody} {
		if written.RequestDirectives == givers.String() {
			compiled.Directives = givers
		}
	}
	switch {
	case compiled.Class == core.Bounded && written.TTL == 0:
		note([]string{"class"}, "bounded needs a ttl, the age that an answer may have")
	case compiled.Class == core.Strict && entry.Value.foreign():
		note([]string{"class"}, "strict cannot be promised of a table that others write; write bounded with a ttl, or none")
	}
	if written.MaxAge%time.Second != 0 {
		note([]string{"max_age"}, "%s is no number of whole seconds, in which others count it; write one like 60s", written.MaxAge)
	}
	return compiled
}

// scopes returns the positions of the fields that scope pages, having noted
// those that cannot.
func scopes(names []string, c *schema.Collection, note func(keys []string, format string, args ...any)) []int {
	var positions []int
	for i, name := range names {
		at := []string{"scopes", index(i)}
		position, ok := c.Position(name)
		switch {
		case !ok:
			note(at, "there is no field called %s%s", name, unknown(name, "the fields", c.Names(c.All())))
		case c.Fields[position].Encrypted:
			note(at, "the field %s is encrypted, so no page can be filtered by it", name)
		case !c.Fields[position].Sortable():
			note(at, "the field %s is of type %s, whose values cannot be compared, so no page can be filtered by one", name, c.Fields[position].Type)
		case slices.Contains(positions, position):
			note(at, "%s is named twice", name)
		default:
			positions = append(positions, position)
		}
	}
	return positions
}
