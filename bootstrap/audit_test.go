package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withAudit is a configuration that requires to be told of a.
const withAudit = `service: {listen: "127.0.0.1:0", admin: "off", drain_delay: 0s}
repository: {driver: memory}
development: {admin_key: true}
audit: {file: FILE, authentication: "on", pseudonym_key: "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa"}
collections:
  a: {audit: required, fields: {x: {type: int}}, access: {anonymous: {read: true}}}
  b: {audit: "on", fields: {x: {type: int}}, access: {admin: {all: true}}}
  c: {fields: {x: {type: int}}, access: {admin: {all: true}}}
  a_v1: {view_of: a, fields: {id: {}}, access: {anonymous: {read: true}}}
`

// audited starts the server of the configuration, asks it, and stops it.
func audited(t *testing.T, config string, ask func(r *running, api, key string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve", "-c", path})
	})
	ask(r, r.line("API"), r.line("key"))
	interrupt()
	if code := <-r.exited; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestAuditFile asks a whole server, and finds in its file what was decided; what a
// second process adds names the same callers by the same pseudonyms.
func TestAuditFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	config := strings.ReplaceAll(withAudit, "FILE", file)
	var first []byte
	for range 2 {
		audited(t, config, func(r *running, api, key string) {
			good, bad := http.Header{"X-Api-Key": {key}}, http.Header{"X-Api-Key": {"ptl_c4n4ry_c4n4ry"}}
			for _, each := range []struct {
				path   string
				header http.Header
				status int
			}{
				{"/a", nil, 200}, {"/a/x", nil, 404}, {"/a_v1", nil, 200}, {"/b", good, 200}, {"/b", nil, 401}, {"/c", good, 200}, {"/c", bad, 401},
			} {
				if status, body := r.do(http.MethodGet, api+each.path, "", each.header); status != each.status {
					t.Errorf("%s answers %d %s, want %d", each.path, status, body, each.status)
				}
			}
		})
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		added := bytes.TrimPrefix(text, first)
		if first == nil {
			first = text
		}
		want := []string{
			"authorization granted a", "authorization granted a", "authorization granted a_v1", "authentication granted principal",
			"authorization granted b principal", "authorization refused b", "authentication granted principal", "authentication refused",
		}
		if diff := cmp.Diff(want, inShort(t, added)); diff != "" {
			t.Errorf("the file (-want +got):\n%s", diff)
		}
		if bytes.Contains(added, []byte("c4n4ry")) || bytes.Contains(added, []byte("0123456789")) {
			t.Errorf("the file holds a secret: %s", added)
		}
	}
}

// inShort returns the lines of an audit log in short.
func inShort(t *testing.T, text []byte) (short []string) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var decoded map[string]string
		if err := json.Unmarshal(line, &decoded); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		words := []string{decoded["event"], decoded["decision"]}
		if decoded["collection"] != "" {
			words = append(words, decoded["collection"])
		}
		if decoded["principal"] != "" {
			words = append(words, "principal")
		}
		short = append(short, strings.Join(words, " "))
	}
	return short
}

// A file that goes away, with no other that could be made in its place, refuses what has
// to be noted and nothing else.
func TestAuditFileThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "below")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	audited(t, strings.ReplaceAll(withAudit, "FILE", filepath.Join(dir, "audit.log")), func(r *running, api, key string) {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/a": 503, "/a_v1": 503, "/b": 200, "/c": 200} {
			if status, body := r.do(http.MethodGet, api+path, "", http.Header{"X-Api-Key": {key}}); status != want {
				t.Errorf("%s answers %d %s, want %d", path, status, body, want)
			}
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if status, body := r.do(http.MethodGet, api+"/a", "", nil); status != 200 {
			t.Errorf("when it is back /a answers %d %s", status, body)
		}
	})
}

func TestBrokenAudits(t *testing.T) {
	const why = "required needs audit.file: whether a line of the log was kept nobody knows"
	for _, tt := range []struct{ name, old, new, want string }{
		{"a collection", "    id: id", "    audit: required\n    id: id", "c.yaml:5: collections.things.audit: " + why},
		{"authentication", "repository:", "audit: {authentication: required}\nrepository:", "c.yaml:2: audit.authentication: " + why},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(t, strings.Replace(right, tt.old, tt.new, 1))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if err := check(t, strings.Replace(right, "repository:", "audit: {file: a.log}\nrepository:", 1)); err != nil {
		t.Error(err)
	}
}
