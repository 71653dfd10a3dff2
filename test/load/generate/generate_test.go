package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// generate runs the command and returns the directory that it wrote to.
func generate(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := run(append(args, "--dir", dir, "--expect", filepath.Join(dir, "expected.json"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func contents(t *testing.T, elements ...string) []byte {
	t.Helper()
	octets, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func TestSameSeedSameFiles(t *testing.T) {
	args := []string{"--rows", "3000", "--seed", "7", "--dirty", "0.2"}
	one, two := generate(t, args...), generate(t, args...)
	other := generate(t, "--rows", "3000", "--seed", "8", "--dirty", "0.2")
	for _, name := range []string{"categories.csv", "products.csv", "expected.json"} {
		if !bytes.Equal(contents(t, one, name), contents(t, two, name)) {
			t.Errorf("%s differs between two runs with one seed", name)
		}
	}
	if bytes.Equal(contents(t, one, "products.csv"), contents(t, other, "products.csv")) {
		t.Error("another seed wrote the same products")
	}
}

// The sample that the program holds is what the generator writes.
func TestSample(t *testing.T) {
	sample := filepath.Join("..", "..", "..", "configs", "sample")
	dir := generate(t, "--rows", "2000", "--seed", "1", "--gzip")
	for _, name := range []string{"categories.csv.gz", "products.csv.gz"} {
		got, want := unzipped(t, contents(t, sample, name)), unzipped(t, contents(t, dir, name))
		if !bytes.Equal(got, want) {
			t.Errorf("configs/sample/%s is not what the generator writes: run it with --rows 2000 --seed 1 --gzip --dir configs/sample", name)
		}
	}
}

func unzipped(t *testing.T, octets []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(octets))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestShape(t *testing.T) {
	dir := generate(t, "--rows", "5000")
	lines := strings.Split(strings.TrimSuffix(string(contents(t, dir, "products.csv")), "\n"), "\n")
	if lines[0] != productsHeader || len(lines) != 5001 {
		t.Fatalf("got %d lines, the first %q", len(lines), lines[0])
	}
	ids, characters := make(map[string]bool), 0
	for _, line := range lines[1:] {
		asin, rest, _ := strings.Cut(line, ",")
		ids[asin] = true
		title, _, _ := strings.Cut(rest, ",https://images.example/")
		characters += utf8.RuneCountInString(title)
	}
	if len(ids) != 5000 {
		t.Errorf("got %d different ids, want 5000", len(ids))
	}
	if mean := characters / 5000; mean < 85 || mean > 120 {
		t.Errorf("titles have %d characters on average, want about 100", mean)
	}
	if n := bytes.Count(contents(t, dir, "categories.csv"), []byte("\n")); n != 249 {
		t.Errorf("got %d lines of categories, want 249", n)
	}
}

// TestImport imports clean and dirty catalogues. It comes to exactly what the
// generator says.
func TestImport(t *testing.T) {
	for _, dirty := range []string{"0", "0.02", "0.5", "1"} {
		t.Run(dirty, func(t *testing.T) {
			dir := generate(t, "--rows", "20000", "--dirty", dirty, "--seed", "3")
			var expected map[string]outcome
			if err := json.Unmarshal(contents(t, dir, "expected.json"), &expected); err != nil {
				t.Fatal(err)
			}
			api := catalogueAPI(t)
			for _, name := range []string{"categories", "products"} {
				source, err := ingest.File(filepath.Join(dir, name+".csv"))
				if err != nil {
					t.Fatal(err)
				}
				summary, err := api.Import(t.Context(), policy.Principal{Local: true}, core.ImportRequest{
					Collection: name, Source: source, MaxRejects: -1,
				})
				if err != nil {
					t.Fatal(err)
				}
				got := outcome{Rows: int(summary.Rows), Loaded: int(summary.Loaded), Rejected: map[string]int{}}
				for code, count := range summary.ByCode {
					got.Rejected[code] = int(count)
				}
				if diff := cmp.Diff(expected[name], got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"--rows", "-1"}, {"--dirty", "2"}, {"more"}, {"--what"}} {
		if err := run(append(args, "--dir", t.TempDir())); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

// catalogueAPI serves the two collections from memory.
func catalogueAPI(t *testing.T) *core.API {
	t.Helper()
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var collections []core.Collection
	for _, spec := range []schema.Spec{
		{Name: "categories", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"},
			{Name: "name", Type: "string", Required: true, Max: "200"},
			{Name: "slug", Type: "string", Max: "200", Derive: "slug(name)"},
		}},
		{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "title", Type: "string", Required: true, Max: "500"},
			{Name: "imgUrl", Type: "string", Format: "uri", Max: "500"},
			{Name: "productURL", Type: "string", Format: "uri", Max: "500"},
			{Name: "stars", Type: "float", Min: "0", Max: "5"},
			{Name: "reviews", Type: "int", Min: "0"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
			{Name: "listPrice", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
			{Name: "category_id", Type: "int", Required: true, References: "categories", Enforce: true},
			{Name: "isBestSeller", Type: "bool"},
			{Name: "boughtInLastMonth", Type: "int"},
		}},
	} {
		c, err := schema.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		collections = append(collections, core.Collection{Schema: c})
	}
	api, err := core.New(core.Config{Store: store, Collections: collections})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	return api
}
