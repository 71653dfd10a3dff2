package query_test

import (
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
)

// Whatever the text: no panic, every error has its kind, a code and a detail,
// and what is understood keeps the limits and is the same when its own text is
// read.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "flag", "not flag and count gt 1 or contains(name, 'it''s')", "price in (1, 2.50, -3e2)",
		"made ge 2026-01-01T00:00:00Z", `"null" eq null`, "tags has '😀'", "name in @claims.org.groups",
		"((((flag))))", "count add 1 mul 2", "extra.a.b eq null", "5 lt count", "count in ()", "'", `"`, "@claims.", "count eq --1",
	} {
		f.Add(seed)
	}
	c := querytest.Collection()
	names := query.Names{Collection: c, Claims: true}
	empty := make([]record.Value, len(c.Fields))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := query.Parse(text, names, query.MaxURLBytes)
		if err != nil {
			if got := fault.Of(err); got.Kind != fault.Invalid || got.Code == "" || got.Code == string(fault.Invalid) || got.Detail == "" {
				t.Fatalf("Parse(%q) returns an error of no use: %#v", text, got)
			}
			return
		}
		if nodes, depth := size(e); nodes > query.MaxNodes || depth > 2*query.MaxDepth+3 {
			t.Fatalf("Parse(%q) returns %d nodes, %d deep", text, nodes, depth)
		}
		canonical := e.Text(c)
		again, err := query.Parse(canonical, names, 64*query.MaxBodyBytes)
		if err != nil || !equal(again, e) || again.Text(c) != canonical {
			t.Fatalf("Parse(%q) has the text %q, which is read as %q: %v", text, canonical, again.Text(c), err)
		}
		if bound, ok := query.Bind(e, c, func(string) (any, bool) { return "1", true }); ok {
			query.Match(bound, empty)
		}
	})
}

func size(e query.Expr) (nodes, depth int) {
	nodes = 1
	for _, kid := range e.Kids {
		n, d := size(kid)
		nodes, depth = nodes+n, max(depth, d)
	}
	return nodes, depth + 1
}
