package bootstrap

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

// tabled is a store with tables that it may not change.
type tabled struct {
	*memory.Store
	unfit bool
}

type tabledConfig struct {
	Unfit bool `yaml:"unfit"`
}

func openTabled(ctx context.Context, cfg tabledConfig) (*tabled, error) {
	store, err := memory.Open(ctx, memory.Config{})
	return &tabled{store, cfg.Unfit}, err
}

// Check returns that one column is missing, if so configured.
func (s *tabled) Check(_ context.Context, collections []*schema.Collection) error {
	if !s.unfit || len(collections) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "tabled.Check", "the tables do not fit the collections").
		At(fault.Place{Pointer: "things/price", Code: "column-missing", Detail: "there is no column price"})
}

// Unserved returns every index declared in the configuration.
func (s *tabled) Unserved(_ context.Context, c *schema.Collection) ([]schema.Index, error) {
	if c.System() { // whose tables are managed
		return nil, nil
	}
	return c.Indexes, nil
}

// TestValidateTables shows that validate refuses the tables that serve would
// refuse, and warns of indexes that they lack.
func TestValidateTables(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newProgram(t, append(builtin(), Repository("tabled", openTabled))...)
	text := strings.Replace(right, "{driver: memory}", "{driver: tabled, tabled: {unfit: true}}", 1)
	text = strings.Replace(text, "    access:", "    indexes: [[owner, price desc]]\n    access:", 1)

	write(t, "portolan.yaml", text)
	code, out, errs := c.do(t, "validate")
	if code != exitFailed || !strings.Contains(out, "connectivity  failed") || !strings.Contains(errs, "things/price: there is no column price") {
		t.Errorf("tables that do not fit: exit code %d\n%s%s", code, out, errs)
	}
	var report struct{ Stages []stage }
	_, out, _ = c.do(t, "validate", "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Stages) != 3 || len(report.Stages[2].Places) != 1 {
		t.Errorf("tables that do not fit: %v in %s", err, out)
	}

	write(t, "portolan.yaml", strings.Replace(text, "unfit: true", "unfit: false", 1))
	const warning = "collections.things: the table has no index on (owner, price desc) that can be used; what is ordered by it is sorted anew for each page"
	if out := c.must(t, "validate"); !strings.Contains(out, "connectivity  ok\n  warning: "+warning+"\n") {
		t.Errorf("an index that is missing: %s", out)
	}
	report.Stages = nil
	if err := json.Unmarshal([]byte(c.must(t, "validate", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{warning}, report.Stages[2].Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// IndexFile names the collections.
func (*tabledConfig) IndexFile(collections []*schema.Collection) []byte {
	file := "indexes:\n"
	for _, c := range collections {
		file += "- kind: " + c.Name + "\n"
	}
	return []byte(file)
}

// TestValidateIndexes shows that validate writes the file of indexes of a store that has
// one, with those of the server's own collections, and of no other; and that it opens
// nothing for it.
func TestValidateIndexes(t *testing.T) {
	t.Chdir(t.TempDir())
	unreachable := func(context.Context, tabledConfig) (*tabled, error) {
		t.Error("the store is opened")
		return nil, fault.New(fault.Unavailable, "tabled.Open", "nobody answers")
	}
	c := newProgram(t, append(builtin(), Repository("tabled", unreachable))...)
	write(t, "portolan.yaml", right)
	code, _, errs := c.do(t, "validate", "--indexes", "index.yaml")
	if code != exitFailed || !strings.Contains(errs, "leave --indexes out") {
		t.Errorf("indexes of a store that makes them itself: exit code %d, %s", code, errs)
	}
	write(t, "portolan.yaml", strings.Replace(right, "{driver: memory}", "{driver: tabled}", 1))
	if out := c.must(t, "validate", "--indexes", "index.yaml"); !strings.Contains(out, "indexes       ok\nconnectivity  skipped\n") {
		t.Errorf("the stages are\n%s", out)
	}
	if names := strings.Fields(readFile(t, "index.yaml")); !slices.Contains(names, "things") || !slices.Contains(names, "_jobs") {
		t.Errorf("the file is about %v, want all collections", names)
	}
	if code, _, errs = c.do(t, "validate", "--indexes", "none/index.yaml"); code != exitFailed || !strings.Contains(errs, "none/index.yaml cannot be written") {
		t.Errorf("a file that cannot be written: exit code %d, %s", code, errs)
	}
}

// TestValidateKeptTables shows, over a database in a file, that validate says
// what serve would, and makes no table.
func TestValidateKeptTables(t *testing.T) {
	c := newShop(t)
	c.must(t, "validate")
	if db := readFile(t, "portolan.db"); strings.Contains(db, "CREATE TABLE") {
		t.Error("validate made a table")
	}
	c.must(t, "import", "categories.csv", "--into", "categories")
	kept := readFile(t, "portolan.yaml")
	for _, tt := range []struct{ name, old, new, want string }{
		{"changed type", "name: {type: string, required: true, max: 200}", "name: {type: int, required: true}", "categories/name"},
		{"existing table without a column", "  products:\n    id: asin\n", "  products:\n    id: asin\n    table: {name: categories, managed: false}\n", "products/asin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(kept, tt.old, tt.new, 1)
			text = strings.Replace(text, `derive: "slug(name)"`, "read_only: true", 1)
			write(t, "portolan.yaml", strings.Replace(text, "    cache: {class: strict, ttl: 30m, scopes: [category_id]}\n", "", 1))
			for _, command := range []string{"validate", "serve"} {
				code, out, errs := c.do(t, command)
				if code != exitFailed || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "the tables do not fit the collections") {
					t.Errorf("%s: exit code %d\n%s%s\nwant %s", command, code, out, errs, tt.want)
				}
			}
		})
	}
}
