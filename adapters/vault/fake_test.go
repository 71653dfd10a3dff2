package vault_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fake is as much of Vault as the tests need, by Vault's own protocol: KV engines of
// version 2, tokens that end, the three logins, policies that deny, and what ails it. The
// suite keeps it honest where there is a real one.
type fake struct {
	*httptest.Server

	mu      sync.Mutex
	engines map[string]map[string][]any // mount, name, versions; nil is one that is deleted
	tokens  map[string]*token
	deny    map[string][]string // paths, by policy
	logins  map[string]func(body map[string]any) bool
	lease   int // of tokens had by a login, in seconds
	counts  map[string]int
	rings   map[string][][]byte // the versions of keys of transit engines, by path
	oldest  map[string]int      // the oldest of them that was not trimmed, by path; 0 is any
	least   map[string]int      // the oldest of them that is used, by path; 0 is any
	floor   map[string]int      // the oldest of them that encrypts, by path; 0 is any
	loose   bool                // a key encrypts by versions by which it does not decrypt
	mute    bool                // nothing is said of keys
	waiting chan struct{}       // what holds answers up, if it is not nil

	status int         // answered to everything but administration, if it is not 0
	header http.Header // with it
	body   string      // with it
}

type token struct {
	policies  []string
	renewable bool
	lease     int
}

const root = "hvs.root"

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		engines: map[string]map[string][]any{"secret": {}},
		tokens:  map[string]*token{root: {}},
		deny:    map[string][]string{}, counts: map[string]int{}, rings: map[string][][]byte{}, oldest: map[string]int{}, least: map[string]int{}, floor: map[string]int{}, lease: 3600,
		logins: map[string]func(map[string]any) bool{
			"approle":    func(b map[string]any) bool { return b["role_id"] == "shop" && b["secret_id"] == "hidden-secret-id" },
			"kubernetes": func(b map[string]any) bool { return b["role"] == "shop" && b["jwt"] == "service-account.for.vault" },
			"jwt":        func(b map[string]any) bool { return b["role"] == "shop" && b["jwt"] == "workload.for.vault" },
		},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// with changes the fake.
func (f *fake) with(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// count returns how often the path was asked.
func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[path]
}

// revoke ends all tokens but the root's.
func (f *fake) revoke() {
	f.with(func(f *fake) { maps.DeleteFunc(f.tokens, func(name string, _ *token) bool { return name != root }) })
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	f.mu.Lock()
	waiting := f.waiting
	f.mu.Unlock()
	if waiting != nil {
		select {
		case <-waiting:
		case <-r.Context().Done():
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[path]++
	asks := r.Header.Get("X-Vault-Token")
	who := f.tokens[asks]
	mount, isLogin := strings.CutSuffix(strings.TrimPrefix(path, "auth/"), "/login")
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)               // a GET has none
	w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT") // its clock is wrong
	switch {
	case !ok || r.Header.Get("X-Vault-Request") != "true":
		answer(w, 400, `{"errors":["missing X-Vault-Request"]}`)
	case f.status != 0 && asks != root:
		maps.Copy(w.Header(), f.header)
		answer(w, f.status, f.body)
	case isLogin && strings.HasPrefix(path, "auth/"):
		f.login(w, mount, body)
	case who == nil:
		answer(w, 403, `{"errors":["permission denied","invalid token"]}`)
	case strings.HasPrefix(path, "auth/token/"):
		f.token(w, path, asks, who, body)
	case strings.HasPrefix(path, "sys/"):
		f.sys(w, path, body)
	case f.denied(who, path):
		answer(w, 403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`)
	case f.transit(w, path, body):
	default:
		f.kv(w, r, path, body)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // who left does not read
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	answer(w, status, string(text))
}

func (f *fake) login(w http.ResponseWriter, mount string, body map[string]any) {
	check, mounted := f.logins[mount]
	switch {
	case !mounted:
		answer(w, 404, `{"errors":["no handler for route \"auth/`+mount+`/login\". route entry not found."]}`)
	case !check(body):
		answer(w, 400, `{"errors":["invalid role or secret ID, or error validating token: invalid audience (aud) claim"]}`)
	default:
		f.issue(w, &token{renewable: true, lease: f.lease})
	}
}

func (f *fake) issue(w http.ResponseWriter, made *token) {
	name := "hvs.made-" + strconv.Itoa(len(f.tokens)) + "-" + strconv.Itoa(f.counts["made"])
	f.counts["made"]++
	f.tokens[name] = made
	answerJSON(w, 200, map[string]any{"auth": map[string]any{"client_token": name, "lease_duration": made.lease, "renewable": made.renewable}})
}

func (f *fake) token(w http.ResponseWriter, path, name string, who *token, body map[string]any) {
	switch path {
	case "auth/token/lookup-self":
		answerJSON(w, 200, map[string]any{"data": map[string]any{
			"id": name, "ttl": who.lease, "renewable": who.renewable,
			"creation_time": time.Now().Add(-1000 * time.Hour).Unix(), "expire_time": "1970-01-01T00:00:00Z", // nobody's clock need be right
		}})
	case "auth/token/renew-self":
		answerJSON(w, 200, map[string]any{"auth": map[string]any{"client_token": name, "lease_duration": who.lease, "renewable": who.renewable}})
	case "auth/token/create":
		made := &token{lease: f.lease, renewable: true}
		for _, policy := range body["policies"].([]any) {
			made.policies = append(made.policies, policy.(string))
		}
		f.issue(w, made)
	}
}

var denials = regexp.MustCompile(`path "([^"]+)" *\{ *capabilities *= *\["deny"\] *\}`)

func (f *fake) sys(w http.ResponseWriter, path string, body map[string]any) {
	if name, ok := strings.CutPrefix(path, "sys/policies/acl/"); ok {
		f.deny[name] = nil
		for _, found := range denials.FindAllStringSubmatch(body["policy"].(string), -1) {
			f.deny[name] = append(f.deny[name], found[1])
		}
	}
	if mount, ok := strings.CutPrefix(path, "sys/mounts/"); ok {
		f.engines[mount] = map[string][]any{}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) denied(who *token, path string) bool {
	for _, policy := range who.policies {
		if slices.Contains(f.deny[policy], path) {
			return true
		}
	}
	return false
}

func (f *fake) kv(w http.ResponseWriter, r *http.Request, path string, body map[string]any) {
	mount, rest, _ := strings.Cut(path, "/")
	kind, name, _ := strings.Cut(rest, "/")
	engine := f.engines[mount]
	versions := engine[name]
	number := len(versions)
	if asked := r.URL.Query().Get("version"); asked != "" {
		number, _ = strconv.Atoi(asked)
	}
	meta := map[string]any{"version": number, "deletion_time": "", "destroyed": false}
	switch {
	case engine == nil:
		answer(w, 404, `{"errors":["no handler for route"]}`)
	case kind == "data" && r.Method != http.MethodGet:
		engine[name] = append(versions, body["data"])
		answer(w, 200, `{"data":{"version":1}}`)
	case r.Method == http.MethodDelete:
		delete(engine, name)
		w.WriteHeader(http.StatusNoContent)
	case number < 1 || number > len(versions):
		answer(w, 404, `{"errors":[]}`)
	case kind == "metadata":
		answerJSON(w, 200, map[string]any{"data": map[string]any{"current_version": len(versions)}})
	case versions[number-1] == nil:
		meta["deletion_time"] = "2026-01-01T00:00:00Z"
		answerJSON(w, 404, map[string]any{"data": map[string]any{"data": nil, "metadata": meta}})
	default:
		answerJSON(w, 200, map[string]any{"request_id": "1", "data": map[string]any{"data": versions[number-1], "metadata": meta}})
	}
}
