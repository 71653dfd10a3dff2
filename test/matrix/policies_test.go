package matrix_test

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// A row is a record as JSON has it.
type row map[string]any

// A caller is one column of the matrix: who asks, and what it brings.
type caller struct {
	name    string
	sub     string // empty: nobody
	roles   []string
	teams   []any  // the claim teams; nil: it has none
	address string // empty: one that no grant names
}

// A rule is on which rows an action may be done, twice: as a configuration says it,
// and as docs/configuration.md makes whoever reads it understand it.
type rule struct {
	where string
	holds func(row, caller) bool // nil: on every row
	needs func(caller) bool      // the claims that it takes are there; nil: none are taken
}

// A grant is what a role may do, twice in the same way.
type grant struct {
	role                         string
	read, create, update, remove *rule
	hide, readOnly, writable     []string
	from                         string // the beginning of the addresses that it counts from; empty: any
	allowFrom                    string
}

// The rules of the grants.
var (
	any_ = &rule{}
	mine = &rule{
		where: "owner eq @claims.sub",
		holds: func(r row, who caller) bool { return r["owner"] == who.sub },
		needs: func(who caller) bool { return who.sub != "" },
	}
	ours = &rule{
		where: "owner in @claims.teams",
		holds: func(r row, who caller) bool { return slices.Contains(who.teams, r["owner"]) },
		needs: func(who caller) bool { return len(who.teams) > 0 },
	}
	open = &rule{where: "state eq 'open'", holds: func(r row, _ caller) bool { return r["state"] == "open" }}
	orgA = &rule{where: "org eq 'a'", holds: func(r row, _ caller) bool { return r["org"] == "a" }}
)

// does grants every action under one rule.
func does(role string, r *rule) grant {
	return grant{role: role, read: r, create: r, update: r, remove: r}
}

// without is the grant without these fields to be seen.
func (g grant) without(fields ...string) grant { g.hide = fields; return g }

// things are what most of the matrix is about: a grant of every kind.
var things = []grant{
	{role: "reader", read: any_},
	does("own", mine),
	does("team", ours).without("secret"),
	does("hidden", any_).without("secret"),
	does("faceless", any_).without("owner"),
	{role: "frozen", read: any_, create: any_, update: any_, remove: any_, readOnly: []string{"state"}},
	{role: "creator", create: any_},
	{role: "owncreator", create: mine},
	{role: "editor", read: any_, update: mine},
	{role: "blindeditor", update: mine},
	{role: "blindwriter", create: any_, update: any_},
	{role: "remover", read: any_, remove: mine},
	{role: "dropper", remove: mine},
	{role: "closer", read: open, create: any_, update: any_, remove: any_},
	{role: "near", read: any_, create: any_, update: any_, remove: any_, from: "10.", allowFrom: "10.0.0.0/8"},
	grant{role: "dim", read: any_}.without("state"),
	does("kindless", any_).without("kind_id"),
	{role: "part", read: mine, update: mine, readOnly: []string{"state"}},
	{role: "adder", read: any_, create: any_, update: mine},
	{role: "reviser", read: any_, create: mine, update: any_},
	{role: "titler", read: any_, create: any_, update: any_, writable: []string{"title", "owner"}},
	{role: "fixer", update: any_, readOnly: []string{"state"}},
	does("admin", any_),
}

// posts are what everybody sees a part of.
var posts = []grant{
	grant{role: policy.Anonymous, read: open}.without("secret", "owner"),
	does(policy.Authenticated, mine),
	does("admin", any_),
}

// kinds are what things refer to: all of them for some, some of them for others, and
// none for the rest.
var kinds = []grant{
	{role: "reader", read: any_},
	{role: "hidden", read: any_},
	{role: "editor", read: any_},
	{role: "own", read: orgA},
	{role: "team", read: orgA},
	{role: "closer", read: orgA},
	grant{role: policy.Anonymous, read: orgA}.without("org"),
	does("admin", any_),
}

// names are a view of the things, with rights of its own.
var names = []grant{
	{role: "reader", read: mine},
	grant{role: "hidden", read: any_}.without("secret"),
	{role: "creator", read: any_},
	{role: "admin", read: any_},
}

// callers are who asks: each kind of grant alone, what makes it count and what does
// not, and the union of two.
var callers = []caller{
	{name: "nobody"},
	{name: "nobody from near", address: "10.1.1.1"},
	{name: "stranger", sub: "ann"},
	{name: "reader", sub: "ann", roles: []string{"reader"}},
	{name: "own", sub: "ann", roles: []string{"own"}},
	{name: "own of another", sub: "bob", roles: []string{"own"}},
	{name: "team", sub: "ann", roles: []string{"team"}, teams: []any{"crew", "bob"}},
	{name: "team without its claim", sub: "ann", roles: []string{"team"}},
	{name: "team of nobody", sub: "ann", roles: []string{"team"}, teams: []any{}},
	{name: "hidden", sub: "ann", roles: []string{"hidden"}},
	{name: "faceless", sub: "ann", roles: []string{"faceless"}},
	{name: "frozen", sub: "ann", roles: []string{"frozen"}},
	{name: "creator", sub: "ann", roles: []string{"creator"}},
	{name: "owncreator", sub: "ann", roles: []string{"owncreator"}},
	{name: "editor", sub: "ann", roles: []string{"editor"}},
	{name: "blindeditor", sub: "ann", roles: []string{"blindeditor"}},
	{name: "blindwriter", sub: "ann", roles: []string{"blindwriter"}},
	{name: "remover", sub: "ann", roles: []string{"remover"}},
	{name: "dropper", sub: "ann", roles: []string{"dropper"}},
	{name: "closer", sub: "ann", roles: []string{"closer"}},
	{name: "near", sub: "ann", roles: []string{"near"}, address: "10.1.1.1"},
	{name: "near from afar", sub: "ann", roles: []string{"near"}, address: "192.0.2.7"},
	{name: "admin", sub: "ada", roles: []string{"admin"}},
	{name: "own and reader", sub: "ann", roles: []string{"own", "reader"}},
	{name: "own and team", sub: "ann", roles: []string{"own", "team"}, teams: []any{"crew"}},
	{name: "own and hidden", sub: "ann", roles: []string{"own", "hidden"}},
	{name: "hidden and faceless", sub: "ann", roles: []string{"hidden", "faceless"}},
	{name: "frozen and editor", sub: "ann", roles: []string{"frozen", "editor"}},
	{name: "hidden and blindeditor", sub: "ann", roles: []string{"hidden", "blindeditor"}},
	{name: "kindless", sub: "ann", roles: []string{"kindless"}},
	{name: "part", sub: "ann", roles: []string{"part"}},
	{name: "part and own", sub: "ann", roles: []string{"part", "own"}},
	{name: "part and team", sub: "ann", roles: []string{"part", "team"}, teams: []any{"ann", "crew"}},
	{name: "frozen and blindwriter", sub: "ann", roles: []string{"frozen", "blindwriter"}},
	{name: "adder", sub: "ann", roles: []string{"adder"}},
	{name: "reviser", sub: "ann", roles: []string{"reviser"}},
	{name: "titler", sub: "ann", roles: []string{"titler"}},
	{name: "titler and frozen", sub: "ann", roles: []string{"titler", "frozen"}},
	{name: "titler and part", sub: "ann", roles: []string{"titler", "part"}},
	{name: "fixer", sub: "ann", roles: []string{"fixer"}},
	{name: "dim and fixer", sub: "ann", roles: []string{"dim", "fixer"}},
	{name: "remover and owncreator", sub: "ann", roles: []string{"remover", "owncreator"}},
}

// A right is what the grants come to for one caller and one action.
type right struct {
	ok               bool
	rows             func(row) bool
	all              bool // every row
	hidden, readOnly []string
}

// rule returns what the grant says of the action.
func (g grant) rule(action policy.Action) *rule {
	return map[policy.Action]*rule{policy.Read: g.read, policy.Create: g.create, policy.Update: g.update, policy.Delete: g.remove}[action]
}

// unwritable are the fields that the grant does not let be written.
func (g grant) unwritable() []string {
	if g.writable == nil {
		return g.readOnly
	}
	return slices.DeleteFunc(fieldsOf("things"), func(field string) bool { return field == "id" || slices.Contains(g.writable, field) })
}

// rightOf works the right out as docs/configuration.md says: a union, of rows and of
// fields, and of the fields that all grants show where every one of them has a filter.
func rightOf(grants []grant, who caller, action policy.Action) right {
	var whole, part []grant
	for _, g := range grants {
		r := g.rule(action)
		holds := g.role == policy.Anonymous || g.role == policy.Authenticated && who.sub != "" || who.sub != "" && slices.Contains(who.roles, g.role)
		switch {
		case r == nil, !holds, g.from != "" && !strings.HasPrefix(who.address, g.from), r.needs != nil && !r.needs(who):
		case r.holds == nil:
			whole = append(whole, g)
		default:
			part = append(part, g)
		}
	}
	switch {
	case len(whole) > 0:
		return right{ok: true, all: true, rows: func(row) bool { return true },
			hidden:   inAll(whole, func(g grant) []string { return g.hide }),
			readOnly: inAll(whole, grant.unwritable)}
	case len(part) == 0:
		return right{rows: func(row) bool { return false }}
	}
	some := right{ok: true, rows: func(r row) bool {
		return slices.ContainsFunc(part, func(g grant) bool { return g.rule(action).holds(r, who) })
	}}
	for _, g := range part {
		some.hidden = append(some.hidden, g.hide...)
		some.readOnly = append(some.readOnly, g.unwritable()...)
	}
	return some
}

// inAll returns what every one of the grants names.
func inAll(grants []grant, of func(grant) []string) (common []string) {
	for _, name := range of(grants[0]) {
		if !slices.ContainsFunc(grants, func(g grant) bool { return !slices.Contains(of(g), name) }) {
			common = append(common, name)
		}
	}
	return common
}

// specs are the grants as a configuration writes them.
func specs(grants []grant) []policy.GrantSpec {
	written := make([]policy.GrantSpec, len(grants))
	spec := func(r *rule) *policy.RuleSpec {
		if r == nil {
			return nil
		}
		return &policy.RuleSpec{Where: r.where}
	}
	for i, g := range grants {
		written[i] = policy.GrantSpec{
			Role: g.role, Read: spec(g.read), Create: spec(g.create), Update: spec(g.update), Delete: spec(g.remove),
			Hide: g.hide, ReadOnly: g.readOnly, Writable: g.writable,
		}
		if g.allowFrom != "" {
			written[i].AllowFrom = []string{g.allowFrom}
		}
	}
	return written
}

// thingFields are the fields of things and posts.
var thingFields = []schema.FieldSpec{
	{Name: "id", Type: "string", Max: "16"},
	{Name: "owner", Type: "string", Max: "16"},
	{Name: "title", Type: "string", Required: true, Max: "40"},
	{Name: "secret", Type: "string", Max: "16"},
	{Name: "state", Type: "string", Max: "8"},
	{Name: "slug", Type: "string", Max: "40", Derive: "slug(title)"},
	{Name: "kind_id", Type: "int", References: "kinds", Enforce: true},
}
