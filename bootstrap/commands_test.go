package bootstrap

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A console is a program whose output is kept.
type console struct {
	drivers []Driver
}

func newProgram(t *testing.T, drivers ...Driver) *console {
	t.Helper()
	if drivers == nil {
		drivers = builtin()
	}
	return &console{drivers}
}

// do runs a command and returns its exit code and what it wrote.
func (c *console) do(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	p := &program{out: &o, err: &e, env: os.LookupEnv, drivers: c.drivers}
	code = p.run(t.Context(), args)
	return code, o.String(), e.String()
}

// must runs a command that has to end well, and returns what it wrote.
func (c *console) must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := c.do(t, args...)
	if code != exitOK {
		t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
	}
	return out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"serv"}, "there is no command serv; did you mean serve?"},
		{[]string{"keys", "mak"}, "there is no command mak; the commands are create, list, revoke and token"},
		{[]string{"keys"}, "a command is missing"},
		{[]string{"config"}, "a command is missing"},
		{[]string{"import"}, "SOURCE is missing"},
		{[]string{"import", "a.csv"}, "--into is missing"},
		{[]string{"import", "a.csv", "b.csv", "--into", "x"}, `"b.csv" is one argument too many`},
		{[]string{"import", "a.csv", "--batch", "many"}, "invalid argument"},
		{[]string{"serve", "--prot"}, "unknown flag: --prot"},
		{[]string{"keys", "create"}, "--subject is missing"},
		{[]string{"permissions"}, "--collection is missing"},
	} {
		code, _, errs := newProgram(t).do(t, tt.args...)
		if code != exitUsage || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "--help tells how it is used") {
			t.Errorf("%v: exit code %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.csv", "id,name\n1,x\n")
	write(t, "bad.json", "[]")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "-c", "none.yaml"}, "none.yaml: there is no such file; portolan init writes one to begin with"},
		{[]string{"import", "a.csv", "--into", "categories"}, "an import needs a repository that outlives the command, which memory does not"},
		{[]string{"import", "a.csv", "--into", "categorys", "--dry-run"}, "there is no collection called categorys; did you mean categories?"},
		{[]string{"import", "b.csv", "--into", "categories"}, "there is no such source"},
		{[]string{"import", "a.csv", "--into", "categories", "--format", "cvs"}, "there is no format cvs; did you mean csv?"},
		{[]string{"export", "products", "--to", "x.txt"}, "does not tell a format"},
		{[]string{"export", "products", "--to", "-"}, "standard output has no name to tell the format"},
		{[]string{"export", "products", "--to", "x.csv"}, "an export needs a repository that outlives the command"},
		{[]string{"keys", "create", "--subject", "a"}, "an API key needs a repository that outlives the command"},
		{[]string{"keys", "token", "--subject", "a"}, "the driver local has no key to sign with but one that ends with each process"},
		{[]string{"permissions", "--collection", "produkts"}, "there is no collection called produkts; did you mean products?"},
		{[]string{"permissions", "--collection", "products", "--as", "bad.json"}, "the claims in bad.json are no JSON object"},
		{[]string{"permissions", "--collection", "products", "--from", "home"}, `--from "home" is no address`},
		{[]string{"init", "--profile", "sqlight"}, "there is no profile called sqlight; did you mean sqlite?"},
	} {
		code, _, errs := newProgram(t).do(t, tt.args...)
		if code != exitFailed || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit code %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "claims.json", `{"sub":"ann"}`)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, `read    yes  granted to anonymous; rows: all
             hidden: seller, cost
create  no   none of the caller's roles has a grant for it
update  no   none of the caller's roles has a grant for it
delete  no   none of the caller's roles has a grant for it
`},
		{[]string{"--role", "seller"}, `read    yes  granted to anonymous and seller; rows: all
create  yes  granted to seller; rows: seller eq @claims.sub
update  yes  granted to seller; rows: seller eq @claims.sub
delete  yes  granted to seller; rows: seller eq @claims.sub
`},
		{[]string{"--role", "seller", "--as", "claims.json"}, `read    yes  granted to anonymous and seller; rows: all
create  yes  granted to seller; rows: seller eq 'ann'
update  yes  granted to seller; rows: seller eq 'ann'
delete  yes  granted to seller; rows: seller eq 'ann'
`},
	} {
		got := newProgram(t).must(t, append([]string{"permissions", "--collection", "products"}, tt.args...)...)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.args, diff)
		}
	}
}

// TestValidate goes through the stages, which JSON tells too.
func TestValidate(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		name, text string
		args       []string
		code       int
		want       map[string]string
	}{
		{"right", right, nil, exitOK, map[string]string{"schema": "ok", "meaning": "ok", "connectivity": "ok"}},
		{"offline", right, []string{"--offline"}, exitOK, map[string]string{"schema": "ok", "meaning": "ok", "connectivity": "skipped"}},
		{"schema", right + "x: 1\n", nil, exitFailed, map[string]string{"schema": "failed", "meaning": "skipped", "connectivity": "skipped"}},
		{"meaning", strings.Replace(right, "id: id", "id: di", 1), nil, exitFailed,
			map[string]string{"schema": "ok", "meaning": "failed", "connectivity": "skipped"}},
		{"connectivity", strings.Replace(right, "{driver: memory}", "{driver: sqlite, sqlite: {path: none/a.db}}", 1), nil, exitFailed,
			map[string]string{"schema": "ok", "meaning": "ok", "connectivity": "failed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(t, "portolan.yaml", tt.text)
			code, out, _ := newProgram(t).do(t, append([]string{"validate", "--json"}, tt.args...)...)
			var report struct {
				OK     bool
				Stages []struct {
					Stage, Status, Problem string
					Mistakes               []mistake
				}
			}
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			got := make(map[string]string)
			for _, s := range report.Stages {
				got[s.Stage] = s.Status
				if (s.Status == "failed") != (len(s.Mistakes) > 0 || s.Problem != "") {
					t.Errorf("%s is %s, and says %v %q", s.Stage, s.Status, s.Mistakes, s.Problem)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || code != tt.code || report.OK != (tt.code == exitOK) {
				t.Errorf("exit code %d, ok %v, stages (-want +got):\n%s", code, report.OK, diff)
			}
		})
	}
}

// TestShow masks what is secret, and nothing else.
func TestShow(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "from-the-environment")
	write(t, "portolan.yaml", strings.Replace(right, "{listen:", `{key_pepper: "${PEPPER}", cursor_key: hunter2hunter2hunter2hunter2hunter2, listen:`, 1)+
		"auth: [{driver: local, local: {key: abc, issuer: \"https://ann:hunter3@issuer.example/\"}}]\n")
	for _, args := range [][]string{{}, {"--effective"}, {"--effective", "--json"}} {
		out := newProgram(t).must(t, append([]string{"config", "show"}, args...)...)
		for _, secret := range []string{"hunter2", "hunter3", "abc", "from-the-environment"} {
			if strings.Contains(out, secret) {
				t.Errorf("config show %v tells %s", args, secret)
			}
		}
		for _, plain := range []string{"issuer.example", "things", "price", "local", masked} {
			if !strings.Contains(out, plain) {
				t.Errorf("config show %v does not tell %s:\n%s", args, plain, out)
			}
		}
	}
	effective := newProgram(t).must(t, "config", "show", "--effective")
	if !strings.Contains(effective, "drain_delay: 2s") || !strings.Contains(effective, "listen: 127.0.0.1:8080") {
		t.Errorf("defaults and variables are not filled in:\n%s", effective)
	}
	write(t, "again.yaml", strings.ReplaceAll(effective, masked, strings.Repeat("x", 20)))
	if again := newProgram(t).must(t, "config", "show", "--effective", "-c", "again.yaml"); again != effective {
		t.Errorf("what counts is not what it says (-first +second):\n%s", cmp.Diff(effective, again))
	}
}

func TestOpenAPI(t *testing.T) {
	t.Chdir(t.TempDir())
	paths := func(args ...string) map[string]map[string]any {
		var document struct {
			OpenAPI string
			Paths   map[string]map[string]any
		}
		if err := json.Unmarshal([]byte(newProgram(t).must(t, append([]string{"openapi"}, args...)...)), &document); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(document.OpenAPI, "3.1") {
			t.Errorf("version %q", document.OpenAPI)
		}
		return document.Paths
	}
	everybody, admin := paths(), paths("--role", "admin")
	if everybody["/v1/products"]["get"] == nil || everybody["/v1/products"]["post"] != nil {
		t.Errorf("everybody may %v", everybody["/v1/products"])
	}
	if admin["/v1/products"]["post"] == nil {
		t.Errorf("an admin may %v", admin["/v1/products"])
	}
}

func TestVersion(t *testing.T) {
	if out := newProgram(t).must(t, "version"); !strings.HasPrefix(out, "portolan ") {
		t.Errorf("got %q", out)
	}
}

func TestHelpHasExamples(t *testing.T) {
	p := &program{out: io.Discard, err: io.Discard}
	for _, command := range p.root().Commands() {
		for _, one := range append(command.Commands(), command) {
			if one.Short == "" || one.Example == "" && one.Name() != "list" && one.Name() != "revoke" && !one.HasSubCommands() {
				t.Errorf("%s has no description or no example", one.CommandPath())
			}
		}
	}
}

// TestAmbiguousSubjects: rows that are somebody's by sub alone are warned of where there are
// several issuers.
func TestAmbiguousSubjects(t *testing.T) {
	t.Chdir(t.TempDir())
	const warning = "warning: collections.things.access.authenticated: @claims.sub is somebody else with each issuer; compare @claims.iss too\n"
	for _, tt := range []struct {
		auth, where string
		warned      bool
	}{
		{"[{driver: local}]", "owner eq @claims.sub", false},
		{"[{driver: local}, {driver: firebase, firebase: {project: shop}}]", "owner eq @claims.sub", true},
		{"[{driver: local}, {driver: firebase, firebase: {project: shop}}]", "owner eq @claims.sub and name eq @claims.iss", false},
	} {
		write(t, "portolan.yaml", strings.Replace(right, "access: {", "access: {authenticated: {write: {where: \""+tt.where+"\"}}, ", 1)+"auth: "+tt.auth+"\n")
		if out := newProgram(t).must(t, "validate", "--offline"); strings.Contains(out, warning) != tt.warned {
			t.Errorf("%s with %s: validate says\n%s", tt.where, tt.auth, out)
		}
	}
}
