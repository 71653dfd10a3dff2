package gormstore

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// TestLegs shows what comes behind a cursor, nearest first.
func TestLegs(t *testing.T) {
	one := record.Int(1)
	tests := []struct {
		name  string
		desc  []bool
		after []record.Value
		want  []leg
	}{
		{"no cursor", []bool{false}, nil, []leg{{}}},
		{"the id", []bool{false}, []record.Value{one}, []leg{{0, isGreater}}},
		{"the id, descending", []bool{true}, []record.Value{one}, []leg{{0, isLess}}},
		{"ascending", []bool{false, false}, []record.Value{one, one}, []leg{{1, isGreater}, {0, isGreater}}},
		{"ascending from null", []bool{false, false}, []record.Value{record.Null, one}, []leg{{1, isGreater}, {0, isSomething}}},
		{"descending", []bool{true, true}, []record.Value{one, one}, []leg{{1, isLess}, {0, isLess}, {0, isNothing}}},
		{"descending from null", []bool{true, true}, []record.Value{record.Null, one}, []leg{{1, isLess}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			order := make([]query.Key, len(tt.desc))
			for i, desc := range tt.desc {
				order[i] = query.Key{Field: i, Desc: desc}
			}
			if diff := cmp.Diff(tt.want, legs(order, tt.after), cmp.AllowUnexported(leg{})); diff != "" {
				t.Errorf("legs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShapes shows that what is printed otherwise has another shape, and that
// values alone make none.
func TestShapes(t *testing.T) {
	text := func(values ...string) (list []record.Value) {
		for _, v := range values {
			list = append(list, record.String(v))
		}
		return list
	}
	tests := []struct {
		name string
		a, b query.Expr
		same bool
	}{
		{"other value", query.Expr{Op: query.Eq, Values: text("x")}, query.Expr{Op: query.Eq, Values: text("y")}, true},
		{"null", query.Expr{Op: query.Eq, Values: text("x")}, query.Expr{Op: query.Eq, Values: []record.Value{record.Null}}, false},
		{"empty", query.Expr{Op: query.Contains, Values: text("x")}, query.Expr{Op: query.Contains, Values: text("")}, false},
		{"other operator", query.Expr{Op: query.Lt, Values: text("x")}, query.Expr{Op: query.Le, Values: text("x")}, false},
		{"other field", query.Expr{Op: query.Eq, Values: text("x")}, query.Expr{Op: query.Eq, Field: 1, Values: text("x")}, false},
		{"three or four", query.Expr{Op: query.In, Values: text("x", "y", "z")}, query.Expr{Op: query.In, Values: text("x", "y", "z", "w")}, true},
		{"two or three", query.Expr{Op: query.In, Values: text("x", "y")}, query.Expr{Op: query.In, Values: text("x", "y", "z")}, false},
		{"null among them", query.Expr{Op: query.In, Values: text("x")},
			query.Expr{Op: query.In, Values: append(text("x"), record.Null)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := begin('f'), begin('f')
			a.filter(tt.a)
			b.filter(tt.b)
			if got := string(a.shape) == string(b.shape); got != tt.same {
				t.Errorf("the same shape: got %t, want %t", got, tt.same)
			}
		})
	}
}

// TestPlansAreBounded fills the memory of plans with shapes.
func TestPlansAreBounded(t *testing.T) {
	var p plans
	for i := range 3 * maxPlans {
		p.find([]byte(fmt.Sprint(i)), func() *plan { return &plan{} })
		if len(p.kept) > maxPlans {
			t.Fatalf("plans kept: got %d, want at most %d", len(p.kept), maxPlans)
		}
	}
	made := 0
	for range 2 {
		p.find([]byte("again"), func() *plan { made++; return &plan{} })
	}
	if made != 1 {
		t.Errorf("a plan asked for twice was made %d times, want once", made)
	}
}

// TestAfter shows the text that ends a prefix.
func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "az": "a{", "é": "\u00ea", "\U0010ffff": "\xf4\x8f\xbf\xc0"} {
		if got := after(prefix); got != want {
			t.Errorf("after(%q): got %q, want %q", prefix, got, want)
		}
	}
}
