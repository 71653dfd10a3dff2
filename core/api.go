// Package core is the data API itself, without HTTP and without a database.
// Start at [API]; the first line of each of its methods is the gate, in gate.go.
package core

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/derive"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/gather"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An API serves collections to principals. It is safe for concurrent use.
//
// Every method that answers a caller takes who asks as an argument, and begins
// with the gate: what a caller may not do is refused before anything is read, and
// what it may not see is narrowed out of the query before the store gets it.
// Every error has a fault.Kind, except a done context's.
type API struct {
	store       repository.Store
	native      func(query.Query) (native, rest query.Expr, err error) // the store's Split
	collections map[string]*collection
	order       []*collection  // in the order of the configuration
	served      []Collection   // as they were configured, in the same order
	cache       cache.Coherent // nil caches nothing
	cursors     sealer
	pepper      secrets.Value
	flights     flights                // what is being read for the cache
	together    gather.Turns[answer]   // what is being read because the cache cannot be used
	writer      atomic.Pointer[writer] // while there is a hold; see Hold
	running     running                // what writes with Once are being done
	rereads     *Rereads               // nil: nothing is read again
	sealer      *envelope.Sealer       // nil: no collection has an encrypted field
	now         func() time.Time
}

// A Collection is what the API serves: a schema and who may do what with it.
type Collection struct {
	Schema *schema.Collection
	Access policy.Access
	Cache  Caching
	Audit  Audit // which decisions about it are noted

	Deprecated *Deprecation // nil: it is there to stay
}

// A Deprecation says that a collection is to go.
type Deprecation struct {
	Since  time.Time // from when on callers are asked not to use it; may be in the future
	Sunset time.Time // from when on it may be gone; the zero time is not known yet
	Link   string    // an absolute URL of what to do instead, or empty
}

// Config is what an API is made from.
type Config struct {
	Store       repository.Store
	Collections []Collection
	Cache       cache.Coherent   // nil caches nothing
	CacheShared bool             // what one instance keeps of bounded collections others find
	CursorKey   []byte           // authenticates cursors; empty is a key that lives as long as the process
	CursorKeys  [][]byte         // accepted beside CursorKey
	Pepper      secrets.Value    // keys the hashes of API keys; nil refuses to make or accept any
	Sealer      *envelope.Sealer // seals what is kept of collections with encrypted fields; nil keeps no such thing
	Peppers     []secrets.Value  // accepted beside Pepper: API keys that were made under them are right
	Rereads     *Rereads         // look for hits that are not right; nil looks for none
	Now         func() time.Time // nil is time.Now
}

// collection is a served collection with all that is worked out beforehand.
type collection struct {
	*schema.Collection
	access   policy.Access
	caching  Caching       // its TTL is set
	stale    time.Duration // how old that may be which is read for an answer; what a write or a job reads is never old
	version  string        // of what is cached of it
	cursors  string        // names what signs the cursors of its pages
	derived  *derive.Set
	outbound []reference // enforced references from this collection
	inbound  []reference // enforced references to this collection

	lists memo[preparedList] // what requests come to
	views memo[preparedView]

	base      *collection // of a view: whose records it shows
	relations []relation  // by which other records can be shown within these
}

// A reference is a field of one collection that holds ids of another.
type reference struct {
	from  *schema.Collection
	field int // position in from
	to    *schema.Collection
}

// New returns an API. Every reference must name a collection that is there,
// and every derive expression must compile.
func New(config Config) (*API, error) {
	a := &API{
		store:       config.Store,
		cache:       config.Cache,
		native:      config.Store.Capabilities().Split,
		collections: make(map[string]*collection, len(config.Collections)),
		pepper:      config.Pepper,
		rereads:     config.Rereads,
		sealer:      config.Sealer,
		now:         config.Now,
		cursors:     newSealer(config.CursorKey, config.CursorKeys),
		served:      slices.Clone(config.Collections),
	}
	if a.now == nil {
		a.now = time.Now
	}
	for _, served := range config.Collections {
		derived, err := derive.Compile(served.Schema)
		if err != nil {
			return nil, err
		}
		c := &collection{Collection: served.Schema, access: served.Access, caching: served.Cache, derived: derived}
		c.cursors = a.cursors.name()
		if c.caching.TTL <= 0 {
			c.caching.TTL = DefaultTTL
		}
		if config.Store.Capabilities().Replica {
			c.stale = c.caching.behind(config.Cache != nil, config.CacheShared)
		}
		c.version = versionOf(c)
		if len(c.Table.RevisionKey) > 0 {
			c.version += c.cursors // whose key the revisions are made with
		}
		if a.collections[c.Name] != nil {
			return nil, fault.New(fault.Invalid, "core.New", "there are two collections called %s", c.Name)
		}
		a.collections[c.Name] = c
		a.order = append(a.order, c)
		if a.rereads != nil && a.cache != nil && c.Base == nil && c.caching.Class == Strict {
			a.rereads.watch(c.Name)
		}
	}
	return a, a.link()
}

// link finds for each collection who refers to it.
func (a *API) link() error {
	for _, c := range a.order {
		if err := a.findBase(c); err != nil {
			return err
		}
		for i, field := range c.Fields {
			if field.References == "" {
				continue
			}
			target := a.collections[field.References]
			if target == nil || target.Base != nil {
				return fault.New(fault.Invalid, "core.New", "%s.%s references %s, which is no collection",
					c.Name, field.Name, field.References)
			}
			if field.Type != target.IDField().Type {
				return fault.New(fault.Invalid, "core.New", "%s.%s is of type %s, but the id of %s is of type %s",
					c.Name, field.Name, field.Type, target.Name, target.IDField().Type)
			}
			if field.Enforce {
				r := reference{from: c.Collection, field: i, to: target.Collection}
				target.inbound = append(target.inbound, r)
				c.outbound = append(c.outbound, r)
			}
		}
		a.relate(c)
	}
	return nil
}

// Schemas returns the schemas of everything that the API stores, its own
// system collections included: what Store.Ensure must be given. Views are none.
func (a *API) Schemas() []*schema.Collection { return Schemas(a.served) }

// Schemas returns what [API.Schemas] would, of an API of the collections that is
// not made: what follows from the schemas alone needs no store.
func Schemas(collections []Collection) []*schema.Collection {
	schemas := []*schema.Collection{
		keysSchema, jobsSchema, onceSchema, modeSchema, accountsSchema, addressesSchema, identitiesSchema, sessionsSchema, codesSchema,
	}
	for _, c := range collections {
		if c.Schema.Base == nil {
			schemas = append(schemas, c.Schema)
		}
	}
	return schemas
}

// Served returns the collections as they were configured, in that order. The
// caller must not change what they point to.
func (a *API) Served() []Collection { return slices.Clone(a.served) }

// system returns one of the server's own collections, whose spec is part of
// this program and therefore right.
func system(spec schema.Spec) *schema.Collection {
	c, err := schema.System(spec)
	if err != nil {
		panic(err)
	}
	return c
}
