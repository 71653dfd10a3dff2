package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestAggregatesAgreeWithTheSpecification asks for random aggregations over HTTP,
// of random records a third of whose values are null, and compares the answers of
// both stores with those of query.Fold.
func TestAggregatesAgreeWithTheSpecification(t *testing.T) {
	inMemory, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	inFile, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db"), Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]repository.Store{"memory": inMemory, "sqlite": inFile} {
		t.Run(name, func(t *testing.T) {
			defer store.Close()
			c := querytest.Collection()
			rng := rand.New(rand.NewPCG(7, 8))
			api, err := core.New(core.Config{Store: store, Collections: []core.Collection{{
				Schema: c, Access: policy.Access{{Role: policy.Anonymous, Where: [4]*query.Expr{policy.Read: {}}, Hide: make([]bool, len(c.Fields))}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			handler, err := New(Config{API: api, Base: "/v1"})
			if err != nil {
				t.Fatal(err)
			}
			records := put(t, store, api, rng)
			var answered, refused int
			for range 300 {
				apply := randomApply(rng)
				want, wantErr := folded(t, apply, records)
				w := fixture{Handler: handler}.do(t, http.MethodGet, "/v1/things/$aggregate?$apply="+url.QueryEscape(apply), "")
				if wantErr != nil {
					refused++
					if code := fault.Of(wantErr).Code; w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"`+code+`"`) {
						t.Errorf("%s: got %d %s, want %s", apply, w.Code, w.Body, code)
					}
					continue
				}
				answered++
				if w.Code != http.StatusOK {
					t.Fatalf("%s: got %d %s", apply, w.Code, w.Body)
				}
				compareGroups(t, apply, w.Body.Bytes(), want)
			}
			if answered < 100 || refused < 3 {
				t.Errorf("%d were answered and %d refused, which proves little", answered, refused)
			}
		})
	}
}

// put stores random records, and returns their fields.
func put(t *testing.T, store repository.Store, api *core.API, rng *rand.Rand) [][]record.Value {
	t.Helper()
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	c := api.Served()[0].Schema
	records := make([][]record.Value, 300)
	batch := make([]repository.Mutation, len(records))
	for i := range records {
		records[i] = querytest.RandomRecord(rng, c, 0.33)
		id, err := c.IDOf(records[i])
		if err != nil {
			t.Fatal(err)
		}
		batch[i] = repository.Mutation{Op: repository.Put, Collection: c, ID: id, Revision: "r", Fields: records[i]}
	}
	if _, err := store.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return records
}

// randomApply returns a random text of $apply.
func randomApply(rng *rand.Rand) string {
	c := querytest.Collection()
	var apply string
	if rng.IntN(4) > 0 {
		if text := querytest.RandomExpr(rng, c).Text(c); len(text) < 2000 {
			apply = "filter(" + text + ")/"
		}
	}
	measures := []string{"$count as n"}
	for _, each := range []struct{ field, functions string }{
		{"count", "sum average min max"}, {"price", "sum average min max"}, {"ratio", "min max"}, {"name", "min max"}, {"made", "min max"}, {"kind", "min max"}, {"null", "sum average"},
	} {
		functions := strings.Fields(each.functions)
		if f := functions[rng.IntN(len(functions))]; rng.IntN(3) == 0 {
			measures = append(measures, fmt.Sprintf("%s with %s as %s_%s", each.field, f, f, each.field))
		}
	}
	aggregate := "aggregate(" + strings.Join(measures, ",") + ")"
	groups := []string{"", "kind", "flag", "kind,flag", "price", "name", "made", "ratio", "count,kind", "id"}
	if by := groups[rng.IntN(len(groups))]; by != "" {
		return apply + "groupby((" + by + ")," + aggregate + ")"
	}
	return apply + aggregate
}

// folded returns what the specification says.
func folded(t *testing.T, apply string, records [][]record.Value) ([]map[string]any, error) {
	t.Helper()
	c := querytest.Collection()
	wanted, err := query.ParseApply(apply, query.Names{Collection: c})
	if err != nil {
		t.Fatalf("%s: %v", apply, err)
	}
	fold := query.NewFold(wanted)
	for _, fields := range records {
		if err := fold.Add(fields); err != nil {
			return nil, err
		}
	}
	groups, err := fold.Groups()
	if err != nil {
		return nil, err
	}
	names := c.Names(wanted.GroupBy)
	for _, m := range wanted.Measures {
		names = append(names, m.As)
	}
	encoder := record.NewEncoder(names)
	all := make([]map[string]any, len(groups))
	for i, g := range groups {
		all[i] = parsedObject(t, encoder.Append(nil, append(g.Keys, g.Measures...)))
	}
	return all, nil
}

// parsedObject returns a JSON object with its numbers as they are written.
func parsedObject(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	object := make(map[string]any)
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return object
}

// compareGroups reports where an answer differs: averages may by 1e-9 of their size.
func compareGroups(t *testing.T, apply string, body []byte, want []map[string]any) {
	t.Helper()
	got, _ := parsedObject(t, body)["value"].([]any)
	if len(got) != len(want) {
		t.Errorf("%s: got %d groups, want %d", apply, len(got), len(want))
		return
	}
	for i := range want {
		group := got[i].(map[string]any)
		for name, value := range want[i] {
			if fmt.Sprint(group[name]) == fmt.Sprint(value) {
				continue
			}
			a, aOK := group[name].(json.Number)
			b, bOK := value.(json.Number)
			if aOK && bOK && strings.HasPrefix(name, "average_") {
				x, _ := a.Float64()
				y, _ := b.Float64()
				if math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y)) {
					continue
				}
			}
			t.Errorf("%s: %s of group %d is %v, want %v", apply, name, i, group[name], value)
		}
	}
}
