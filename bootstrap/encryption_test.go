package bootstrap

import (
	"os"
	"strings"
	"testing"
)

const clinic = `service: {listen: "127.0.0.1:0", admin: "off"}
repository: {driver: sqlite, sqlite: {path: clinic.db}}
keys: {driver: local, local: {key: "${FIELD_KEY}"}}
collections:
  patients:
    id: id
    fields: {id: {type: int}, name: {type: string, max: 40}, born: {type: time}}
    access: {anonymous: {read: true}}
`

// TestEncryptCommand makes fields encrypted that have values: they are read as before, lie as
// they are until portolan encrypt has run, and then nowhere.
func TestEncryptCommand(t *testing.T) {
	const canary = "canary-4711"
	t.Chdir(t.TempDir())
	t.Setenv("FIELD_KEY", "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi")
	write(t, "portolan.yaml", clinic)
	write(t, "patients.ndjson", `{"id":1,"name":"`+canary+`","born":"1970-01-01T00:00:00Z"}`+"\n"+`{"id":2,"name":null,"born":null}`+"\n")
	c := newProgram(t)
	c.must(t, "import", "patients.ndjson", "--into", "patients")
	export := []string{"export", "patients", "--to", "-", "--format", "ndjson"}
	before := c.must(t, export...)
	code, _, errs := c.do(t, "encrypt", "--collection", "patients")
	if code != exitFailed || !strings.Contains(errs, "no field of patients is encrypted") {
		t.Errorf("with nothing to encrypt: exit code %d, %s", code, errs)
	}
	write(t, "portolan.yaml", strings.NewReplacer("max: 40", "max: 40, encrypted: true", "type: time", "type: time, encrypted: true").Replace(clinic))
	if after := c.must(t, export...); after != before {
		t.Errorf("what is there is read as %s, want %s", after, before)
	}
	for _, want := range []string{
		"patients: of 2 records 1 were not encrypted and 0 were under an older key; 1 would be stored again\n",
		"patients: of 2 records 1 were not encrypted and 0 were under an older key; 1 were stored again\n",
		"patients: of 2 records 0 were not encrypted and 0 were under an older key; 0 were stored again\n",
	} {
		args := []string{"encrypt", "--collection", "patients"}
		if strings.Contains(want, "would") {
			args = append(args, "--dry-run")
		}
		if out := c.must(t, args...); out != want {
			t.Errorf("%v says %q, want %q", args, out, want)
		}
	}
	if after := c.must(t, export...); after != before {
		t.Errorf("encrypted it is read as %s, want %s", after, before)
	}
	if out := c.must(t, "encrypt", "--collection", "patients", "--json"); !strings.Contains(out, `"records": 2`) {
		t.Errorf("as JSON it says %s", out)
	}
	if code, _, errs := c.do(t, "encrypt", "--collection", "patient"); code != exitFailed || !strings.Contains(errs, "did you mean patients?") {
		t.Errorf("of a collection that is not there: exit code %d, %s", code, errs)
	}
	c.must(t, "validate")
	if shown := c.must(t, "config", "show", "--effective"); strings.Contains(shown, os.Getenv("FIELD_KEY")) || !strings.Contains(shown, "encrypted: true") {
		t.Errorf("the configuration is shown as %s", shown)
	}
}
