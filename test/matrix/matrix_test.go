package matrix_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// operations are the rows of the matrix.
var operations = slices.Concat(reads, writes, others)

// cells are all that the operation is asked for by the caller.
func (op operation) cells(who caller) []cell {
	var all []cell
	for _, on := range op.on {
		if on == "posts" && len(who.roles) > 0 && who.name != "own of another" && who.name != "admin" {
			continue // to the posts these are all the same
		}
		rows, fields := op.rows, []string{""}
		if rows == nil {
			rows = []string{""}
		}
		if op.fields != nil {
			fields = op.fields(on)
		}
		for _, r := range rows {
			for _, field := range fields {
				all = append(all, cell{on, who, r, field})
			}
		}
	}
	return all
}

// enough is how many wrong cells are told before the rest is not asked for.
const enough = 25

// try asks for the cell, and compares the answer and what is stored then with what the
// oracle says.
func (op operation) try(t *testing.T, w *world, c cell, last bool) {
	t.Helper()
	if w.wrong >= enough {
		t.Fatal("and so on")
	}
	m := &model{seeded()}
	want, decided := op.want(m, c)
	if !decided {
		t.Errorf("%+v: nobody decided", c)
		return
	}
	got := op.ask(w, c)
	at := strings.Join([]string{c.who.name, op.name, c.collection, c.row, c.field}, " | ")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("%s: the answer (-want +got):\n%s", at, diff)
		w.wrong++
	}
	if op.reads && !last {
		return // what reads have done to the store is looked at behind the last of them
	}
	is := w.now()
	if diff := cmp.Diff(m.state, is); diff != "" {
		t.Errorf("%s: what is stored (-want +got):\n%s", at, diff)
		w.wrong++
	}
	w.become(is, seeded())
}

// TestMatrix asserts every cell, over a store in this process, without a cache; and
// every read and some of the writes with one that callers share who show API keys.
func TestMatrix(t *testing.T) {
	for _, kept := range []bool{false, true} {
		t.Run(map[bool]string{false: "uncached", true: "cached"}[kept], func(t *testing.T) {
			asserted := 0
			w := newWorld(t, openMemory(t), nil)
			if kept {
				w = newWorld(t, openMemory(t), openCache(t)).withKey()
			}
			for _, op := range operations {
				for _, who := range callers {
					w.t = t
					all := op.cells(who)
					for i, c := range all {
						if kept && !op.reads && i%4 != 0 {
							continue // what a write does is the same beside a cache
						}
						op.try(t, w, c, i == len(all)-1)
						asserted++
					}
				}
			}
			t.Logf("%d cells", asserted)
		})
	}
}

// TestMatrixOnStores asserts the cells of one row and one field, of every operation and
// every kind of grant, over the stores that outlive the process.
func TestMatrixOnStores(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opened(t, name), nil).withKey()
			asserted := 0
			for i, op := range operations {
				for j, who := range callers {
					all := op.cells(who)
					op.try(t, w, all[(i+3*j)%len(all)], true) // another row and field for each
					asserted++
				}
			}
			t.Logf("%d cells", asserted)
		})
	}
}

// undecided are the methods of the core that answer no caller, and why.
var undecided = map[string]string{
	"Sweep":     "removes what has expired for whoever runs the process",
	"Schemas":   "tells the process what to store",
	"Served":    "tells the process what it was configured with",
	"Work":      "imports what was sent, as who sent it",
	"Close":     "lets go of files",
	"MaxOctets": "tells the process what it was configured with",
	"Serve":     "says for the process by what is received and imported from now on",
}

// TestMatrixNamesEverything: a method of the core that answers callers, or an operation
// of the OpenAPI document, of which the matrix knows nothing is a mistake, and so is one
// that the matrix knows and that there is not.
func TestMatrixNamesEverything(t *testing.T) {
	methods, routes := make(map[string]bool), make(map[string]bool)
	for _, op := range operations {
		methods[op.core] = true
		if op.route != "" {
			routes[op.route] = true
		}
	}
	there := make(map[string]bool)
	for _, of := range []reflect.Type{reflect.TypeFor[*core.API](), reflect.TypeFor[*core.Uploads]()} {
		for i := range of.NumMethod() {
			there[of.Method(i).Name] = true
		}
	}
	for name := range there {
		if !methods[name] && undecided[name] == "" {
			t.Errorf("the matrix has no cells of %s, and nothing says why", name)
		}
	}
	for name := range methods {
		if !there[name] {
			t.Errorf("the matrix has cells of %s, which there is not", name)
		}
	}
	w := newWorld(t, openMemory(t), nil)
	documented := map[string]bool{"get /openapi.json": true}
	for path, item := range w.get(boss, "/openapi.json").body.(map[string]any)["paths"].(map[string]any) {
		for _, collection := range []string{"kinds", "things", "posts", "names"} {
			path = strings.Replace(path, "/"+collection, "/{collection}", 1)
		}
		for method := range item.(map[string]any) {
			if method != "parameters" {
				documented[method+" "+path] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(routes)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("the routes (-in the matrix +documented):\n%s", diff)
	}
}

// TestMatrixHasEveryGrant: each grant of the collections counts for some caller, and
// fails to count for another.
func TestMatrixHasEveryGrant(t *testing.T) {
	for _, on := range []string{"things", "posts", "names"} {
		for _, g := range grants(on) {
			var counts, fails bool
			for _, who := range callers {
				for _, action := range policy.Actions {
					if g.rule(action) == nil {
						continue
					}
					if rightOf([]grant{g}, who, action).ok {
						counts = true
					} else {
						fails = true
					}
				}
			}
			if !counts || !fails && g.role != policy.Anonymous {
				text, _ := json.Marshal(g.role)
				t.Errorf("%s: the grant of %s counts for somebody: %t, and not for another: %t", on, text, counts, fails)
			}
		}
	}
}
