package bootstrap

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// newShop makes the working directory one with a configuration that keeps, and
// a file with a category.
func newShop(t *testing.T) *console {
	t.Helper()
	t.Chdir(t.TempDir())
	c := newProgram(t)
	c.must(t, "init", "--profile", "sqlite")
	write(t, "categories.csv", "id,name\n1,Charts\n")
	return c
}

// TestRejectsFileDestroysNothing gives as the rejects file what must not be
// emptied nor removed.
func TestRejectsFileDestroysNothing(t *testing.T) {
	c := newShop(t)
	c.must(t, "import", "categories.csv", "--into", "categories")
	write(t, "notes.txt", "not to be lost\n")
	write(t, "empty", "")
	write(t, "earlier.ndjson", `{"line":2,"column":"id","code":"wrong-type","reason":"no","row":"x,y"}`+"\n")
	if err := os.Link("categories.csv", "link.csv"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rejects string
		want    string // what is said, or nothing if the file is taken
	}{
		{"categories.csv", "the rejects file categories.csv is the source itself, which would be lost"},
		{"link.csv", "the rejects file link.csv is the source itself, which would be lost"},
		{"portolan.db", "portolan.db has the name of a database's file, which would be lost"},
		{"portolan.db-wal", "portolan.db-wal has the name of a database's file, which would be lost"},
		{"portolan.db-shm", "portolan.db-shm has the name of a database's file, which would be lost"},
		{"Other.DB-Journal", "Other.DB-Journal has the name of a database's file, which would be lost"},
		{"notes.txt", "the rejects file notes.txt holds something other than rejected rows, which would be lost"},
		{"secrets", "the rejects file secrets cannot be opened"},
		{os.DevNull, "the rejects file " + os.DevNull + " is not a regular file"},
		{"empty", ""},
		{"earlier.ndjson", ""},
	} {
		t.Run(tt.rejects, func(t *testing.T) {
			before, _ := os.ReadFile(tt.rejects)
			code, _, errs := c.do(t, "import", "categories.csv", "--into", "categories", "--rejects", tt.rejects)
			if tt.want == "" {
				if text := readFile(t, tt.rejects); code != exitOK || text != "" {
					t.Errorf("exit code %d, %s; the file holds %q", code, errs, text)
				}
				return
			}
			if code != exitFailed || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, %s\nwant %s", code, errs, tt.want)
			}
			if after, _ := os.ReadFile(tt.rejects); tt.rejects != "portolan.db" && string(after) != string(before) {
				t.Errorf("the file held %q, and now %q", before, after)
			}
		})
	}
	for path, want := range map[string]string{
		"portolan.db":   "has the name of a database's file",
		"portolan.yaml": "portolan.yaml is there already, and its name is not that of an export",
		"notes.txt":     "notes.txt is there already, and its name is not that of an export",
	} {
		before := readFile(t, path)
		code, _, errs := c.do(t, "export", "categories", "--to", path, "--format", "ndjson")
		if code != exitFailed || !strings.Contains(errs, want) || path != "portolan.db" && readFile(t, path) != before {
			t.Errorf("export to %s: exit code %d, %s, want %s", path, code, errs, want)
		}
	}
	for range 2 { // an export may replace an earlier one
		c.must(t, "export", "categories", "--to", "out.csv")
	}
	c.must(t, "export", "categories", "--to", "new.txt", "--format", "csv")
	if out := c.must(t, "export", "categories", "--to", "-", "--format", "csv"); !strings.Contains(out, "Charts") {
		t.Errorf("the database holds %s", out)
	}
}

// TestFailedImport shows that an import which cannot begin leaves the earlier
// rejects file alone, makes none, and prints no summary.
func TestFailedImport(t *testing.T) {
	c := newShop(t)
	write(t, "bad.csv", "id,nam\n1,Charts\n")
	write(t, "wrong.csv", "id,name\nx,Charts\ny,Logs\n")
	const earlier = `{"line":2,"column":"id","code":"wrong-type","reason":"no","row":"x,y"}` + "\n"
	write(t, "earlier.ndjson", earlier)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"header", []string{"bad.csv", "--into", "categories"}, "the columns do not fit the collection categories"},
		{"collection", []string{"categories.csv", "--into", "categorys"}, "there is no collection called categorys; did you mean categories?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rejects := range []string{"earlier.ndjson", "new.ndjson"} {
				for _, more := range []string{"--json=false", "--json"} {
					args := append([]string{"import", "--rejects", rejects, more}, tt.args...)
					code, out, errs := c.do(t, args...)
					if code != exitFailed || out != "" || !strings.Contains(errs, tt.want) {
						t.Errorf("%v: exit code %d, %q, %s", args, code, out, errs)
					}
				}
			}
			if text := readFile(t, "earlier.ndjson"); text != earlier {
				t.Errorf("the earlier rejects file holds %q", text)
			}
			if _, err := os.Stat("new.ndjson"); err == nil {
				t.Error("there is a rejects file of an import that never began")
			}
		})
	}
	code, out, errs := c.do(t, "import", "wrong.csv", "--into", "categories", "--max-rejects", "0")
	if code != exitFailed || strings.Contains(out, "of 0 rows") {
		t.Errorf("too many rejects: exit code %d, %q, %s", code, out, errs)
	}
}

// TestDryRunSaysWhatItDoesNotDo shows that repeated ids pass, and that this is said.
func TestDryRunSaysWhatItDoesNotDo(t *testing.T) {
	c := newShop(t)
	write(t, "twice.csv", "id,name\n1,Charts\n1,Again\n")
	const said = "ids that occur twice were not looked for"
	if out := c.must(t, "import", "twice.csv", "--into", "categories", "--dry-run"); !strings.Contains(out, "valid 2,") || !strings.Contains(out, said) {
		t.Errorf("the summary is %s", out)
	}
	for args, want := range map[string]bool{"--dry-run": false, "--dry-run=false": true} {
		_, out, _ := c.do(t, "import", "twice.csv", "--into", "categories", args, "--json")
		var report map[string]any
		if err := json.Unmarshal([]byte(out), &report); err != nil || report["duplicatesLookedFor"] != want {
			t.Errorf("%s: %v in %s", args, err, out)
		}
	}
	if help := c.must(t, "import", "--help"); !strings.Contains(help, "ids that occur twice are not looked for") {
		t.Errorf("the help does not say it:\n%s", help)
	}
}

// TestReferencesFirst shows the hint for files that come in the wrong order.
func TestReferencesFirst(t *testing.T) {
	c := newShop(t)
	write(t, "products.csv", "asin,title,category_id\na,Map,1\nb,Atlas,1\n")
	const hint = "every row refers to records that are not there; import categories first"
	code, out, _ := c.do(t, "import", "products.csv", "--into", "products")
	if code != exitRejects || !strings.Contains(out, hint) {
		t.Errorf("exit code %d, %s\nwant %s", code, out, hint)
	}
	c.must(t, "import", "categories.csv", "--into", "categories")
	write(t, "products.csv", "asin,title,category_id\na,Map,1\nb,Atlas,2\n")
	if code, out, _ = c.do(t, "import", "products.csv", "--into", "products"); code != exitRejects || strings.Contains(out, hint) {
		t.Errorf("with some rows that are right: exit code %d, %s", code, out)
	}
}

func TestImportRanges(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"a.csv", "--batch", "-1"}, exitUsage, "--batch -1 is out of range: it is 1 to 50000, or 0 for 3000"},
		{[]string{"a.csv", "--batch", "50001"}, exitUsage, "--batch 50001 is out of range"},
		{[]string{"a.csv", "--max-rejects", "-2"}, exitUsage, "--max-rejects -2 is out of range: it is 0 or more, or -1 never to stop"},
		{[]string{"-"}, exitFailed, "standard input cannot be imported: an import reads its source twice, and again to resume"},
	} {
		code, _, errs := newProgram(t).do(t, append([]string{"import", "--into", "categories"}, tt.args...)...)
		if code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit code %d, %s\nwant %s", tt.args, code, errs, tt.want)
		}
	}
}
