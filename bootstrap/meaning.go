package bootstrap

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/derive"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// maxDrainDelay leaves a second of stopTime for the requests that are still
// being answered.
const maxDrainDelay = 6 * time.Second

// collections returns what the settings say is served, or every mistake in
// what they mean: a schema that cannot be, a reference to nothing, a policy
// about fields that are not there.
func (s *settings) collections() ([]core.Collection, error) {
	var found mistakes
	s.checkService(&found)
	s.checkDevelopment(&found)
	s.checkAccounts(&found)
	if len(s.Collections) == 0 {
		found.add(s.document.name, nil, "", "there are no collections; write them under collections, or name their files under include")
	}
	compiled := make(map[string]*schema.Collection)
	var served []core.Collection
	for i := range s.Collections {
		entry := &s.Collections[i]
		if entry.Value.ViewOf != "" {
			continue
		}
		path := "collections." + entry.Name
		if _, twice := compiled[entry.Name]; twice {
			found.add(entry.file, entry.key, path, "another file has a collection called %s already", entry.Name)
			continue
		}
		c, err := schema.New(entry.Value.spec(entry.Name, s.revisionKey))
		compiled[entry.Name] = c
		if err != nil {
			addFault(&found, entry.file, entry.node, path, err)
			continue
		}
		s.checkKeys(entry, &found)
		if _, err := derive.Compile(c); err != nil {
			addFault(&found, entry.file, entry.node, path, err)
		}
		served = append(served, core.Collection{
			Schema: c, Access: compileAccess(entry, c, &found), Cache: caching(entry, c, &found), Audit: auditOf(entry.Value.Audit),
			Deprecated: deprecation(entry, &found),
		})
	}
	served = s.views(served, compiled, &found)
	for _, entry := range s.Collections {
		checkReferences(entry, compiled, s.Collections.names(), &found)
	}
	return served, found.err()
}

// addFault notes what the core says is wrong, at the node that each of its
// places points to.
func addFault(found *mistakes, file string, node *yaml.Node, path string, err error) {
	f := fault.Of(err)
	for _, place := range f.Places {
		keys := strings.Split(strings.Trim(place.Pointer, "/"), "/")
		found.add(file, within(node, keys), join(path, strings.Join(keys, ".")), "%s", place.Detail)
	}
	if len(f.Places) == 0 {
		found.add(file, node, path, "%s", f.Detail)
	}
}

// spec returns the collection as the schema package takes it.
func (c *Collection) spec(name string, revisionKey []byte) schema.Spec {
	spec := schema.Spec{
		Name: name, ID: c.ID, Indexes: c.Indexes, MaxScan: c.MaxScan,
	}
	if c.Table != nil {
		spec.Table = schema.Table{Name: c.Table.Name, Unmanaged: c.unmanaged(), Revision: c.Table.Revision}
		if c.hashed() {
			spec.Table.RevisionKey = revisionKey
		}
	}
	for _, entry := range c.Fields {
		f := entry.Value
		spec.Fields = append(spec.Fields, schema.FieldSpec{
			Name: entry.Name, Type: f.Type, Items: f.Items, Required: f.Required, ReadOnly: f.ReadOnly,
			Min: string(f.Min), Max: string(f.Max), Format: f.Format, Enum: f.Enum, Precision: f.Precision, Scale: f.Scale,
			Derive: f.Derive, References: f.References, Enforce: f.Enforce, Encrypted: f.Encrypted, Expand: f.Expand,
		})
	}
	return spec
}

// hashed reports whether the revisions of the table are made of its records.
func (c *Collection) hashed() bool { return c.unmanaged() && c.Table.Revision == "" }

// unmanaged reports whether the table is one that existed before.
func (c *Collection) unmanaged() bool { return c.Table != nil && !c.Table.Managed }

// spec returns the grant as the policy package takes it.
func (g *Grant) spec(role string) policy.GrantSpec {
	return policy.GrantSpec{
		Role:   role,
		Read:   first(g.Read, g.All),
		Create: first(g.Create, g.Write, g.All),
		Update: first(g.Update, g.Write, g.All),
		Delete: first(g.Delete, g.Write, g.All),
		Hide:   g.Hide, ReadOnly: g.ReadOnly, Writable: g.Writable, AllowFrom: g.AllowFrom,
	}
}

// first returns the first rule that is given, or nil if it says no or none is.
func first(rules ...*Rule) *policy.RuleSpec {
	for _, rule := range rules {
		if rule != nil && rule.Allowed {
			return &policy.RuleSpec{Where: rule.Where}
		}
		if rule != nil {
			return nil
		}
	}
	return nil
}

func (s *settings) checkService(found *mistakes) {
	note := func(key, format string, args ...any) {
		node := s.document.root
		if key != "" {
			node = within(node, []string{"service", key})
		}
		found.add(s.document.name, node, "service."+key, format, args...)
	}
	if !isAddress(s.Service.Listen) {
		note("listen", "%s is no address; write host:port, as in 127.0.0.1:8080 or :8080", quoted(s.Service.Listen))
	}
	if s.Service.Admin != "off" && !isAddress(s.Service.Admin) {
		note("admin", "%s is no address; write host:port, as in 127.0.0.1:9090, or off", quoted(s.Service.Admin))
	}
	if s.Service.Admin == "off" && s.Service.Docs == "admin" {
		note("docs", "the documentation cannot be on the admin listener, which is off")
	}
	if !basePath.MatchString(s.Service.Base) {
		note("base", "%s is no path to begin with; write one like /v1", quoted(s.Service.Base))
	}
	many := s.Service.Instances == "many"
	for i := range s.Collections {
		if entry := &s.Collections[i]; many && s.Service.CursorKey == nil && entry.Value.hashed() {
			entry.note(found, []string{"table"}, "many instances need service.cursor_key, so that the revisions of a table without a column of them are the same for all")
		}
	}
	if many && s.Cache.given() && !s.cache.shared {
		note("instances", "many cannot share the cache %s; choose one that they can, as redis, and name this one under near_cache", s.Cache.Driver)
	}
	if s.NearCache.given() && s.nearCache.shared {
		found.add(s.document.name, within(s.document.root, []string{"near_cache"}), "near_cache",
			"%s is not in this process; choose one that is, as bigcache", s.NearCache.Driver)
	}
	if s.NearCache.given() && (!many || !s.Cache.given()) {
		found.add(s.document.name, within(s.document.root, []string{"near_cache"}), "near_cache",
			"this is for service.instances: many with a cache that they share; without, name it under cache")
	}
	s.checkTLS(found)
	s.checkCORS(found)
	s.checkAudit(found)
	s.checkLimits(found)
	if s.Service.DrainDelay > maxDrainDelay {
		note("drain_delay", "the most allowed is %s", maxDrainDelay)
	}
}

// basePath is what the paths of the API may begin with.
var basePath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`)

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

func (s *settings) checkDevelopment(found *mistakes) {
	if !s.Development.Sample {
		return
	}
	for _, name := range sampleCollections {
		if !slices.Contains(s.Collections.names(), name) {
			found.add(s.document.name, within(s.document.root, []string{"development", "sample"}), "development.sample",
				"the sample needs the collections %s", enumerate(sampleCollections, "and"))
			return
		}
	}
}
