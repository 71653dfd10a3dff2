package bootstrap

import (
	"os"
	"strings"
	"testing"
)

// TestInitIndexes shows that init writes the file of indexes beside a configuration
// whose repository has to be given them, as validate writes it again; and that neither
// file is written over.
func TestInitIndexes(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newProgram(t)
	out := c.must(t, "init", "--profile", "gcp", "--dir", "cloud")
	for _, want := range []string{
		"wrote cloud/index.yaml\n", "wrote cloud/secrets/key-pepper\n",
		"Before the first start: cd cloud && gcloud datastore indexes create index.yaml\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("init does not say %q in\n%s", want, out)
		}
	}
	t.Chdir("cloud")
	c.must(t, "validate", "--offline")
	c.must(t, "validate", "--indexes", "again.yaml")
	written := readFile(t, "index.yaml")
	if again := readFile(t, "again.yaml"); again != written || !strings.Contains(written, "- kind: \"products\"\n") {
		t.Errorf("init wrote\n%s\nand validate\n%s", written, again)
	}

	write(t, "index.yaml", "indexes: []\n")
	if err := os.Remove("portolan.yaml"); err != nil {
		t.Fatal(err)
	}
	code, _, errs := c.do(t, "init", "--profile", "gcp")
	if code != exitFailed || !strings.Contains(errs, "index.yaml is there already") || readFile(t, "index.yaml") != "indexes: []\n" {
		t.Errorf("beside indexes of another one: exit code %d, %s", code, errs)
	}
	if _, err := os.Stat("portolan.yaml"); err == nil {
		t.Error("it wrote a part")
	}
}

// TestInitWithoutIndexes shows that the other profiles have no such file.
func TestInitWithoutIndexes(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newProgram(t)
	if out := c.must(t, "init", "--profile", "sqlite"); strings.Contains(out, "index.yaml") || strings.Contains(out, "Before") {
		t.Errorf("init says\n%s", out)
	}
}
