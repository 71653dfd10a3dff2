package bootstrap

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestKept walks the way from an empty directory to a server over kept data:
// init, validate, import with rejects, export, keys, tokens, serve, healthcheck.
func TestKept(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("PORT", "0")
	t.Setenv("ADMIN_PORT", "0")
	c := newProgram(t)

	c.must(t, "init", "--profile", "sqlite")
	if info, err := os.Stat("secrets/signing-key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the signing key: %v, %v", info, err)
	}
	if code, _, errs := c.do(t, "init", "--profile", "local"); code != exitFailed || !strings.Contains(errs, "is there already") {
		t.Errorf("a second init: exit code %d, %s", code, errs)
	}
	c.must(t, "validate")

	imports(t, c)
	exports(t, c)
	key, token := credentials(t, c)

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	write(t, "served.yaml", strings.Replace(readFile(t, "portolan.yaml"), "collections:", "development: {admin_key: true}\ncollections:", 1))
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"-c", "served.yaml"})
	})
	api := r.line("API")
	for _, tt := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"nobody", nil, http.StatusUnauthorized},
		{"key", http.Header{"X-Api-Key": {key}}, http.StatusNoContent},
		{"token", http.Header{"Authorization": {"Bearer " + token}}, http.StatusForbidden},
		{"wrong key", http.Header{"X-Api-Key": {key + "a"}}, http.StatusUnauthorized},
	} {
		if status, body := r.do(http.MethodDelete, api+"/categories/3", "", tt.header); status != tt.want {
			t.Errorf("%s: deleting answers %d %s, want %d", tt.name, status, body, tt.want)
		}
	}
	if _, metrics := r.do(http.MethodGet, r.line("admin"), "", nil); !strings.Contains(metrics, `portolan_pool_in_use_connections{pool="sqlite-writer"}`) {
		t.Error("the metrics do not have the pools of the repository")
	}
	t.Setenv("PORT", strings.TrimSuffix(api[strings.LastIndex(api, ":")+1:], "/v1"))
	c.must(t, "healthcheck")
	if out := c.must(t, "healthcheck", "--json"); !json.Valid([]byte(out)) || !strings.Contains(out, `"alive": true`) {
		t.Errorf("healthcheck --json: %s", out)
	}
	interrupt()
	if code := <-r.exited; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if code, _, errs := c.do(t, "healthcheck"); code != exitFailed || !strings.Contains(errs, "does not answer") {
		t.Errorf("healthcheck of a server that ended: exit code %d, %s", code, errs)
	}
	if code, out, _ := c.do(t, "healthcheck", "--json"); code != exitFailed || !json.Valid([]byte(out)) || !strings.Contains(out, `"alive": false`) {
		t.Errorf("healthcheck --json of a server that ended: exit code %d, %s", code, out)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// imports loads three categories of five rows, and looks at what is said of
// the other two.
func imports(t *testing.T, c *console) {
	t.Helper()
	write(t, "categories.csv", "id,name\n1,Charts\nx,Broken\n2,Sextants\n2,Again\n3,Logs\n")
	code, out, errs := c.do(t, "import", "categories.csv", "--into", "categories", "--dry-run")
	if code != exitRejects || !strings.HasPrefix(out, "valid 4, rejected 1, of 5 rows") {
		t.Errorf("dry run: exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = c.do(t, "import", "categories.csv", "--into", "categories", "--json")
	var report importReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitRejects {
		t.Fatalf("import: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if report.Rows != 5 || report.Loaded != 3 || report.Rejected != 2 || report.ByCode["duplicate-id"] != 1 {
		t.Errorf("import: %+v", report)
	}
	if rejects := readFile(t, report.Rejects); strings.Count(rejects, "\n") != 2 || !strings.Contains(rejects, `"line":3`) {
		t.Errorf("rejects file %s:\n%s", report.Rejects, rejects)
	}
	code, out, _ = c.do(t, "import", "categories.csv", "--into", "categories", "--resume")
	if !strings.Contains(out, "this import had finished already; nothing was done") {
		t.Errorf("resuming what finished: exit code %d\n%s", code, out)
	}
	code, _, errs = c.do(t, "import", "categories.csv", "--into", "categories", "--max-rejects", "0")
	if code != exitFailed {
		t.Errorf("more rejects than allowed: exit code %d, %s", code, errs)
	}
	write(t, "clean.csv", "id,name\n1,Charts\n")
	c.must(t, "import", "clean.csv", "--into", "categories")
	if _, err := os.Stat("clean.csv.rejects.ndjson"); err == nil {
		t.Error("an import without rejects leaves a file for them")
	}
}

func exports(t *testing.T, c *console) {
	t.Helper()
	c.must(t, "export", "categories", "--to", "out.ndjson.gz", "--filter", "id ge 2", "--select", "id,name")
	file, err := os.Open("out.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("{\"id\":2,\"name\":\"Sextants\"}\n{\"id\":3,\"name\":\"Logs\"}\n", string(text)); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("id,name,slug\n1,Charts,charts\n2,Sextants,sextants\n3,Logs,logs\n",
		strings.ReplaceAll(c.must(t, "export", "categories", "--to", "-", "--format", "csv"), "\r\n", "\n")); diff != "" {
		t.Errorf("export to standard output (-want +got):\n%s", diff)
	}
	if code, _, _ := c.do(t, "export", "categories", "--to", "bad.csv", "--filter", "nme eq 1"); code != exitFailed {
		t.Errorf("export with a wrong filter: exit code %d", code)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), "bad.csv") {
			t.Errorf("a failed export leaves %s", entry.Name())
		}
	}
}

// credentials makes an API key of an admin, revokes another, and issues a token
// of somebody without rights.
func credentials(t *testing.T, c *console) (key, token string) {
	t.Helper()
	key = strings.TrimSpace(c.must(t, "keys", "create", "--subject", "ann", "--role", "admin", "--ttl", "1h"))
	var other struct{ ID, Key string }
	if err := json.Unmarshal([]byte(c.must(t, "keys", "create", "--subject", "bob", "--json")), &other); err != nil || other.Key == "" {
		t.Fatalf("key %+v, %v", other, err)
	}
	c.must(t, "keys", "revoke", other.ID)
	if code, _, errs := c.do(t, "keys", "revoke", other.ID); code != exitFailed || !strings.Contains(errs, "there is no key "+other.ID) {
		t.Errorf("revoking twice: exit code %d, %s", code, errs)
	}
	list := c.must(t, "keys", "list")
	if !strings.Contains(list, "ann") || strings.Contains(list, "bob") || strings.Contains(list, key) {
		t.Errorf("keys list:\n%s", list)
	}
	return key, strings.TrimSpace(c.must(t, "keys", "token", "--subject", "eve", "--role", "reader"))
}
