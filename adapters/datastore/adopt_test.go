package datastore

import (
	"math"
	"testing"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// TestAdopt shows what of another program's values a field takes, and what it does not.
func TestAdopt(t *testing.T) {
	within := func(v any) *datastore.Entity {
		return &datastore.Entity{Properties: []datastore.Property{{Name: "b", Value: v}, {Name: "a", Value: true}}}
	}
	integers, texts := schema.Field{Type: record.ListType, Items: record.IntType}, schema.Field{Type: record.ListType, Items: record.StringType}
	json, number, whole, text := schema.Field{Type: record.JSONType}, schema.Field{Type: record.FloatType}, schema.Field{Type: record.IntType}, schema.Field{Type: record.StringType}
	const refused = ""
	for _, tt := range []struct {
		name   string
		f      schema.Field
		stored any
		want   string // as JSON
	}{
		{"null", whole, nil, "null"},
		{"an integer as a float", number, int64(3), "3"},
		{"one that no float is", number, int64(maxWhole + 1), refused},
		{"a whole float as an int", whole, 4.0, "4"},
		{"a part of one", whole, 4.5, refused},
		{"one beyond what is exact", whole, math.Pow(2, 54), refused},
		{"no number", whole, math.NaN(), refused},
		{"an infinite one", number, math.Inf(1), refused},
		{"a text as an int", whole, "4", refused},
		{"a number as a text", text, int64(4), refused},
		{"a key as a text", text, datastore.NameKey("k", "n", nil), refused},
		{"an array", texts, []any{"x", ""}, `["x",""]`},
		{"an empty array", texts, []any{}, `[]`},
		{"an array of both numbers", integers, []any{int64(1), 2.0}, `[1,2]`},
		{"an array with a null", texts, []any{"x", nil}, refused},
		{"an array of others", texts, []any{int64(1)}, refused},
		{"an array as JSON", json, []any{int64(1), []byte{1}, within("x")}, `[1,"AQ==",{"a":true,"b":"x"}]`},
		{"an entity", json, within(time.Unix(0, 5000).UTC()), `{"a":true,"b":"1970-01-01T00:00:00.000005Z"}`},
		{"an entity as a text", text, within("x"), refused},
		{"an entity with a key in it", json, within(datastore.NameKey("k", "n", nil)), refused},
		{"an entity with no number", json, within(math.NaN()), refused},
		{"a text of JSON", json, ` {"b":1,"a":[]} `, `{"a":[],"b":1}`},
		{"a text of none", json, "x", refused},
		{"a number as JSON", json, int64(1), refused},
	} {
		v, ok := adopt(&tt.f, tt.stored)
		got := refused
		if ok {
			got = string(record.AppendValue(nil, v))
		}
		if got != tt.want {
			t.Errorf("%s is %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestDigest shows that the revision tells all values apart, and does not depend on the
// order in which properties come.
func TestDigest(t *testing.T) {
	one := func(v any) []datastore.Property { return []datastore.Property{{Name: "a", Value: v}} }
	seen := map[record.Revision]int{}
	for i, properties := range [][]datastore.Property{
		nil, one(nil), one(true), one(false), one(int64(1)), one(1.0), one("1"), one([]byte("1")), one([]any{}), one([]any{"1"}), one([]any{"1", "1"}), one([]any{"11"}),
		one(time.Unix(1, 0)), one(time.Unix(1, 1000)), one(&datastore.Entity{}), one(&datastore.Entity{Properties: one("1")}), one(&datastore.Entity{Properties: one("1"), Key: datastore.NameKey("k", "1", nil)}),
		one(datastore.NameKey("k", "1", nil)), one(datastore.IDKey("k", 1, nil)), one(datastore.GeoPoint{Lat: 1}), one(datastore.GeoPoint{Lng: 1}),
		{{Name: "b", Value: "1"}}, {{Name: "a", Value: "1"}, {Name: "b", Value: "1"}}, {{Name: "a1", Value: ""}, {Name: "b", Value: "1"}},
	} {
		revision := digest(&schema.Table{}, sorted(properties))
		if other, taken := seen[revision]; taken {
			t.Errorf("%d and %d have the same revision", other, i)
		}
		seen[revision] = i
	}
	a, b := datastore.Property{Name: "a", Value: "1"}, datastore.Property{Name: "b", Value: 0.0}
	negative := datastore.Property{Name: "b", Value: math.Copysign(0, -1)}
	first := digest(&schema.Table{}, sorted([]datastore.Property{a, b}))
	if second := digest(&schema.Table{}, sorted([]datastore.Property{negative, a})); first != second {
		t.Error("the revision depends on the order of the properties, or on the sign of 0")
	}
}
