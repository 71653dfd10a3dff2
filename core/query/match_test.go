package query_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
)

// Every operator, with a field and an operand that are null or not, as it is
// and under not. The logic is two-valued: under not is always the opposite.
func TestMatchNull(t *testing.T) {
	one, two := record.Int(1), record.Int(2)
	text, list := record.String("one"), record.List([]record.Value{one, record.Null})
	for _, tt := range []struct {
		op       query.Op
		field    record.Value
		operands []record.Value
		want     bool
	}{
		{query.Eq, one, []record.Value{one}, true},
		{query.Eq, one, []record.Value{two}, false},
		{query.Eq, one, []record.Value{record.Null}, false},
		{query.Eq, record.Null, []record.Value{one}, false},
		{query.Eq, record.Null, []record.Value{record.Null}, true},
		{query.Ne, one, []record.Value{one}, false},
		{query.Ne, one, []record.Value{two}, true},
		{query.Ne, one, []record.Value{record.Null}, true},
		{query.Ne, record.Null, []record.Value{one}, true},
		{query.Ne, record.Null, []record.Value{record.Null}, false},
		{query.Lt, one, []record.Value{two}, true},
		{query.Lt, one, []record.Value{one}, false},
		{query.Lt, one, []record.Value{record.Null}, false},
		{query.Lt, record.Null, []record.Value{one}, false},
		{query.Lt, record.Null, []record.Value{record.Null}, false},
		{query.Le, one, []record.Value{one}, true},
		{query.Le, two, []record.Value{one}, false},
		{query.Le, record.Null, []record.Value{one}, false},
		{query.Le, record.Null, []record.Value{record.Null}, false},
		{query.Gt, two, []record.Value{one}, true},
		{query.Gt, one, []record.Value{one}, false},
		{query.Gt, one, []record.Value{record.Null}, false},
		{query.Gt, record.Null, []record.Value{one}, false},
		{query.Ge, one, []record.Value{one}, true},
		{query.Ge, one, []record.Value{two}, false},
		{query.Ge, one, []record.Value{record.Null}, false},
		{query.Ge, record.Null, []record.Value{record.Null}, false},
		{query.In, one, []record.Value{two, one}, true},
		{query.In, one, []record.Value{two, record.Null}, false},
		{query.In, one, nil, false},
		{query.In, record.Null, []record.Value{one}, false},
		{query.In, record.Null, []record.Value{one, record.Null}, true},
		{query.Contains, text, []record.Value{record.String("n")}, true},
		{query.Contains, text, []record.Value{record.String("N")}, false},
		{query.Contains, text, []record.Value{record.String("")}, true},
		{query.Contains, text, []record.Value{record.Null}, false},
		{query.Contains, record.Null, []record.Value{record.String("")}, false},
		{query.StartsWith, text, []record.Value{record.String("on")}, true},
		{query.StartsWith, text, []record.Value{record.String("ne")}, false},
		{query.StartsWith, record.Null, []record.Value{record.String("")}, false},
		{query.EndsWith, text, []record.Value{record.String("ne")}, true},
		{query.EndsWith, text, []record.Value{record.String("on")}, false},
		{query.EndsWith, record.Null, []record.Value{record.String("")}, false},
		{query.Has, list, []record.Value{one}, true},
		{query.Has, list, []record.Value{two}, false},
		{query.Has, list, []record.Value{record.Null}, false},
		{query.Has, record.Null, []record.Value{one}, false},
	} {
		e := query.Expr{Op: tt.op, Values: tt.operands}
		fields := []record.Value{tt.field}
		if got := query.Match(e, fields); got != tt.want {
			t.Errorf("%v %v %v: got %t, want %t", tt.field, tt.op, tt.operands, got, tt.want)
		}
		not := query.Expr{Op: query.Not, Kids: []query.Expr{e}}
		if got := query.Match(not, fields); got == tt.want {
			t.Errorf("not %v %v %v: got %t, want %t", tt.field, tt.op, tt.operands, got, !tt.want)
		}
		if got := query.Match(e.Normal(), fields); got != tt.want {
			t.Errorf("normal form of %v %v %v: got %t, want %t", tt.field, tt.op, tt.operands, got, tt.want)
		}
		if got := query.Match(not.Normal(), fields); got == tt.want {
			t.Errorf("normal form of not %v %v %v: got %t, want %t", tt.field, tt.op, tt.operands, got, !tt.want)
		}
	}
}

func TestMatchLogic(t *testing.T) {
	yes, no := query.Expr{Op: query.All}, query.Expr{Op: query.None}
	for _, tt := range []struct {
		op   query.Op
		kids []query.Expr
		want bool
	}{
		{query.And, []query.Expr{yes, yes}, true},
		{query.And, []query.Expr{yes, no}, false},
		{query.And, []query.Expr{no, yes}, false},
		{query.Or, []query.Expr{no, yes}, true},
		{query.Or, []query.Expr{yes, no}, true},
		{query.Or, []query.Expr{no, no}, false},
		{query.Not, []query.Expr{yes}, false},
		{query.Not, []query.Expr{no}, true},
	} {
		if got := query.Match(query.Expr{Op: tt.op, Kids: tt.kids}, nil); got != tt.want {
			t.Errorf("%v of %v: got %t, want %t", tt.op, tt.kids, got, tt.want)
		}
	}
}

// A filter with a claim must never be evaluated: under not it would let
// everything pass.
func TestMatchRefusesClaims(t *testing.T) {
	c := querytest.Collection()
	e := parse(t, c, "not name in @claims.blocked")
	defer func() {
		if recover() == nil {
			t.Error("Match of a filter with an unbound claim did not panic")
		}
	}()
	query.Match(e, make([]record.Value, len(c.Fields)))
}

// Compare puts null first ascending and last descending, and orders strings by
// octets: a supplementary character comes after every other.
func TestCompare(t *testing.T) {
	values := []record.Value{
		record.Null, record.String(""), record.String("A"), record.String("a"), record.String("a "),
		record.String("b"), record.String("\uFF21"), record.String("😀"),
	}
	for i, a := range values {
		for j, b := range values {
			rows := [2][]record.Value{{a, record.Int(int64(i))}, {b, record.Int(int64(j))}}
			for _, desc := range []bool{false, true} {
				want := i - j
				if desc {
					want = -want
				}
				got := query.Compare([]query.Key{{Field: 0, Desc: desc}}, rows[0], rows[1])
				if sign(got) != sign(want) {
					t.Errorf("Compare(%v, %v, desc %t) = %d, want the sign of %d", a, b, desc, got, want)
				}
			}
		}
	}
	tie := []query.Key{{Field: 0}, {Field: 1, Desc: true}}
	if got := query.Compare(tie, []record.Value{record.Null, record.Int(1)}, []record.Value{record.Null, record.Int(2)}); got <= 0 {
		t.Errorf("the second key does not break a tie: got %d", got)
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestMatchAndCompareDoNotAllocate(t *testing.T) {
	c := querytest.Collection()
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := querytest.RandomRecord(rng, c, 0.3), querytest.RandomRecord(rng, c, 0.3)
	order := querytest.RandomOrder(rng, c)
	for range 50 {
		e := querytest.RandomExpr(rng, c)
		if n := testing.AllocsPerRun(5, func() { query.Match(e, a); query.Compare(order, a, b) }); n > 0 {
			t.Fatalf("%s: %v allocations, want none", e.Text(c), n)
		}
	}
}

// The normal form, and the text of it read again, match what the filter itself
// matches, and are the same however the filter was written.
func TestCanonicalRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c := querytest.Collection()
	var records [][]record.Value
	for range 60 {
		records = append(records, querytest.RandomRecord(rng, c, 0.3))
	}
	for range 3000 {
		e := querytest.RandomExpr(rng, c)
		text := e.Text(c)
		again := parse(t, c, text)
		if !equal(again, e.Normal()) {
			t.Fatalf("Parse(Text) differs from the normal form\n got %#v\nwant %#v\ntext %s", again, e.Normal(), text)
		}
		if !equal(again.Normal(), again) {
			t.Fatalf("the normal form of a normal form is another: %s", text)
		}
		if got := shuffled(rng, e).Text(c); got != text {
			t.Fatalf("written in another order it has another text\n got %s\nwant %s", got, text)
		}
		for _, fields := range records {
			if got, want := query.Match(again, fields), query.Match(e, fields); got != want {
				t.Fatalf("the normal form matches %t, the filter %t: %s", got, want, text)
			}
		}
	}
}

// shuffled returns a filter that says the same: operands in another order, one
// of them twice, groups inside groups, not not before it.
func shuffled(rng *rand.Rand, e query.Expr) query.Expr {
	if e.Op == query.In {
		e.Values = slices.Clone(e.Values)
		rng.Shuffle(len(e.Values), func(i, j int) { e.Values[i], e.Values[j] = e.Values[j], e.Values[i] })
		return e
	}
	kids := make([]query.Expr, len(e.Kids))
	for i := range e.Kids {
		kids[i] = shuffled(rng, e.Kids[i])
	}
	e.Kids = kids
	if e.Op == query.And || e.Op == query.Or {
		rng.Shuffle(len(kids), func(i, j int) { kids[i], kids[j] = kids[j], kids[i] })
		e.Kids = []query.Expr{{Op: e.Op, Kids: kids}, kids[0]}
	}
	if rng.IntN(2) == 0 {
		e = query.Expr{Op: query.Not, Kids: []query.Expr{{Op: query.Not, Kids: []query.Expr{e}}}}
	}
	return e
}

// equal reports whether two filters are the same tree.
func equal(a, b query.Expr) bool {
	return a.Op == b.Op && a.Field == b.Field && a.Claim == b.Claim &&
		slices.EqualFunc(a.Values, b.Values, record.Equal) && slices.EqualFunc(a.Kids, b.Kids, equal)
}
