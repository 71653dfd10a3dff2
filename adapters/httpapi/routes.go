package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// An operation is what one method does with one resource.
type operation struct {
	serve    func(x *exchange) error // answers, or returns why not
	options  []string                // of the query, all others are refused
	prefers  []string                // preferences that it knows
	produces string                  // the media type of its answer, or empty if it has no body of one
	records  bool                    // it answers with records, in whichever of the representations is accepted
	slow     bool                    // how long it takes is the client's matter: it has deadlines of its own
	acts     string                  // what it does with records, for the audit log; empty is nothing
	open     bool                    // it answers all alike: neither query nor credentials are read
	nameless bool                    // whoever asks need not say who they are: credentials are not read, unless the operation asks for them
	enters   bool                    // it decides whether somebody comes in: it makes an account, a login or a password
	cost     string                  // what the limits count it as; empty is an ordinary request

	unlimited bool // the limits do not count it
}

// A resource is a path with the operations on it.
type resource struct {
	template string // "/v1/{collection}/{id}"
	below    bool   // everything below the path belongs to it
	methods  map[string]operation
}

// pattern returns the template as gorilla/mux takes it. No variable takes a
// segment that begins with "$", because these are operations.
func (res *resource) pattern() string { return strings.ReplaceAll(res.template, "}", ":[^$/][^/]*}") }

// operation returns what the method does. HEAD is GET without its body.
func (res *resource) operation(method string) (operation, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	op, ok := res.methods[method]
	return op, ok
}

// allow returns the methods that the resource takes, for the Allow header.
func (res *resource) allow() string {
	allowed := []string{http.MethodOptions}
	for method := range res.methods {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return strings.Join(slices.Compact(allowed), ", ")
}

// allow returns the methods that the resource takes for the collection of the
// path: a view is only read.
func (x *exchange) allow() string {
	if !x.site.views[x.collection] {
		return x.resource.allow()
	}
	writes := []string{http.MethodPut, http.MethodPatch, http.MethodDelete}
	if !strings.HasSuffix(x.resource.template, "/$query") {
		writes = append(writes, http.MethodPost)
	}
	return strings.Join(slices.DeleteFunc(strings.Split(x.resource.allow(), ", "), func(method string) bool {
		return slices.Contains(writes, method)
	}), ", ")
}

// readyPath is where load balancers ask whether to send requests.
const readyPath = "/readyz"

// The options that a list takes in its URL.
var listOptions = []string{"$filter", "$orderby", "$select", "$first", "$after", "$count", "$expand"}

// resources returns all that the public listener has. How many there are does
// not depend on the collections.
func (s *server) resources() []*resource {
	const collection, id = "/{collection}", "/{id}"
	answers := []string{preferReturn, preferTx}
	resources := []*resource{
		{template: "/livez", methods: map[string]operation{
			http.MethodGet: {serve: live, open: true, unlimited: true},
		}},
		{template: readyPath, methods: map[string]operation{
			http.MethodGet: {serve: readiness(s.ready), open: true, unlimited: true},
		}},
	}
	resources = append(resources, s.authResources()...) // before records: no collection is called auth
	resources = append(resources, []*resource{
		{template: s.base + collection, methods: map[string]operation{
			http.MethodGet:  {serve: s.list, acts: actsRead, options: listOptions, produces: producesJSON, records: true},
			http.MethodPost: {serve: s.create, acts: actsCreate, prefers: slices.Concat(answers, []string{preferContinue}), produces: producesJSON},
		}},
		{template: s.base + collection + "/$query", methods: map[string]operation{
			http.MethodPost: {serve: s.listByBody, acts: actsRead, options: []string{"$after"}, produces: producesJSON, records: true, cost: core.CostQuery},
		}},
		{template: s.base + collection + "/$aggregate", methods: map[string]operation{
			http.MethodGet: {serve: s.aggregate, acts: actsRead, options: []string{"$apply"}, produces: producesJSON, records: true, cost: core.CostAggregate},
		}},
		{template: s.base + collection + "/$delete", methods: map[string]operation{
			http.MethodPost: {serve: s.deleteMany, acts: actsDelete, prefers: []string{preferMaxAffected, preferTx}, produces: producesJSON, cost: core.CostDelete},
		}},
		{template: s.base + collection + "/$import", methods: map[string]operation{
			http.MethodPost: {serve: s.importAll, acts: actsImport, prefers: []string{preferAsync}, produces: producesJSON, slow: true, cost: core.CostImport},
		}},
		{template: s.base + "/jobs" + id, methods: map[string]operation{ // before records: no collection is called jobs
			http.MethodGet: {serve: s.job, produces: producesJSON},
		}},
		{template: s.base + collection + id, methods: map[string]operation{
			http.MethodGet:    {serve: s.get, acts: actsRead, options: []string{"$select", "$expand"}, produces: producesJSON},
			http.MethodPut:    {serve: s.replace, acts: actsPut, prefers: answers, produces: producesJSON},
			http.MethodPatch:  {serve: s.patch, acts: actsUpdate, prefers: answers, produces: producesJSON},
			http.MethodDelete: {serve: s.remove, acts: actsDelete, prefers: []string{preferTx}},
		}},
	}...)
	if s.docs == DocsPublic {
		resources = slices.Concat(s.docResources(), resources) // first: a base may be empty
	}
	return resources
}

// find makes the path of the request canonical, and finds its resource.
func (x *exchange) find() error {
	if x.resource = x.direct(); x.resource != nil {
		return nil
	}
	return x.route()
}

// route is find for any path.
func (x *exchange) route() error {
	segments, canonical, err := canonicalPath(x.path)
	if err != nil {
		return err
	}
	if canonical != x.path {
		address := *x.r.URL
		address.Path, address.RawPath = "/"+strings.Join(segments, "/"), canonical
		x.r = x.r.WithContext(x.r.Context()) // a copy: the request is not ours to change
		x.r.URL = &address
	}
	var match mux.RouteMatch
	if !x.site.router.Match(x.r, &match) || match.Route == nil {
		return x.site.noResource(segments)
	}
	x.resource = x.site.resources[match.Route.GetName()]
	x.collection, err = url.PathUnescape(match.Vars["collection"])
	if err == nil {
		x.key, err = url.PathUnescape(match.Vars["id"])
	}
	if err != nil {
		return badPath("the path is not percent-encoded UTF-8")
	}
	return nil
}

// direct returns the resource of what nearly all requests are about, a collection
// that is served or a record of it whose id is plain, and nil for everything else.
// It finds what the router would find; that would take as long as all the rest of
// an answer from the cache. Below an empty base there are other things too.
func (x *exchange) direct() *resource {
	rest, below := strings.CutPrefix(x.path, x.site.below)
	collection, id, record := strings.Cut(rest, "/")
	if !below || x.site.base == "" || !x.site.collections[collection] {
		return nil
	}
	if !record {
		x.collection = collection
		return x.site.listed
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return nil
		}
	}
	if id == "" {
		return nil
	}
	x.collection, x.key = collection, id
	return x.site.single
}

// noResource is the error for a path that leads nowhere.
func (s *site) noResource(segments []string) error {
	const op = "httpapi.find"
	err := fault.New(fault.NotFound, op, "there is nothing at this path").Coded("unknown-path")
	last := segments[len(segments)-1]
	switch {
	case len(segments) > 1 && last == "":
		return err.Hinting("leave the slash at the end out")
	case strings.HasPrefix(last, "$"):
		err.Detail = "there is no operation of this name"
		if near := fault.Nearest(last, []string{"$query", "$aggregate", "$delete"}); near != "" && len(segments) > 1 {
			return err.Hinting("did you mean %s?", near)
		}
	case s.base != "" && "/"+segments[0] != s.base && !strings.HasPrefix(s.base, "/"+segments[0]+"/"):
		return err.Hinting("collections are below %s", s.base)
	}
	return err
}
