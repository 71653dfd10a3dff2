package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// openapi answers with the document of what the caller may do.
func (s *server) openapi(x *exchange) error {
	ctx := x.r.Context()
	allowed := s.api.Collections(ctx, x.who)
	public := s.api.Collections(ctx, policy.Principal{Address: x.who.Address})
	if s.uploads == nil {
		for i := range allowed {
			allowed[i].Imports = false
		}
	}
	body, err := Document(allowed, public, s.base, Auth{
		KeySet: s.keySet != nil || s.documented.KeySet, Accounts: s.accounts != nil || s.documented.Accounts, Sessions: s.sessions() || s.documented.Sessions,
		OAuth: slices.Sorted(maps.Keys(s.providers)),
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return x.sendTagged(`"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`, sentJSON, body)
}

// A documenter gathers the parts of one document. What is shared goes among the
// components when it is first referred to.
type documenter struct {
	base    string
	allowed []core.Description
	public  map[string]core.Description // what needs no credential, by the name of the collection

	sessions bool // of accounts

	paths, schemas, parameters, headers, responses object
}

// Auth is what there is below /auth.
type Auth struct {
	KeySet   bool // the keys that verify our tokens
	Accounts bool
	OAuth    []string // the names of providers
	Sessions bool     // they have cookies, and Basic
}

// Document returns the OpenAPI 3.1 document of the collections in allowed, of
// exactly what may be done with them and seen of them. public says, in the same
// way, what needs no credential. base is the path before the collections, "/v1", and
// below says what else there is.
func Document(allowed, public []core.Description, base string, below Auth) ([]byte, error) {
	d := &documenter{base: base, allowed: allowed, public: map[string]core.Description{}}
	for _, each := range public {
		d.public[each.Collection.Name] = each
	}
	var tags array
	for i := range allowed {
		c := d.collection(&allowed[i])
		c.describe()
		tags = append(tags, object{{"name", c.Name}, {"description", "Records of the collection " + c.Name + "."}})
	}
	tags = append(tags, d.describeJobs()...)
	tags, schemes := d.describeAuth(below, tags)
	document := object{
		{"openapi", "3.1.0"},
		{"info", information},
		{"jsonSchemaDialect", "https://spec.openapis.org/oas/3.1/dialect/base"},
		{"servers", array{object{{"url", "/"}, {"description", "This server."}}}},
		{"security", array{object{}, needs("apiKey"), needs("bearer")}},
		{"tags", tags},
		{"paths", d.paths},
		{"components", object{
			{"schemas", d.schemas},
			{"parameters", d.parameters},
			{"headers", d.headers},
			{"responses", d.responses},
			{"securitySchemes", schemes},
		}},
	}
	if tags == nil { // nothing is allowed: an empty list is no null
		document[5].value, document[6].value = array{}, object{}
	}
	return plainJSON(document)
}

// information is what the document says of the whole API.
var information = object{
	{"title", "Portolan data API"},
	{"version", "1"},
	{"summary", "Collections of records, as far as you may use them."},
	{"description", `Every error is a problem document (RFC 9457) with a stable code.

Records have entity tags, "rev.variant": If-Match makes a write conditional upon
the revision, If-None-Match saves reading again what has not changed. Lists are
read page by page: the end is the absence of nextLink, and nothing else.

Filters are written as in OData: price gt 10 and contains(title, 'case').`},
	{"license", object{{"name", "Apache 2.0"}, {"identifier", "Apache-2.0"}}},
	{"contact", object{{"name", "The operator of this server"}}},
}

// securitySchemes are the ways to say who asks.
var securitySchemes = object{
	{"apiKey", object{
		{"type", "apiKey"}, {"in", "header"}, {"name", "X-API-Key"}, {"description", "A key that this server made."},
	}},
	{"bearer", object{
		{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}, {"description", "A token of an issuer that this server trusts."},
	}},
}

// needs returns the requirement of one security scheme.
func needs(scheme string) object { return object{{scheme, array{}}} }

// security returns who may do the action: anybody, or those with a credential.
func (c *documented) security(actions ...policy.Action) array {
	needed := array{needs("apiKey"), needs("bearer")}
	public := c.public[c.Name]
	for _, action := range actions {
		if public.Rights[action] == nil {
			return needed
		}
	}
	return append(array{object{}}, needed...)
}

// has reports whether the components already have one of the name.
func (o object) has(name string) bool {
	for _, each := range o {
		if each.name == name {
			return true
		}
	}
	return false
}

// shared returns the reference to a component, which it adds to the section if
// it is not there.
func shared(section *object, path, name string, build func() object) object {
	if !section.has(name) {
		*section = section.with(name, object{}) // first, so that a component may refer to itself
		at := len(*section) - 1
		(*section)[at].value = build()
	}
	return ref(path, name)
}
