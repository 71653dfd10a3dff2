package bootstrap

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/portolan-io/portolan/adapters/layer"
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
		args := []string{"encrypt", "--collection", "patients", "--leave-freed"}
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
	if !strings.Contains(databaseFiles(t), canary) {
		t.Errorf("the files keep nothing of what was overwritten, so what follows proves nothing")
	}
	c.must(t, "encrypt", "--collection", "patients")
	if strings.Contains(databaseFiles(t), canary) {
		t.Errorf("the files keep what was in clear")
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

// databaseFiles returns all that lies in the directory of what SQLite has made.
func databaseFiles(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("clinic.db*")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no files: %v", err)
	}
	var all strings.Builder
	for _, name := range names {
		octets, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(octets)
	}
	return all.String()
}

// TestEncryptUnopened loses the key, and gives the collection another name: --verify finds both
// before anybody reads, names the records, and says what there is under which key; encrypt goes on behind them.
func TestEncryptUnopened(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FIELD_KEY", "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi")
	guarded := strings.NewReplacer("max: 40", "max: 40, encrypted: true").Replace(clinic)
	write(t, "portolan.yaml", guarded)
	write(t, "one.ndjson", `{"id":1,"name":"canary-4711"}`+"\n"+`{"id":2,"name":"canary-4711"}`+"\n")
	write(t, "two.ndjson", `{"id":3,"name":"canary-4711"}`+"\n"+`{"id":4,"name":null}`+"\n")
	c := newProgram(t)
	c.must(t, "import", "one.ndjson", "--into", "patients")
	verify := []string{"encrypt", "--collection", "patients", "--verify"}
	if out := c.must(t, verify...); !regexp.MustCompile(`(?m)^  values in clear +0\n  values under local:\w{16} +2\n  values that do not open +0$`).MatchString(out) {
		t.Errorf("while all is well it says\n%s", out)
	}
	t.Setenv("FIELD_KEY", "Zp3vKx9Qe5WmTf1LhYbN7sRuGdJcAoXi")
	c.must(t, "import", "two.ndjson", "--into", "patients")
	for _, args := range [][]string{verify, verify[:3]} {
		code, out, errs := c.do(t, args...)
		for _, want := range []string{
			`patients: record "1": name does not open: its key cannot be had: there is no key called`, `patients: record "2": name does not open`,
			"of 2 records of patients values do not open", "name the key under keys",
		} {
			if !strings.Contains(errs, want) {
				t.Errorf("%v does not say %q:\n%s", args, want, errs)
			}
		}
		if code != exitFailed || !strings.Contains(out, "of 4 records 0 were not encrypted and 0 were under an older key") || strings.Contains(out+errs, "canary") || strings.Contains(errs, `"3"`) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	var told struct{ Damaged, ValuesUnopened int64 }
	if _, out, _ := c.do(t, append(verify, "--json")...); json.Unmarshal([]byte(out), &told) != nil || told.Damaged != 2 || told.ValuesUnopened != 2 {
		t.Errorf("as JSON it says %s", out)
	}
	write(t, "portolan.yaml", strings.NewReplacer("  patients:\n", "  people:\n    table: {name: patients}\n").Replace(guarded))
	code, _, errs := c.do(t, "encrypt", "--collection", "people", "--verify")
	if code != exitFailed || !strings.Contains(errs, `people: record "3": name does not open: it is not what was stored there, or the collection had another name`) {
		t.Errorf("under another name: exit code %d\n%s", code, errs)
	}
	if code, _, errs := c.do(t, "export", "people", "--to", "-", "--format", "ndjson"); code != exitFailed || !strings.Contains(errs, "portolan encrypt --collection people --verify names each record") {
		t.Errorf("an export: exit code %d\n%s", code, errs)
	}
}

// TestEncryptBehindUnopened: what was in clear is taken out of the files also where values do not open, but not
// by a dry run or while somebody reads, and then both are told.
func TestEncryptBehindUnopened(t *testing.T) {
	const canary, unopened, kept = "canary-4711", "name the key under keys", "the files of the database still keep what was overwritten"
	t.Chdir(t.TempDir())
	t.Setenv("FIELD_KEY", "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi")
	c := newProgram(t)
	quick := strings.Replace(clinic, "{path: clinic.db}", "{path: clinic.db, busy_timeout: 50ms}", 1)
	write(t, "portolan.yaml", quick)
	write(t, "clear.ndjson", `{"id":1,"name":"`+canary+`"}`+"\n")
	c.must(t, "import", "clear.ndjson", "--into", "patients")
	write(t, "portolan.yaml", strings.Replace(quick, "max: 40", "max: 40, encrypted: true", 1))
	write(t, "lost.ndjson", `{"id":2,"name":"ann"}`+"\n")
	c.must(t, "import", "lost.ndjson", "--into", "patients")
	t.Setenv("FIELD_KEY", "Zp3vKx9Qe5WmTf1LhYbN7sRuGdJcAoXi")
	for _, tt := range []struct {
		name, flag string
		read, keep bool
		says       string
	}{
		{"it stores again", "--leave-freed", false, true, "at least 1 have values"},
		{"a dry run", "--dry-run", false, true, "at least 1 have values"},
		{"looking", "--verify", false, true, "; 1 have values"},
		{"while somebody reads", "", true, true, "at least 1 have values"},
		{"while nobody does", "", false, false, "at least 1 have values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := sql.Open("sqlite3", "file:clinic.db")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if tt.read {
				reading, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = reading.Rollback() }()
				var n int
				if err := reading.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"encrypt", "--collection", "patients"}
			if tt.flag != "" {
				args = append(args, tt.flag)
			}
			code, out, errs := c.do(t, args...)
			if code != exitFailed || !strings.Contains(out, tt.says) || !strings.Contains(errs, unopened) || strings.Contains(errs, kept) != tt.read {
				t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
			}
			if strings.Contains(databaseFiles(t), canary) != tt.keep {
				t.Errorf("behind %v the files keep what was in clear: %t, want %t", args, !tt.keep, tt.keep)
			}
		})
	}
}

// TestEncryptTellsOvertaken: what others wrote meanwhile is told in words too.
func TestEncryptTellsOvertaken(t *testing.T) {
	var out strings.Builder
	p := program{out: &out}
	if err := p.printResealed(encryptOptions{collection: "patients"}, layer.Resealed{Records: 3, Plain: 3, Rewritten: 1, Overtaken: 2}); err != nil {
		t.Fatal(err)
	}
	if want := "patients: of 3 records 3 were not encrypted and 0 were under an older key; 1 were stored again; 2 were left to whoever wrote them meanwhile\n"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
}

// TestUnopenedOverHTTP serves records of which no value opens, because the collection has another name: reads
// are refused, and the log, not the answer, says where to look; who deletes one or says all of it anew is not
// refused, on the condition of the tag that it has.
func TestUnopenedOverHTTP(t *testing.T) {
	for name, table := range map[string]string{"managed": "{name: patients}", "unmanaged": "{name: patients, managed: false}"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("FIELD_KEY", "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi")
			guarded := strings.NewReplacer("max: 40", "max: 40, encrypted: true", "{read: true}", "{all: true}", `admin: "off"`, `admin: "off", drain_delay: 0s`).Replace(clinic)
			write(t, "portolan.yaml", guarded)
			write(t, "some.ndjson", `{"id":1,"name":"ann"}`+"\n"+`{"id":2,"name":"bob"}`+"\n"+`{"id":3,"name":"cleo"}`+"\n")
			newProgram(t).must(t, "import", "some.ndjson", "--into", "patients")
			write(t, "portolan.yaml", strings.Replace(guarded, "  patients:\n", "  people:\n    table: "+table+"\n", 1)+"development: {admin_key: true}\n")
			log, err := os.Create("log")
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			ctx, interrupt := context.WithCancel(t.Context())
			r := run(t, "key", func(out io.Writer) int {
				p := &program{out: out, err: log, env: os.LookupEnv, drivers: builtin()}
				return p.run(ctx, []string{"serve"})
			})
			url := r.line("API") + "/people"
			do := func(method, path, body string, want int, text string, header http.Header) {
				t.Helper()
				if header == nil {
					header = http.Header{}
				}
				header.Set("Content-Type", "application/json")
				if path == "/1" && method == http.MethodPatch {
					header.Set("Content-Type", "application/merge-patch+json")
				}
				if status, answer := r.do(method, url+path, body, header); status != want || !strings.Contains(answer, text) || strings.Contains(answer, "portolan encrypt") {
					t.Errorf("%s %s: %d %s, want %d %s", method, path, status, answer, want, text)
				}
			}
			do(http.MethodGet, "", "", http.StatusInternalServerError, `"code":"encrypted-value-damaged"`, nil)
			do(http.MethodPatch, "/1", `{"born":null}`, http.StatusConflict, "with PUT", nil)
			do(http.MethodPatch, "/1", `{"name":"anna"}`, http.StatusOK, `"name":"anna"`, nil)
			for method, path := range map[string]string{http.MethodPut: "/2", http.MethodDelete: "/3"} {
				body, want := `{"name":"bobby"}`, http.StatusOK
				if method == http.MethodDelete {
					body, want = "", http.StatusNoContent
				}
				do(method, path, body, http.StatusPreconditionFailed, "", http.Header{"If-Match": {`"0.0"`}})
				tag := r.tag(url + path + "?$select=id,born")
				do(method, path, body, want, "", http.Header{"If-Match": {tag}})
			}
			do(http.MethodGet, "", "", http.StatusOK, `[{"id":1,"name":"anna","born":null},{"id":2,"name":"bobby","born":null}]`, nil)
			interrupt()
			if code := <-r.exited; code != exitOK {
				t.Errorf("exit code %d", code)
			}
			text, err := os.ReadFile("log")
			if said := regexp.MustCompile(`"method":"\w+",.*it is in name of people: portolan encrypt --collection people --verify`).FindAllString(string(text), -1); err != nil ||
				len(said) != 2 || !strings.Contains(said[0], `"GET"`) || !strings.Contains(said[1], `"PATCH"`) {
				t.Errorf("the log is %s, %v", text, err)
			}
		})
	}
}

// tag returns the ETag of what is at the address.
func (r *running) tag(url string) string {
	r.t.Helper()
	response, err := r.client.Get(url)
	if err != nil {
		r.t.Fatal(err)
	}
	response.Body.Close()
	return response.Header.Get("ETag")
}

// TestReloadEncrypts has a server encrypt a field, and then go by another key, while it runs:
// what is there is read as before, as long as its key is among the previous.
func TestReloadEncrypts(t *testing.T) {
	t.Chdir(t.TempDir())
	const (
		one   = "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi"
		other = "Zp3vKx9Qe5WmTf1LhYbN7sRuGdJcAoXi"
	)
	text := func(keys, name string) string {
		return `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s}
repository: {driver: memory}
cache: {driver: memory}
development: {admin_key: true}
` + keys + `
collections:
  patients:
    id: id
    fields: {id: {type: int}, name: {type: string` + name + `}}
    access: {anonymous: {all: true}}
`
	}
	r, api, admin := serveFor(t, text("", ""))
	put := func(id, name string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, api+"/patients/"+id, strings.NewReader(`{"id":`+id+`,"name":"`+name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			t.Errorf("PUT %s: %d", id, response.StatusCode)
		}
	}
	get := func(path string, want int, text string) {
		t.Helper()
		for range 2 { // from the repository, and from the cache
			response, err := http.Get(api + "/patients" + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != want || !strings.Contains(string(body), text) {
				t.Errorf("GET %s: %d %s, %v, want %d %s", path, response.StatusCode, body, err, want, text)
			}
		}
	}
	reload := func(keys string) {
		t.Helper()
		if status, answer := r.reload(t, admin, text(keys, ", encrypted: true")); status != http.StatusOK {
			t.Fatalf("the reload is answered with %d %v", status, answer)
		}
	}
	put("1", "ann")
	get("/1", http.StatusOK, `"ann"`)
	reload("keys: {driver: local, local: {key: " + one + "}}")
	get("/1", http.StatusOK, `"ann"`)
	put("2", "bob")
	get("/2", http.StatusOK, `"bob"`)
	reload("keys: {driver: local, local: {key: " + other + ", previous: [" + one + "]}}")
	put("3", "cleo")
	get("", http.StatusOK, `[{"id":1,"name":"ann"},{"id":2,"name":"bob"},{"id":3,"name":"cleo"}]`)
	reload("keys: {driver: local, local: {key: " + other + "}}")
	get("/3", http.StatusOK, `"cleo"`)
	get("/2", http.StatusServiceUnavailable, `"code":"keys-unavailable"`)
	get("/2?$select=id", http.StatusOK, `{"id":2}`)
}
