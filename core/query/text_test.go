package query_test

import (
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
)

func TestCanonical(t *testing.T) {
	c := querytest.Collection()
	view := query.View{Collection: c, Filter: parse(t, c, "count gt 1 and name eq 'a&b'"), Fields: []int{0, 1}}
	q := query.Query{View: view, Order: []query.Key{{Field: 1, Desc: true}, {Field: c.ID, Desc: true}}, Limit: 10}
	if got, want := view.Canonical(), "things?$select=flag,count&$filter=count gt 1 and name eq 'a&b'"; got != want {
		t.Errorf("View.Canonical() = %s, want %s", got, want)
	}
	if got, want := q.Canonical(), "things?$select=flag,count&$orderby=count desc,id desc&$filter=count gt 1 and name eq 'a&b'"; got != want {
		t.Errorf("Query.Canonical() = %s, want %s", got, want)
	}

	same := q
	same.Limit, same.After, same.Scan, same.Needs = 20, "cursor", 5, []int{3}
	same.Keep = func([]record.Value) bool { return false }
	if same.Canonical() != q.Canonical() {
		t.Error("the page, the needs or Keep change the canonical text of a query")
	}
	for name, change := range map[string]func(*query.Query){
		"collection": func(q *query.Query) { q.Collection = querytest.Numbered() },
		"filter":     func(q *query.Query) { q.Filter = query.Expr{} },
		"fields":     func(q *query.Query) { q.Fields = []int{0} },
		"order":      func(q *query.Query) { q.Order = []query.Key{{Field: c.ID, Desc: true}} },
		"direction":  func(q *query.Query) { q.Order = []query.Key{{Field: 1}, {Field: c.ID}} },
		"a value that looks like the rest": func(q *query.Query) {
			q.Filter = parse(t, c, "count gt 1 and name eq 'a&b'' and flag eq true or name eq '''")
		},
	} {
		other := q
		change(&other)
		if other.Canonical() == q.Canonical() {
			t.Errorf("another %s, and the canonical text is the same: %s", name, q.Canonical())
		}
	}
}

func TestAllOfAndAnyOf(t *testing.T) {
	c := querytest.Collection()
	e := func(text string) query.Expr { return parse(t, c, text) }
	for _, tt := range []struct {
		name string
		got  query.Expr
		want string
	}{
		{"all of none", query.AllOf(), "true"},
		{"any of none", query.AnyOf(), "false"},
		{"all of one", query.AllOf(e("count lt 1")), "count lt 1"},
		{"all with everything", query.AllOf(e(""), e("count lt 1"), e("true")), "count lt 1"},
		{"any with nothing", query.AnyOf(e("false"), e("count lt 1")), "count lt 1"},
		{"all with nothing", query.AllOf(e("false"), e("count lt 1")), "false"},
		{"any with everything", query.AnyOf(e("count lt 1"), e("")), "true"},
		{"flat", query.AllOf(e("flag and count lt 1"), e("flag and count gt 0")), "flag eq true and count lt 1 and count gt 0"},
		{"groups inside", query.AllOf(e("flag or count lt 1"), e("ratio lt 1 or ratio gt 5")),
			"(flag eq true or count lt 1) and (ratio lt 1 or ratio gt 5)"},
	} {
		if got := tt.got.Text(c); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPositions(t *testing.T) {
	c := querytest.Collection()
	got := parse(t, c, "not (ratio lt 1 or flag) and ratio gt 0 and contains(name, 'x')").Positions()
	want := []string{"flag", "ratio", "name"}
	if names := c.Names(got); len(names) != 3 || names[0] != want[0] || names[1] != want[1] || names[2] != want[2] {
		t.Errorf("Positions() are %v, want %v", names, want)
	}
	if got := (query.Expr{}).Positions(); len(got) != 0 {
		t.Errorf("Positions() of everything are %v, want none", got)
	}
}
