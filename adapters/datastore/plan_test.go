package datastore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/schema"
)

// planned is a collection as a shop has it, whose texts without a bound Datastore does
// not index.
func planned(t *testing.T, indexes ...[]string) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "products", ID: "asin", Indexes: indexes, Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"}, {Name: "title", Type: "string"}, {Name: "brand", Type: "string", Max: "100"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2}, {Name: "stars", Type: "float"}, {Name: "category_id", Type: "int"},
		{Name: "tags", Type: "list", Items: "string"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asked returns the filter and the order as callers write them.
func asked(t *testing.T, c *schema.Collection, filter, order string) query.Query {
	t.Helper()
	names := query.Names{Collection: c}
	e, err := query.Parse(filter, names, query.MaxURLBytes)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := query.ParseOrder(order, names)
	if err != nil {
		t.Fatal(err)
	}
	return query.Query{View: query.View{Collection: c, Filter: e}, Order: query.Complete(keys, c.ID)}
}

// TestPlans shows which part of a query is native, and whether its order is.
func TestPlans(t *testing.T) {
	byCategory := []string{"category_id", "stars desc"}
	for _, tt := range []struct {
		filter, order string
		indexes       [][]string
		native        string // empty is everything
		ordered       bool
	}{
		{"", "", nil, "", true},
		{"asin eq 'a' and contains(title, 'x')", "price desc", nil, "asin eq 'a' and contains(title, 'x')", false},
		{"asin in ('a', 'b')", "", nil, "asin in ('a', 'b')", false},
		{"asin gt 'a'", "", nil, "asin gt 'a'", true},
		{"category_id eq 5", "", nil, "category_id eq 5", true},
		{"category_id eq 5 and brand eq null", "", nil, "category_id eq 5 and brand eq null", true},
		{"category_id in (5, 6) and brand eq 'x'", "", nil, "category_id in (5, 6) and brand eq 'x'", true},
		{"price gt 10.00", "price", nil, "price gt 10.00", true},
		{"price gt 10.00 and price le 20.00", "price", nil, "price gt 10.00 and price le 20.00", true},
		{"price gt 10.00", "", nil, "price gt 10.00", false},
		{"price gt 10.00", "price desc", nil, "price gt 10.00", false},
		{"price gt 10.00", "price desc", [][]string{{"price desc"}}, "price gt 10.00", true},
		{"startswith(brand, 'Ac')", "brand", nil, "startswith(brand, 'Ac')", true},
		{"brand ne null", "brand", nil, "brand ne null", true},
		{"category_id eq 5", "stars desc", nil, "category_id eq 5", false},
		{"category_id eq 5", "stars desc", [][]string{byCategory}, "category_id eq 5", true},
		{"category_id eq 5 and stars ge 4", "stars desc", [][]string{byCategory}, "category_id eq 5 and stars ge 4", true},
		{"category_id in (5, 6)", "stars desc", [][]string{byCategory}, "category_id in (5, 6)", true},
		{"category_id gt 5 and stars ge 4", "category_id,stars desc", [][]string{byCategory}, "category_id gt 5 and stars ge 4", true},
		{"category_id eq 5", "category_id,stars desc", [][]string{byCategory}, "category_id eq 5", true},
		{"category_id eq 5 or brand eq 'x'", "", nil, "category_id eq 5 or brand eq 'x'", true},
		{"(category_id eq 5 or brand eq 'x') and contains(title, 'y')", "", nil, "category_id eq 5 or brand eq 'x'", true},
		{"category_id eq 5 or contains(title, 'y')", "", nil, "", true},
		// Thirty combinations are what one query has at most.
		{"category_id in (1, 2, 3, 4, 5, 6) and brand in ('a', 'b', 'c', 'd', 'e')", "", nil, "category_id in (1, 2, 3, 4, 5, 6) and brand in ('a', 'b', 'c', 'd', 'e')", true},
		{"category_id in (1, 2, 3, 4, 5, 6) and brand in ('a', 'b', 'c', 'd', 'e', 'f')", "", nil, "brand in ('a', 'b', 'c', 'd', 'e', 'f')", true},
		// What Datastore cannot say.
		{"contains(brand, 'x')", "", nil, "", true},
		{"endswith(brand, 'x')", "", nil, "", true},
		{"title eq 'x'", "", nil, "", true},
		{"title ne null", "title", nil, "", false},
		{"tags has 'x'", "", nil, "", true},
		{"stars ne 4", "", nil, "", true},
		{"not (price lt 5.00)", "", nil, "", true},
	} {
		t.Run(tt.filter+" by "+tt.order, func(t *testing.T) {
			c := planned(t, tt.indexes...)
			q := asked(t, c, tt.filter, tt.order)
			native, rest, err := split(q)
			if err != nil {
				t.Fatal(err)
			}
			want := asked(t, c, tt.native, "").Filter
			if !equal(native, want) {
				t.Errorf("native is %q, want %q; the rest is %q", native.Text(c), want.Text(c), rest.Text(c))
			}
			p := planOf(c, native, q.Order)
			if ordered := p.ids == nil && p.ordered == p.most; ordered != tt.ordered {
				t.Errorf("in the order: %t, want %t", ordered, tt.ordered)
			}
		})
	}
}

// The text behind all that begin with a prefix is behind each of them, and before all
// others that are behind it.
func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "ab": "ac", "é": "ê", "\u007f": "\u0080", "\ud7ff": "\ue000", "\uffff": "\U00010000",
		"a\U0010FFFF": "b", "\U0010FFFF\U0010FFFF": "", "\U0010FFFE": "\U0010FFFF",
	} {
		if got := after(prefix); got != want {
			t.Errorf("after(%q) = %q, want %q", prefix, got, want)
		}
	}
}

// A question is what production looks at to find the index of a query.
type question struct {
	equal  []int // fields
	ranges []int
	order  []query.Key
}

// questions returns those that a path asks, without a cursor and behind one.
func (p *path) questions() []question {
	list := []question{p.question(0, nil)}
	for i := range p.come {
		list = append(list, p.question(i, &p.come[i]))
	}
	return list
}

func (p *path) question(pinned int, next *query.Key) question {
	q := question{order: p.come[pinned:]}
	for _, key := range p.come[:pinned] {
		q.equal = append(q.equal, key.Field)
	}
	if next != nil {
		q.ranges = append(q.ranges, next.Field)
	}
	for _, used := range p.used {
		switch {
		case slices.Contains(q.equal, used.field):
		case used.pins():
			q.equal = append(q.equal, used.field)
		default:
			q.ranges = append(q.ranges, used.field)
		}
	}
	return q
}

// servedByItself reports whether production needs no index of ours for the question.
func (q question) servedByItself(c *schema.Collection) bool {
	byKey := slices.Equal(q.order, []query.Key{{Field: c.ID}})
	other := slices.ContainsFunc(q.ranges, func(field int) bool { return field != c.ID && field != q.order[0].Field })
	switch {
	case byKey:
		return !other
	case len(q.equal) > 0 || len(q.order) > 2 || other:
		return false
	}
	return !q.order[0].Desc && q.order[len(q.order)-1] == query.Key{Field: c.ID}
}

// servedBy reports whether the index, as index.yaml has it, serves the question: first
// the fields that are equal to something, and then the order, in which all ranges are.
func (q question) servedBy(c *schema.Collection, index []query.Key) bool {
	equal := slices.Clone(q.equal)
	slices.Sort(equal)
	equal = slices.Compact(equal)
	if len(index) != len(equal)+len(q.order) {
		return false
	}
	for _, key := range index[:len(equal)] {
		if !slices.Contains(equal, key.Field) {
			return false
		}
	}
	in := func(field int) bool {
		return slices.ContainsFunc(q.order, func(key query.Key) bool { return key.Field == field })
	}
	return slices.Equal(index[len(equal):], q.order) && !slices.ContainsFunc(q.ranges, func(field int) bool { return !in(field) })
}

var yamlEntry = regexp.MustCompile(`- kind: "[^"]*"\n  properties:\n((?:  - name: "[^"]+"\n(?:    direction: desc\n)?)+)`)

// fileIndexes reads what index.yaml has, each complete with the key.
func fileIndexes(t *testing.T, c *schema.Collection) (indexes [][]query.Key) {
	t.Helper()
	text := Config{}.IndexFile([]*schema.Collection{c})
	for _, entry := range yamlEntry.FindAllStringSubmatch(string(text), -1) {
		var keys []query.Key
		for _, property := range strings.Split(strings.TrimPrefix(entry[1], "  - name: "), "  - name: ") {
			name, direction, _ := strings.Cut(strings.TrimSpace(property), "\n")
			position, known := c.Position(strings.Trim(name, `"`))
			if name == `"__key__"` {
				position, known = c.ID, true
			}
			if !known {
				t.Fatalf("index.yaml has the property %s", name)
			}
			keys = append(keys, query.Key{Field: position, Desc: direction != ""})
		}
		if keys[len(keys)-1].Field != c.ID {
			keys = append(keys, query.Key{Field: c.ID})
		}
		indexes = append(indexes, keys)
	}
	return indexes
}

// TestIndexFileCoversEveryPlan makes plans of random queries over collections with
// random indexes: production has, or is given, an index for each question that they ask.
func TestIndexFileCoversEveryPlan(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 2026))
	asked, needing := 0, 0
	for range 40 {
		c := indexedAtRandom(t, rng)
		have := fileIndexes(t, c)
		for range 100 {
			filter, order := querytest.RandomExpr(rng, c).Normal(), querytest.RandomOrder(rng, c)
			if rng.IntN(2) == 0 {
				filter, order = alongAnIndex(rng, c)
			}
			p := planOf(c, filter, order)
			if p.ids != nil {
				continue
			}
			for _, way := range []*reading{p.ordered, p.most} {
				if way == nil {
					continue
				}
				for i := range way.paths {
					for _, q := range way.paths[i].questions() {
						asked++
						if q.servedByItself(c) {
							continue
						}
						needing++
						if !slices.ContainsFunc(have, func(index []query.Key) bool { return q.servedBy(c, index) }) {
							t.Fatalf("%s by %v asks %+v, for which there is no index among %v", filter.Text(c), order, q, have)
						}
					}
				}
			}
		}
	}
	if needing < asked/20 {
		t.Errorf("of %d questions %d need an index of index.yaml, want more", asked, needing)
	}
	t.Logf("%d questions, of which %d need an index of index.yaml", asked, needing)
}

// alongAnIndex returns a query that an index is made for, or nearly so.
func alongAnIndex(rng *rand.Rand, c *schema.Collection) (query.Expr, []query.Key) {
	index := c.Indexes[rng.IntN(len(c.Indexes))]
	values := querytest.RandomRecord(rng, c, 0.2)
	var pins []query.Expr
	pinned := rng.IntN(len(index))
	for i, key := range index {
		if i < pinned || rng.IntN(4) == 0 {
			op := []query.Op{query.Eq, query.Ge, query.Lt}[max(0, rng.IntN(6)-3)]
			pins = append(pins, query.Expr{Op: op, Field: key.Field, Values: values[key.Field : key.Field+1]}.Normal())
		}
	}
	var order []query.Key
	for _, key := range index[pinned:] {
		order = append(order, query.Key(key))
	}
	return query.AllOf(pins...), query.Complete(order, c.ID)
}

// indexedAtRandom returns the collection of random queries with some indexes.
func indexedAtRandom(t *testing.T, rng *rand.Rand) *schema.Collection {
	t.Helper()
	spec := schema.Spec{Name: "random", ID: querytest.Collection().IDField().Name}
	var keys []string
	for _, f := range querytest.Collection().Fields {
		field := schema.FieldSpec{Name: f.Name, Type: f.Type.String(), Precision: f.Precision, Scale: f.Scale}
		if f.Items != 0 {
			field.Items = f.Items.String()
		}
		if f.MaxLength > 0 {
			field.Max = fmt.Sprint(f.MaxLength)
		}
		spec.Fields = append(spec.Fields, field)
		if f.Sortable() && f.Name != spec.ID {
			keys = append(keys, f.Name)
		}
	}
	for range 6 {
		var index []string
		for _, i := range rng.Perm(len(keys))[:1+rng.IntN(3)] {
			index = append(index, keys[i]+[]string{"", " desc"}[rng.IntN(2)])
		}
		spec.Indexes = append(spec.Indexes, index)
	}
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The file is what gcloud takes, and says nothing of what Datastore has by itself.
func TestIndexFile(t *testing.T) {
	c := planned(t, []string{"category_id", "stars desc"}, []string{"price"}, []string{"price desc"}, []string{"title"}, []string{"brand", "price"})
	text := Config{}.IndexFile([]*schema.Collection{c})
	const want = `indexes:
- kind: "products"
  properties:
  - name: "category_id"
  - name: "stars"
    direction: desc
  - name: "__key__"
    direction: desc
- kind: "products"
  properties:
  - name: "price"
    direction: desc
  - name: "__key__"
    direction: desc
- kind: "products"
  properties:
  - name: "brand"
  - name: "price"
`
	if string(text) != want {
		t.Errorf("index.yaml is\n%s\nwant\n%s", text, want)
	}
	unserved, err := (&Store{}).Unserved(context.Background(), c)
	if err != nil || len(unserved) != 1 || c.Fields[unserved[0][0].Field].Name != "title" {
		t.Errorf("Unserved = %v, %v, want the index of title alone", unserved, err)
	}
}
