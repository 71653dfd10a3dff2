package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// A noted is an audit log in memory, which may be full.
type noted struct {
	mu    sync.Mutex
	lines []map[string]any
	waits int
	full  error
}

func (n *noted) take(_ context.Context, line []byte, wait bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.full != nil {
		return n.full
	}
	var decoded map[string]any
	if err := json.Unmarshal(line, &decoded); err != nil || strings.Count(string(line), "\n") != 1 || !strings.HasSuffix(string(line), "\n") {
		return errors.Join(errors.New("not one line of JSON"), err)
	}
	n.lines = append(n.lines, decoded)
	if wait {
		n.waits++
	}
	return nil
}

// told returns the lines since the last call, in short.
func (n *noted) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var short []string
	for _, line := range n.lines {
		text := ""
		for _, name := range []string{"event", "decision", "action", "collection", "code"} {
			if value, ok := line[name].(string); ok {
				text += value + " "
			}
		}
		for _, name := range []string{"principal", "record"} {
			if value, ok := line[name].(string); ok && len(value) == 16 {
				text += name + " "
			}
		}
		short = append(short, strings.TrimSpace(text))
	}
	n.lines = nil
	return short
}

// audited returns a fixture whose products are audited as mode says, with its audit log.
func audited(t *testing.T, mode core.Audit, authentication core.Audit) (fixture, *noted) {
	t.Helper()
	log := &noted{}
	f := newFixture(t, func(cfg *Config) {
		store, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		served := collections(t)
		for i := range served {
			if served[i].Schema.Name == "products" {
				served[i].Audit = mode
			}
		}
		api, err := core.New(core.Config{Store: store, Collections: served})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
			t.Fatal(err)
		}
		seed(t, api)
		cfg.API, cfg.Audit, cfg.AuditAuthentication = api, log.take, authentication
		if cfg.Uploads, err = core.NewUploads(core.UploadsConfig{API: api, Dir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	})
	return f, log
}

// TestAudit states which decisions are noted, and how.
func TestAudit(t *testing.T) {
	const product = `{"asin":"B009","title":"T","category_id":1,"seller":"acme"}`
	for _, tt := range []struct {
		name           string
		mode           core.Audit
		authentication core.Audit
		method, target string
		body           string
		key            string
		header         []string
		want           []string
	}{
		{"a credential that is not valid", core.AuditOff, core.AuditOff, "GET", "/v1/categories", "", "mallory", nil,
			[]string{"authentication refused unauthenticated"}},
		{"one that is", core.AuditOff, core.AuditOff, "GET", "/v1/categories", "", "ada", nil, nil},
		{"one that is, noted", core.AuditOff, core.AuditOn, "GET", "/v1/categories", "", "ada", nil,
			[]string{"authentication granted principal"}},
		{"nobody, who may", core.AuditOff, core.AuditOn, "GET", "/v1/categories", "", "", nil, nil},
		{"nobody, who may not", core.AuditOff, core.AuditOff, "GET", "/v1/notes", "", "", nil,
			[]string{"authorization refused read notes unauthenticated"}},
		{"somebody who may not", core.AuditOff, core.AuditOff, "PUT", "/v1/vault/x", "{}", "sid", nil,
			[]string{"authorization refused update vault forbidden principal record"}},
		{"who may not create", core.AuditOff, core.AuditOff, "PUT", "/v1/vault/x", "{}", "sid", []string{"If-None-Match", "*"},
			[]string{"authorization refused create vault forbidden principal record"}},
		{"who may, not noted", core.AuditOff, core.AuditOff, "GET", "/v1/products/B001", "", "acme", nil, nil},
		{"who may, noted", core.AuditOn, core.AuditOff, "GET", "/v1/products/B001", "", "acme", nil,
			[]string{"authorization granted read products principal record"}},
		{"a list", core.AuditOn, core.AuditOff, "GET", "/v1/products", "", "", nil,
			[]string{"authorization granted read products"}},
		{"a query", core.AuditOn, core.AuditOff, "POST", "/v1/products/$query", `{"ids":["B001"]}`, "acme", nil,
			[]string{"authorization granted read products principal"}},
		{"a creation", core.AuditOn, core.AuditOff, "POST", "/v1/products", product, "acme", nil,
			[]string{"authorization granted create products principal"}},
		{"a row that is not the caller's", core.AuditOn, core.AuditOff, "PATCH", "/v1/products/B002", `{"title":"x"}`, "acme", nil,
			[]string{"authorization granted update products principal record", "authorization refused update products row-policy principal record"}},
		{"a deletion", core.AuditOn, core.AuditOff, "POST", "/v1/products/$delete", `{"ids":["B002"]}`, "acme", nil,
			[]string{"authorization granted delete products principal"}},
		{"an import that is not the caller's to make", core.AuditOn, core.AuditOff, "POST", "/v1/products/$import", "asin\n", "acme", nil,
			[]string{"authorization refused import products import-needs-all principal"}},
		{"a collection that is not there", core.AuditOn, core.AuditOn, "GET", "/v1/secretname", "", "acme", nil,
			[]string{"authentication granted principal"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, log := audited(t, tt.mode, tt.authentication)
			header := append([]string{"X-Request-Id", "r-1", "Content-Type", "application/json"}, tt.header...)
			if strings.HasSuffix(tt.target, "$import") {
				header[3] = "text/csv"
			}
			if tt.key != "" {
				header = append(header, "X-API-Key", tt.key)
			}
			f.do(t, tt.method, tt.target, tt.body, header...)
			for _, line := range log.lines {
				if line["request_id"] != "r-1" || line["msg"] != "audit" || !strings.HasSuffix(line["time"].(string), "Z") {
					t.Errorf("the line is %v", line)
				}
			}
			if diff := cmp.Diff(tt.want, log.told()); diff != "" {
				t.Errorf("noted (-want +got):\n%s", diff)
			}
			if log.waits != 0 {
				t.Errorf("%d lines were waited for", log.waits)
			}
		})
	}
}

// What has to be noted and cannot be is refused, and not done; everything else is, and
// its line is in the log of the process.
func TestAuditRequired(t *testing.T) {
	const product = `{"asin":"B009","title":"T","category_id":1,"seller":"acme"}`
	full := fault.New(fault.Unavailable, "test", "the disk is full").Coded("disk-full")
	f, log := audited(t, core.AuditRequired, core.AuditOff)
	if w := f.do(t, "POST", "/v1/products", strings.ReplaceAll(product, "B009", "B010"), "X-API-Key", "acme", "Content-Type", "application/json"); w.Code != 201 || log.waits != 1 {
		t.Fatalf("with a log that takes it: %d, and %d lines were waited for", w.Code, log.waits)
	}
	log.full = full
	for _, tt := range []struct {
		method, target, body, key string
		status                    int
	}{
		{"POST", "/v1/products", product, "acme", 503},
		{"PUT", "/v1/products/B009", product, "ada", 503},
		{"DELETE", "/v1/products/B001", "", "ada", 503},
		{"POST", "/v1/products/$delete", `{"ids":["B001"]}`, "ada", 503},
		{"POST", "/v1/products/$import", "asin,title\nB001,x\n", "ada", 503},
		{"GET", "/v1/products/B001", "", "", 503},
		{"GET", "/v1/products", "", "", 503},
		{"DELETE", "/v1/products/B001", "", "sid", 403}, // as ever: nothing was allowed
		{"GET", "/v1/products", "", "mallory", 401},
		{"GET", "/v1/categories", "", "", 200}, // which need not be noted
	} {
		header := []string{"Content-Type", "application/json"}
		if strings.HasSuffix(tt.target, "$import") {
			header[1] = "text/csv"
		}
		if tt.key != "" {
			header = append(header, "X-API-Key", tt.key)
		}
		w := f.do(t, tt.method, tt.target, tt.body, header...)
		if w.Code != tt.status || tt.status == 503 && (!strings.Contains(w.Body.String(), `"audit-unavailable"`) || w.Header().Get("Retry-After") == "") {
			t.Errorf("%s %s as %q: %d %s, want %d", tt.method, tt.target, tt.key, w.Code, w.Body, tt.status)
		}
		if strings.Contains(w.Body.String(), "disk") {
			t.Errorf("the answer tells why: %s", w.Body)
		}
	}
	if text := f.log.String(); strings.Count(text, `"level":"ERROR","msg":"audit"`) != 2 || !strings.Contains(text, "the disk is full") {
		t.Errorf("the log of the process does not have the two refusals: %s", text)
	}
	log.full = nil
	for target, want := range map[string]int{"/v1/products/B001": 200, "/v1/products/B009": 404} {
		if w := f.do(t, "GET", target, ""); w.Code != want {
			t.Errorf("afterwards %s is %d, want %d", target, w.Code, want)
		}
	}
}

// A credential whose being good has to be noted is good for nothing while it cannot be.
func TestAuditOfAuthenticationRequired(t *testing.T) {
	f, log := audited(t, core.AuditOff, core.AuditRequired)
	log.full = errors.New("full")
	if w := f.do(t, "GET", "/v1/categories", "", "X-API-Key", "ada"); w.Code != 503 {
		t.Errorf("with a credential: %d, want 503", w.Code)
	}
	if w := f.do(t, "GET", "/v1/categories", ""); w.Code != 200 {
		t.Errorf("without one: %d, want 200", w.Code)
	}
}

// TestNothingOfTheCallersIsAudited puts canaries wherever a caller can put something,
// and secrets where these belong, and finds none in the audit log, whose lines stay
// lines.
func TestNothingOfTheCallersIsAudited(t *testing.T) {
	const canary = "c4n4ry"
	f, log := audited(t, core.AuditRequired, core.AuditOn)
	evil := []string{canary, canary + "\r\n{}", canary + "\u2028x", "\x1b[31m" + canary}
	for _, text := range evil {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", canary} {
			for _, key := range []string{"ada", "sid", "mallory" + text} {
				escaped := strings.NewReplacer("\r", "%0d", "\n", "%0a", "\x1b", "%1b", "\u2028", "%e2%80%a8", "{", "%7b", "}", "%7d").Replace(text)
				for _, target := range []string{"/v1/products/" + escaped, "/v1/" + escaped, "/v1/vault/" + escaped, "/v1/products?$filter=" + escaped} {
					f.do(t, method, target, `{"asin":"`+canary+`"}`, "X-API-Key", key, "Content-Type", "application/json", "X-Request-Id", text+" ", "User-Agent", text)
				}
			}
		}
	}
	if len(log.lines) < 100 {
		t.Errorf("only %d lines were noted", len(log.lines))
	}
	for _, line := range log.lines {
		if text, _ := json.Marshal(line); strings.Contains(strings.ToLower(string(text)), canary) || strings.Contains(string(text), "mallory") {
			t.Fatalf("the audit log holds what a caller sent: %s", text)
		}
	}
	for _, line := range log.lines {
		for name := range line {
			if !slices.Contains([]string{"time", "level", "msg", "event", "decision", "request_id", "method", "route", "principal", "action", "collection", "record", "code"}, name) {
				t.Fatalf("a line has %s", name)
			}
		}
	}
}

// One record has one pseudonym in all lines, and another in another collection; whoever
// lacks the key cannot make it.
func TestPseudonymsOfRecords(t *testing.T) {
	one, other := newPseudonyms([]byte("a")), newPseudonyms([]byte("b"))
	names := []string{one.record("products", "B001"), one.record("products", "B002"), one.record("notes", "B001"), other.record("products", "B001"), one.record("productsB", "001")}
	for i, name := range names {
		if len(name) != 16 || slices.Contains(names[:i], name) {
			t.Errorf("the names are %v", names)
		}
	}
	if one.record("products", "B001") != names[0] {
		t.Error("a record has two names")
	}
}

// Every operation on a collection says what it does, or no line would be noted of it.
func TestOperationsSayWhatTheyDo(t *testing.T) {
	s, err := newServer(Config{API: new(core.API)})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range s.resources() {
		for method, op := range res.methods {
			if says := op.acts != ""; says != strings.Contains(res.template, "{collection}") {
				t.Errorf("%s %s says what it does: %t", method, res.template, says)
			}
		}
	}
}

// Passwords that are not right are noted wherever they are shown, and so are credentials
// that come in a way that they may not; what was shown is not.
func TestAuditOfPasswords(t *testing.T) {
	log := &noted{}
	f, _ := newAccounts(t, func(cfg *Config) { cfg.Audit = log.take })
	wrong := "c4n4ry wrong horse"
	f.ask(t, "POST", "/v1/auth/login", `{"email":"`+ann+`","password":"`+wrong+`"}`, asJSON...)
	f.ask(t, "POST", "/v1/auth/login", right, asJSON...)
	basic := func(password string) []string {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.SetBasicAuth(ann, password)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	f.ask(t, "GET", "/v1/categories", "", basic(wrong)...)
	f.ask(t, "GET", "/v1/categories", "", basic(secret)...)
	f.ask(t, "GET", "/v1/categories", "", append([]string{"plain", "192.0.2.1:1"}, basic(secret)...)...)
	for _, line := range log.lines {
		if text, _ := json.Marshal(line); strings.Contains(string(text), "c4n4ry") || strings.Contains(string(text), "ann") {
			t.Errorf("the line holds what was shown: %s", text)
		}
	}
	if told := log.told(); len(told) != 3 || slices.ContainsFunc(told, func(line string) bool { return !strings.HasPrefix(line, "authentication refused ") }) {
		t.Errorf("noted: %q, want three refusals", told)
	}
}

// TestAuditOfRelated: that related records are read is noted as of any others, one by one,
// in a list, and by a body; and if it has to be noted and cannot, they are not read.
func TestAuditOfRelated(t *testing.T) {
	log := &noted{}
	f := newFixture(t, func(cfg *Config) {
		store, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		served := collections(t)
		for i := range served {
			if served[i].Schema.Name == "categories" {
				served[i].Audit = core.AuditRequired
			}
		}
		api, err := core.New(core.Config{Store: store, Collections: served})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
			t.Fatal(err)
		}
		seed(t, api)
		cfg.API, cfg.Audit, cfg.Uploads = api, log.take, nil
	})
	for _, tt := range []struct{ method, target, body string }{
		{"GET", "/v1/products?$expand=category", ""},
		{"GET", "/v1/products/B001?$expand=category", ""},
		{"POST", "/v1/products/$query", `{"expand":"category"}`},
	} {
		log.full = nil
		if w := f.ask(t, tt.method, tt.target, tt.body, asJSON...); w.Code != 200 {
			t.Errorf("%s %s: %d %s", tt.method, tt.target, w.Code, w.Body)
		}
		if diff := cmp.Diff([]string{"authorization granted read categories"}, log.told()); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.target, diff)
		}
		log.full = errors.New("full")
		if w := f.ask(t, tt.method, tt.target, tt.body, asJSON...); w.Code != 503 || strings.Contains(w.Body.String(), `"category"`) {
			t.Errorf("%s %s with a full log: %d %s", tt.method, tt.target, w.Code, w.Body)
		}
	}
}

// TestAuditOfAccounts: each attempt to come in is noted, with what came of it; where it has
// to be noted that is before, and nothing is done that could not be.
func TestAuditOfAccounts(t *testing.T) {
	log := &noted{}
	f, accounts := newAccounts(t, func(cfg *Config) { cfg.Audit, cfg.AuditAuthentication = log.take, core.AuditRequired })
	const bert = `{"email":"bert@example.com","password":"a cup of dark tea"}`
	code, err := accounts.IssueCode(t.Context(), policy.Principal{Local: true}, ann)
	if err != nil {
		t.Fatal(err)
	}
	attempts := []struct {
		path, body string
		status     int
		ends       string
	}{
		{"signup", bert, 201, "granted"},
		{"login", `{"email":"bert@example.com","password":"not this one"}`, 401, "refused wrong-password"},
		{"login", bert, 200, "granted principal"},
		{"refresh", `{"refresh_token":"none"}`, 401, "refused bad-refresh-token"},
		{"password", `{"code":"` + code + `","new_password":"a pot of dark tea"}`, 204, "granted"},
		{"verify", `{"code":"none","password":"a cup of dark tea"}`, 401, "refused bad-code"},
	}
	log.full = errors.New("full")
	for _, a := range attempts {
		if w := f.ask(t, "POST", "/v1/auth/"+a.path, a.body, asJSON...); w.Code != 503 || !strings.Contains(w.Body.String(), "audit-unavailable") {
			t.Errorf("%s with a full log: %d %s", a.path, w.Code, w.Body)
		}
	}
	log.full = nil
	for _, a := range attempts {
		if w := f.ask(t, "POST", "/v1/auth/"+a.path, a.body, asJSON...); w.Code != a.status {
			t.Errorf("%s: %d %s, want %d: nothing may have been done before", a.path, w.Code, w.Body, a.status)
		}
		if diff := cmp.Diff([]string{"authentication pending", "authentication " + a.ends}, log.told()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a.path, diff)
		}
	}
}
