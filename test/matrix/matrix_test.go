package matrix_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"crypto/rand"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/datastore"
	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
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
func (op operation) try(t *testing.T, w *world, c cell) {
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
	is := w.now()
	if diff := cmp.Diff(m.state, is); diff != "" {
		t.Errorf("%s: what is stored (-want +got):\n%s", at, diff)
		w.wrong++
	}
	w.become(is, seeded())
}

// TestMatrix asserts every cell, over a store in this process, without and with a
// cache that all callers share.
func TestMatrix(t *testing.T) {
	for _, kept := range []bool{false, true} {
		t.Run(map[bool]string{false: "uncached", true: "cached"}[kept], func(t *testing.T) {
			asserted := 0
			w := newWorld(t, openMemory(t), nil)
			if kept {
				w = newWorld(t, openMemory(t), openCache(t))
			}
			for _, op := range operations {
				for _, who := range callers {
					w.t = t
					for _, c := range op.cells(who) {
						op.try(t, w, c)
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
	stores := map[string]func(t *testing.T) (repository.Store, error){
		"sqlite": func(t *testing.T) (repository.Store, error) {
			return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "matrix.db"), Synchronous: "normal"})
		},
		"postgres": func(t *testing.T) (repository.Store, error) {
			return postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(servers.PostgreSQL(t))})
		},
		"datastore": func(t *testing.T) (repository.Store, error) {
			return datastore.Open(t.Context(), datastore.Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
		},
	}
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		t.Run(name, func(t *testing.T) {
			store, err := stores[name](t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			w := newWorld(t, store, nil)
			asserted := 0
			for i, op := range operations {
				for j, who := range callers {
					all := op.cells(who)
					op.try(t, w, all[(i+3*j)%len(all)]) // another row and field for each
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
