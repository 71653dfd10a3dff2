package query_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
)

func TestParseApply(t *testing.T) {
	c := querytest.Collection()
	names := query.Names{Collection: c, Hidden: make([]bool, len(c.Fields))}
	at := func(name string) int { position, _ := c.Position(name); return position }
	names.Hidden[at("ratio")] = true
	total := query.Measure{Func: query.Count, As: "total"}
	mean := query.Measure{Func: query.Average, Field: at("price"), As: "mean"}
	for _, tt := range []struct {
		text   string
		filter string
		groups []int
		want   []query.Measure
	}{
		{"aggregate($count as total)", "true", nil, []query.Measure{total}},
		{" groupby ( ( kind , count ) , aggregate( $count as total , price with average as mean ) ) ", "true",
			[]int{at("kind"), at("count")}, []query.Measure{total, mean}},
		{"filter(name eq ')''(' and (flag))/groupby((kind))", "flag eq true and name eq ')''('", []int{at("kind")}, nil},
		{"filter(flag) / aggregate(price with average as mean)", "flag eq true", nil, []query.Measure{mean}},
	} {
		got, err := query.ParseApply(tt.text, names)
		if err != nil {
			t.Errorf("ParseApply(%q): %v", tt.text, err)
			continue
		}
		if text := got.Filter.Text(c); text != tt.filter {
			t.Errorf("ParseApply(%q) filters by %s, want %s", tt.text, text, tt.filter)
		}
		if diff := cmp.Diff(tt.groups, got.GroupBy) + cmp.Diff(tt.want, got.Measures); diff != "" || got.Limit != query.MaxGroups {
			t.Errorf("ParseApply(%q), limit %d:\n%s", tt.text, got.Limit, diff)
		}
	}
	for _, tt := range []struct{ text, code, detail string }{
		{"", "syntax", "should stand here"},
		{"topcount(5)", "syntax", "should stand here"},
		{"filter(flag)", "syntax", "is followed by"},
		{"filter(flag", "syntax", "the closing parenthesis of filter is missing"},
		{"filter(ratio eq 1)/aggregate($count as n)", "unknown-field", `at character 8, near "ratio eq 1": there is no field ratio`},
		{"aggregate($counting as n)", "unknown-field", "there is no field $counting"},
		{"groupby((ratio))", "unknown-field", "there is no field ratio"},
		{"groupby((tags))", "wrong-type", "by which nothing is grouped"},
		{"groupby((kind)", "syntax", "closing parenthesis of groupby"},
		{"groupby((kind),sum(price))", "syntax", "stands aggregate"},
		{"aggregate($count)", "syntax", "ends with as"},
		{"aggregate($count as total,$count as total)", "syntax", "total is there twice"},
		{"groupby((kind),aggregate($count as kind))", "syntax", "kind is there twice"},
		{"aggregate(price with median as m)", "unknown-operator", "sum, average, min and max"},
		{"aggregate(name with sum as m)", "wrong-type", "knows no sum"},
		{"aggregate(ratio with sum as m)", "unknown-field", "there is no field ratio"},
		{"aggregate($count as n) x", "syntax", "the end should stand here"},
	} {
		_, err := query.ParseApply(tt.text, names)
		checkFault(t, err, tt.code, tt.detail)
	}
}
