package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// outgoing is the collection when it is to go.
func outgoing(c core.Collection) core.Collection {
	c.Deprecated = &core.Deprecation{Since: time.Unix(1769817600, 0), Sunset: time.Unix(1782813600, 0)}
	return c
}

// gadgets has a field of every type, with every rule.
func gadgets(t *testing.T) core.Collection {
	t.Helper()
	everything := &policy.RuleSpec{}
	return collection(t, schema.Spec{Name: "gadgets", ID: "number", Fields: []schema.FieldSpec{
		{Name: "number", Type: "int"},
		{Name: "kind", Type: "string", Enum: []string{"it's new", "used"}},
		{Name: "grade", Type: "string", Required: true, Enum: []string{"a", "b"}},
		{Name: "site", Type: "string", Format: "uri", Max: "500"},
		{Name: "mail", Type: "string", Format: "email"},
		{Name: "serial", Type: "string", Format: "uuid"},
		{Name: "made", Type: "string", Format: "date"},
		{Name: "short", Type: "string", Max: "3"},
		{Name: "stars", Type: "float", Min: "0", Max: "5"},
		{Name: "low", Type: "float", Max: "-1.5"},
		{Name: "weight", Type: "decimal", Precision: 3, Scale: 2, Min: "0.10"},
		{Name: "mass", Type: "decimal", Precision: 18, Scale: 6},
		{Name: "parts", Type: "int", Min: "100", Max: "200", Required: true},
		{Name: "sold", Type: "bool"},
		{Name: "seen", Type: "time", Min: "2027-01-01T00:00:00Z"},
		{Name: "photo", Type: "bytes", Max: "4"},
		{Name: "tags", Type: "list", Items: "string", Max: "5"},
		{Name: "sizes", Type: "list", Items: "int"},
		{Name: "more", Type: "json"},
		{Name: "label", Type: "string", Max: "40", Derive: "concat(kind, short)"},
		{Name: "secret", Type: "string", Max: "9"},
		{Name: "fixed", Type: "string", Max: "9"},
	}},
		policy.GrantSpec{Role: policy.Anonymous, Read: everything, Hide: []string{"secret"}},
		policy.GrantSpec{Role: "maker", Create: everything, Hide: []string{"secret"}, ReadOnly: []string{"fixed"}},
		policy.GrantSpec{Role: "mender", Read: everything, Update: everything, ReadOnly: []string{"fixed"}},
		policy.GrantSpec{Role: "unfit", Create: everything, Update: everything, Hide: []string{"parts"}},
		policy.GrantSpec{Role: "unable", Create: everything, Delete: everything, ReadOnly: []string{"grade"}},
		policy.GrantSpec{Role: "writer", Create: everything, Update: everything, Delete: everything},
		policy.GrantSpec{Role: "admin", Read: everything, Create: everything, Update: everything, Delete: everything},
	)
}

// documentOf returns the document of what somebody with the role, or nobody, may do.
func documentOf(t *testing.T, role string, served ...core.Collection) []byte {
	t.Helper()
	describe := func(who policy.Principal) []core.Description {
		var all []core.Description
		for _, c := range served {
			d := core.Description{Collection: c.Schema, Imports: who.Has("admin"), Deprecated: c.Deprecated}
			some := false
			for _, action := range policy.Actions {
				if right, ok := c.Access.For(who, c.Schema, action); ok {
					d.Rights[action], some = &right, true
				}
			}
			if some {
				all = append(all, d)
			}
		}
		return all
	}
	var who policy.Principal
	if role != policy.Anonymous {
		who = policy.Principal{Issuer: "test", Subject: "sid", Roles: []string{role}, Claims: map[string]any{"sub": "sid"}}
	}
	document, err := Document(describe(who), describe(policy.Principal{}), "/v1", Auth{})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// TestDocumentGolden keeps whole documents, which linters of OpenAPI read too.
func TestDocumentGolden(t *testing.T) {
	for role, served := range map[string][]core.Collection{
		policy.Anonymous: collections(t),
		"seller":         collections(t)[1:2],
		"maker":          {outgoing(gadgets(t))},
	} {
		t.Run(role, func(t *testing.T) {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, documentOf(t, role, served...), "", " "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			path := filepath.Join("testdata", "openapi", role+".json")
			if *update {
				if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
				t.Errorf("the document (-want +got; -update accepts it):\n%s", diff)
			}
		})
	}
}

// TestDocumentTellsWhatTheCallerMayDo and nothing else.
func TestDocumentTellsWhatTheCallerMayDo(t *testing.T) {
	for _, tt := range []struct {
		role string
		want []string
	}{
		{policy.Anonymous, []string{"aggregate", "get", "list", "query"}},
		{"maker", []string{"aggregate", "create", "get", "list", "query", "replace"}},
		{"mender", []string{"aggregate", "get", "list", "patch", "query", "replace"}},
		{"unfit", []string{"aggregate", "get", "list", "patch", "query", "replace"}},
		{"unable", []string{"aggregate", "delete", "deleteMany", "get", "list", "query"}},
		{"admin", []string{"aggregate", "create", "delete", "deleteMany", "get", "import", "list", "patch", "query", "replace"}},
	} {
		t.Run(tt.role, func(t *testing.T) {
			d := parse(t, documentOf(t, tt.role, gadgets(t)))
			var got []string
			for _, op := range d.operations() {
				if op.ID != "jobs.get" {
					got = append(got, strings.TrimPrefix(op.ID, "gadgets."))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
	if d := parse(t, documentOf(t, "guest")); len(d.Paths) > 0 {
		t.Errorf("who may do nothing is told of %d paths", len(d.Paths))
	}
}

// TestDocumentHidesFields: the name of what is hidden is nowhere.
func TestDocumentHidesFields(t *testing.T) {
	for _, tt := range []struct {
		role   string
		hidden []string
	}{
		{policy.Anonymous, []string{`"cost"`, `"seller"`, `"secret"`, "concat", "vault", "notes"}},
		{"maker", []string{`"cost"`, `"secret"`, "vault"}},
		{"admin", nil},
	} {
		document := string(documentOf(t, tt.role, append(collections(t), gadgets(t))...))
		for _, name := range tt.hidden {
			if strings.Contains(document, name) {
				t.Errorf("the document of %s tells of %s", tt.role, name)
			}
		}
		if tt.hidden == nil && !strings.Contains(document, `"secret"`) {
			t.Errorf("the document of %s does not tell of secret", tt.role)
		}
	}
}

// TestDocumentProperties looks at what the schemas say of writing.
func TestDocumentProperties(t *testing.T) {
	d := parse(t, documentOf(t, "mender", gadgets(t)))
	read, patch := d.Components.Schemas["gadgets"], d.Components.Schemas["gadgets.patch"]
	for _, tt := range []struct {
		name                string
		readOnly, patchable bool
	}{
		{"stars", false, true}, {"label", true, false}, {"fixed", true, false}, {"number", true, false},
	} {
		if got := read.Properties[tt.name].ReadOnly; tt.name != "number" && got != tt.readOnly {
			t.Errorf("%s is readOnly: %t, want %t", tt.name, got, tt.readOnly)
		}
		if _, got := patch.Properties[tt.name]; got != tt.patchable {
			t.Errorf("%s may be patched: %t, want %t", tt.name, got, tt.patchable)
		}
	}
	if _, ok := d.Components.Schemas["gadgets.create"]; ok {
		t.Errorf("who may not create is told how to")
	}
	create := parse(t, documentOf(t, "admin", gadgets(t))).Components.Schemas["gadgets.create"]
	if diff := cmp.Diff([]string{"number", "grade", "parts"}, create.Required); diff != "" {
		t.Errorf("what a new record needs (-want +got):\n%s", diff)
	}
}

// TestDocumentSecurity: what nobody needs a credential for says so.
func TestDocumentSecurity(t *testing.T) {
	for _, op := range parse(t, documentOf(t, "admin", gadgets(t))).operations() {
		open := slices.ContainsFunc(op.Security, func(needs map[string][]string) bool { return len(needs) == 0 })
		want := slices.Contains([]string{"gadgets.list", "gadgets.get", "gadgets.query", "gadgets.aggregate"}, op.ID)
		if open != want || len(op.Security) < 2 {
			t.Errorf("%s has the security %v, want without a credential: %t", op.ID, op.Security, want)
		}
	}
}

// TestDocumentIsComplete: every reference leads somewhere, every component is
// referred to, and every operation is one of the router's.
func TestDocumentIsComplete(t *testing.T) {
	for _, role := range []string{policy.Anonymous, "maker", "admin"} {
		text := documentOf(t, role, append(collections(t), gadgets(t))...)
		d := parse(t, text)
		referred := map[string]bool{}
		for rest := string(text); ; {
			_, after, found := strings.Cut(rest, `"$ref":"#`)
			if !found {
				break
			}
			var pointer string
			pointer, rest, _ = strings.Cut(after, `"`)
			referred[pointer] = true
		}
		declared := map[string]bool{}
		for section, names := range d.sections(t) {
			for _, name := range names {
				declared["/components/"+section+"/"+name] = true
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(referred))); diff != "" {
			t.Errorf("%s: components (-declared +referred):\n%s", role, diff)
		}
		ids := map[string]bool{}
		for _, op := range d.operations() {
			if ids[op.ID] {
				t.Errorf("%s: the operation %s is there twice", role, op.ID)
			}
			ids[op.ID] = true
		}
	}
}

// TestOpenAPIAnswers asks the handler as several callers.
func TestOpenAPIAnswers(t *testing.T) {
	f := newFixture(t, nil)
	ask := func(token, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/openapi.json", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	nobody, admin := ask("", ""), ask("ada", "")
	for name, w := range map[string]*httptest.ResponseRecorder{"nobody": nobody, "admin": admin} {
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != sentJSON {
			t.Fatalf("%s is answered %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		parse(t, w.Body.Bytes())
	}
	if strings.Contains(nobody.Body.String(), "vault") || !strings.Contains(admin.Body.String(), "vault") {
		t.Errorf("the vault is for the administrator alone")
	}
	if w := ask("", nobody.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("with its ETag the document is answered %d, want %d", w.Code, http.StatusNotModified)
	}
	if w := ask("ada", nobody.Header().Get("ETag")); w.Code != http.StatusOK {
		t.Errorf("with the ETag of another's document the answer is %d, want %d", w.Code, http.StatusOK)
	}
	if w := ask("nobody's", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("a wrong credential is answered %d, want %d", w.Code, http.StatusUnauthorized)
	}
}

// TestOpenAPIOfAccountsElsewhere: of accounts that are not kept here no session and no
// Basic is described, and of those that are, both.
func TestOpenAPIOfAccountsElsewhere(t *testing.T) {
	for _, here := range []bool{false, true} {
		document, err := Document(nil, nil, "/v1", Auth{Accounts: true, Sessions: here})
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{`"basic"`, `"session"`, `"/v1/auth/login"`} {
			if got, want := strings.Contains(string(document), word), here || word == `"/v1/auth/login"`; got != want {
				t.Errorf("sessions %t: the document has %s: %t, want %t", here, word, got, want)
			}
		}
	}
}
