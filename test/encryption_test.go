package test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/adapters/keeper"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestEncryptedOnEveryStore stores a value of every extreme in a field that is encrypted, by
// Load and by Apply, and finds the same octets there as where nothing is.
func TestEncryptedOnEveryStore(t *testing.T) {
	plain, records := repositorytest.Extremes()
	spec := schema.Spec{Name: "things", ID: plain.IDField().Name}
	for i := range plain.Fields {
		f := &plain.Fields[i]
		each := schema.FieldSpec{Name: f.Name, Type: f.Type.String(), Precision: f.Precision, Scale: f.Scale, Encrypted: i != plain.ID}
		if f.Type == record.ListType {
			each.Items = f.Items.String()
		}
		spec.Fields = append(spec.Fields, each)
	}
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Key: secrets.Fixed(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			below, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = below.Close() })
			store := layer.Encrypt(below, envelope.New(envelope.Config{Wrapper: k}))
			if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
				t.Fatal(err)
			}
			half := len(records) / 2
			if _, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: inRun("run-1", records[:half]), Run: "run-"}); err != nil {
				t.Fatal(err)
			}
			for _, r := range records[half:] {
				if _, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: r.ID, Revision: "r", Fields: r.Fields}}); err != nil {
					t.Fatal(err)
				}
			}
			got := make(map[record.ID]string)
			for _, row := range everything(t, store, c) {
				got[row.ID] = string(row.JSON)
			}
			encoder := record.NewEncoder(plain.Names(plain.All()))
			for _, r := range records {
				if want := string(encoder.Append(nil, r.Fields)); got[r.ID] != want {
					t.Errorf("%s is\n%.300s, and was\n%.300s", r.ID, got[r.ID], want)
				}
			}
			for _, row := range everything(t, below, c.AtRest()) {
				for i := range c.Fields {
					if i != c.ID && !row.Values[i].IsNull() {
						t.Errorf("of %s the field %s lies there as it is", row.ID, c.Fields[i].Name)
					}
				}
			}
		})
	}
}

const encryptedConfig = `service: {listen: "127.0.0.1:${PORT:-0}", admin: "off", drain_delay: 0s, instances: many, spool: "${SPOOL}", key_pepper: "${PEPPER}"}
repository: {driver: postgres, postgres: {dsn: "${DSN}"}}
cache: {driver: redis, redis: {url: "redis://${REDIS}"}}
keys: {driver: local, local: {key: "${FIELD_KEY}", previous: ["${OLD_KEY:-an older key of thirty-two octets}"]}}
collections:
  wards:
    id: id
    fields: {id: {type: string}}
    access: {anonymous: {all: true}}
  patients:
    id: id
    fields:
      id: {type: string, max: 16}
      ward: {type: int, max: 99}
      ssn: {type: string, max: 60, encrypted: true}
      file: {type: json, encrypted: true}
    access: {anonymous: {all: true}}
`

// TestCanaryLiesNowhere puts a value into an encrypted field by every route, with a cache
// that is elsewhere, and looks for it in the database, in the cache, in what imports leave
// behind. Then the key is changed, and after portolan encrypt the new one
// alone is enough.
func TestCanaryLiesNowhere(t *testing.T) {
	const canary = "canary-4711-0815"
	dir, spool := t.TempDir(), t.TempDir()
	dsn, redis := servers.PostgreSQL(t), servers.Redis(t)
	config := write(t, dir, "portolan.yaml", encryptedConfig)
	env := []string{"DSN=" + dsn, "REDIS=" + redis, "SPOOL=" + spool, "PEPPER=" + strings.Repeat("pepper-", 5) + "x1y2z3", "FIELD_KEY=q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi"}
	for _, each := range env {
		name, value, _ := strings.Cut(each, "=")
		t.Setenv(name, value)
	}
	url := serve(t, dir, config, env...) + "/v1/patients"
	body := `{"id":"1","ward":3,"ssn":"` + canary + `","file":{"a":["` + canary + `"]}}`
	_, head := ask(t, http.MethodPost, url, body, http.StatusCreated)
	ask(t, http.MethodPost, url, `[{"id":"2","ssn":"`+canary+`"},{"id":"3","ssn":null}]`, http.StatusCreated)
	ask(t, http.MethodPut, url+"/4", `{"id":"4","file":"`+canary+`"}`, http.StatusCreated)
	ask(t, http.MethodPatch, url+"/4", `{"ssn":"`+canary+`"}`, http.StatusOK)
	ask(t, http.MethodPost, url, `{"id":"5","ward":100,"ssn":"`+canary+`"}`, http.StatusBadRequest)
	for range 2 { // from the store, and from the cache
		if got, _ := ask(t, http.MethodGet, url+"/1", "", http.StatusOK); got != body {
			t.Errorf("got %s, want %s", got, body)
		}
		if got, _ := ask(t, http.MethodGet, url+"?$orderby=ward", "", http.StatusOK); strings.Count(got, canary) != 5 {
			t.Errorf("the list is %s", got)
		}
		ask(t, http.MethodGet, url+"/1", "", http.StatusNotModified, "If-None-Match", head.Get("ETag"))
	}
	if got, _ := ask(t, http.MethodGet, url+"?$filter=ssn%20eq%20'x'", "", http.StatusBadRequest); !strings.Contains(got, `"code":"encrypted-field"`) {
		t.Errorf("a filter of it is answered %s", got)
	}
	// What is not encrypted is found where the test looks.
	const plain = "plain-ward"
	ask(t, http.MethodPost, strings.Replace(url, "patients", "wards", 1), `{"id":"`+plain+`"}`, http.StatusCreated)
	ask(t, http.MethodGet, strings.Replace(url, "patients", "wards/"+plain, 1), "", http.StatusOK)
	write(t, dir, "more.ndjson", `{"id":"6","ssn":"`+canary+`"}`+"\n"+`{"id":"7","ward":100,"ssn":"`+canary+`"}`+"\n")
	if out, code := run(t, dir, "portolan", "import", "more.ndjson", "--into", "patients", "--rejects", "rejects.ndjson"); code != 3 || strings.Contains(out, canary) {
		t.Errorf("import: exit code %d, %s", code, out)
	}
	if out := mustRun(t, dir, "portolan", "export", "patients", "--to", "-", "--format", "ndjson"); strings.Count(out, canary) != 6 {
		t.Errorf("the export is %s", out)
	}
	for what, text := range map[string]string{
		"database": dumpPostgreSQL(t, dsn), "cache": dumpRedis(t, redis),
		"spool": readAll(t, spool), "rejects": read(t, filepath.Join(dir, "rejects.ndjson")),
	} {
		if strings.Contains(text, canary) {
			t.Errorf("it lies in the %s as it is", what)
		}
		if looked := what == "database" || what == "cache"; looked && !strings.Contains(text, plain) {
			t.Errorf("not even what is not encrypted is found in the %s", what)
		}
	}
	rotate(t, dir, url, body)
}

// rotate changes the key: what is stored can be read with the old one beside it, and once
// all is encrypted again, without.
func rotate(t *testing.T, dir, url, body string) {
	t.Helper()
	old := os.Getenv("FIELD_KEY")
	t.Setenv("FIELD_KEY", "Zp3vKx9Qe5WmTf1LhYbN7sRuGdJcAoXi")
	if out, code := run(t, dir, "portolan", "export", "patients", "--to", "-", "--format", "ndjson"); code != 1 || !strings.Contains(out, "the key of encrypted fields cannot be had now") {
		t.Errorf("without the old key: exit code %d, %s", code, out)
	}
	t.Setenv("OLD_KEY", old)
	if out := mustRun(t, dir, "portolan", "encrypt", "--collection", "patients", "--dry-run"); !strings.Contains(out, "of 5 records 0 were not encrypted and 4 were under an older key; 4 would be stored again") {
		t.Errorf("a dry run says %s", out)
	}
	mustRun(t, dir, "portolan", "encrypt", "--collection", "patients")
	if err := os.Unsetenv("OLD_KEY"); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, dir, "portolan", "export", "patients", "--to", "-", "--format", "ndjson"); !strings.Contains(out, body) {
		t.Errorf("without the old key, once all is encrypted again: %s", out)
	}
	// The server still has the old key alone.
	if got, _ := ask(t, http.MethodGet, url+"/1", "", http.StatusServiceUnavailable, "Cache-Control", "no-cache"); !strings.Contains(got, `"code":"keys-unavailable"`) {
		t.Errorf("the server, which has the old key alone, answers %s", got)
	}
}

// dumpPostgreSQL returns every value of every table as text, octets as they are.
func dumpPostgreSQL(t *testing.T, dsn string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT quote_ident(schemaname)||'.'||quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog','information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(ctx, "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			for _, raw := range rows.RawValues() {
				all.Write(raw)
				all.WriteByte('\n')
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// dumpRedis returns every key with all that it holds, as a dump of it is.
func dumpRedis(t *testing.T, address string) string {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: address})
	defer client.Close()
	names, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		value, err := client.Dump(t.Context(), name).Result()
		if err != nil && err != goredis.Nil { //nolint:errorlint // as the client documents it
			t.Fatal(err)
		}
		all.WriteString(name + value + "\n")
		text, _ := client.Get(t.Context(), name).Result() // of what is no text nothing
		all.WriteString(text)
	}
	return all.String()
}

// readAll returns what is in the files of a directory.
func readAll(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(&all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
