package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tools returns the folder of the npm packages that check OpenAPI documents.
func tools(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PORTOLAN_TEST_NODE")
	if dir == "" && os.Getenv("PORTOLAN_TEST_ALL") != "" {
		t.Fatal("PORTOLAN_TEST_ALL is set, and PORTOLAN_TEST_NODE is not: nothing may be skipped")
	}
	if dir == "" {
		t.Skip("PORTOLAN_TEST_NODE is not set; make test sets it, see CONTRIBUTING.md")
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// TestOpenAPIIsClean lints the documents of two callers with the linters of two
// houses.
func TestOpenAPIIsClean(t *testing.T) {
	bin := filepath.Join(tools(t), ".bin")
	dir := t.TempDir()
	write(t, dir, ".spectral.yaml", `extends: ["spectral:oas"]`)
	for name, args := range map[string][]string{"anonymous": nil, "admin": {"--role", "admin"}} {
		document := write(t, dir, name+".json", mustRun(t, dir, "portolan", append([]string{"openapi"}, args...)...))
		for _, lint := range [][]string{
			{"redocly", "lint", document},
			{"spectral", "lint", "--ruleset", ".spectral.yaml", document},
		} {
			cmd := exec.Command(filepath.Join(bin, lint[0]), lint[1:]...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s of the document for %s: %v\n%s", lint[0], name, err, out)
			}
		}
	}
}

// A call is one request through the validating proxy.
type call struct {
	operation string // the operationId
	method    string
	path      string
	header    string // "Name: value", or empty
	body      string
	status    int
}

const product = `{"asin":"%s","title":"A kettle","price":19.99,"category_id":12,"stars":4.5}`

// calls exercise every operation of the document for an administrator.
func calls() []call {
	one, two, three := fmt.Sprintf(product, "X1"), fmt.Sprintf(product, "X2"), fmt.Sprintf(product, "X3")
	return []call{
		{"categories.create", "POST", "/v1/categories", "", `{"id":12,"name":"Kettles"}`, 201},
		{"categories.list", "GET", "/v1/categories?$first=5&$count=true&$orderby=name%20desc", "", "", 200},
		{"categories.get", "GET", "/v1/categories/12", "", "", 200},
		{"categories.get", "GET", "/v1/categories/99", "", "", 404},
		{"categories.replace", "PUT", "/v1/categories/13", "If-None-Match: *", `{"name":"Pans"}`, 201},
		{"categories.replace", "PUT", "/v1/categories/13", "If-None-Match: *", `{"name":"Pans"}`, 412},
		{"categories.replace", "PUT", "/v1/categories/13", "", `{"name":"Pots"}`, 200},
		{"categories.patch", "PATCH", "/v1/categories/13", "", `{"name":"Lids"}`, 200},
		{"categories.query", "POST", "/v1/categories/$query", "", `{"filter":"id gt 1","first":1,"count":true}`, 200},
		{"categories.aggregate", "GET", "/v1/categories/$aggregate?$apply=aggregate($count%20as%20n)", "", "", 200},
		{"categories.aggregate", "GET", "/v1/categories/$aggregate?$apply=aggregate(name%20with%20sum%20as%20n)", "", "", 400},
		{"categories.deleteMany", "POST", "/v1/categories/$delete", "Prefer: max-affected=1", `{"ids":["13"]}`, 200},
		{"categories.delete", "DELETE", "/v1/categories/13", "", "", 404},
		{"products.create", "POST", "/v1/products", "", one, 201},
		{"products.create", "POST", "/v1/products", "", "[" + two + "," + three + "]", 201},
		{"products.create", "POST", "/v1/products", "", one, 409},
		{"products.create", "POST", "/v1/products", "Prefer: return=minimal", fmt.Sprintf(product, "X4"), 204},
		{"products.create", "POST", "/v1/products", "Prefer: continue-on-error", "[" + fmt.Sprintf(product, "X5") + "," + one + "]", 207},
		{"products.create", "POST", "/v1/products", "Prefer: tx=rollback", fmt.Sprintf(product, "X6"), 201},
		{"products.create", "POST", "/v1/products", `Idempotency-Key: "k-1"`, fmt.Sprintf(product, "X6"), 201},
		{"products.create", "POST", "/v1/products", "Idempotency-Key: k-1", fmt.Sprintf(product, "X6"), 201},
		{"products.create", "POST", "/v1/products", "Idempotency-Key: k-1", fmt.Sprintf(product, "X7"), 422},
		{"products.patch", "PATCH", "/v1/products/X6", "Idempotency-Key: k-2", `{"price":1}`, 200},
		{"products.patch", "PATCH", "/v1/products/X6", "Idempotency-Key: k-2", `{"price":1}`, 200},
		{"products.deleteMany", "POST", "/v1/products/$delete", "Idempotency-Key: k-3", `{"ids":["X5"]}`, 200},
		{"products.delete", "DELETE", "/v1/products/X6", "Prefer: tx=rollback", "", 204},
		{"categories.import", "POST", "/v1/categories/$import", "Content-Type: text/csv", "id,name\n13,Lids\nx,Bad\n", 202},
		{"jobs.get", "GET", "/v1/jobs/{job}", "", "", 200},
		{"jobs.get", "GET", "/v1/jobs/6f1e0c5e-54b1-7a00-8000-000000000000", "", "", 404},
		{"categories.import", "POST", "/v1/categories/$import", "Content-Type: application/x-ndjson", "{\"id\":13,\"name\":\"Lids\"}\n", 202},
		{"products.import", "POST", "/v1/products/$import", "Content-Type: text/csv", "asin,title\nX9,Without a category\n", 202},
		{"products.list", "GET", "/v1/products?$filter=category_id%20eq%2012&$select=asin,price&$first=2", "", "", 200},
		{"products.list", "GET", "/v1/products?$filter=price%20lt%20x", "", "", 400},
		{"products.list", "GET", "/v1/products?$expand=category&$first=1", "", "", 200},
		{"products.list", "GET", "/v1/products?$first=2", "Accept: text/csv", "", 200},
		{"products.list", "GET", "/v1/products?$first=2", "Accept: application/x-ndjson", "", 200},
		{"products.create", "POST", "/v1/products", "Content-Type: text/csv", "asin,title,category_id\nX8,A pan,12\n", 201},
		{"products.aggregate", "GET", "/v1/products/$aggregate?$apply=groupby((category_id),aggregate(price%20with%20average%20as%20mean))", "", "", 200},
		{"products.get", "GET", "/v1/products/X1?$select=title&$expand=category", "", "", 200},
		{"products.get", "GET", "/v1/products/X1?$select=title", "", "", 200},
		{"products.replace", "PUT", "/v1/products/X1", "If-Match: *", fmt.Sprintf(product, "X1"), 200},
		{"products.patch", "PATCH", "/v1/products/X1", "", `{"price":18.50,"seller":null}`, 200},
		{"products.patch", "PATCH", "/v1/products/X1", `If-Match: "old.x"`, `{"price":1}`, 412},
		{"products.query", "POST", "/v1/products/$query", "", `{"ids":["X1","X2"],"orderby":"price"}`, 200},
		{"products.deleteMany", "POST", "/v1/products/$delete", "Prefer: max-affected=1", `{"filter":"category_id eq 12"}`, 422},
		{"products.delete", "DELETE", "/v1/products/X1", "", "", 204},
		{"categories.delete", "DELETE", "/v1/categories/12", "", "", 409},
		{"auth.jwks", "GET", "/v1/auth/jwks", "", "", 200},
	}
}

// TestOpenAPITellsTheTruth sends every operation of the document through a
// proxy that compares each request and each answer with it.
func TestOpenAPITellsTheTruth(t *testing.T) {
	bin := filepath.Join(tools(t), ".bin")
	dir := t.TempDir()
	mustRun(t, dir, "portolan", "init", "--profile", "sqlite", "--dir", dir)
	text := mustRun(t, dir, "portolan", "openapi", "--role", "admin")
	document := write(t, dir, "openapi.json", text)
	key := regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, dir, "portolan", "keys", "create", "--subject", "test", "--role", "admin"))
	upstream := serve(t, dir, "portolan.yaml")
	proxy := startProxy(t, bin, document, upstream)

	called, job := make(map[string]bool), "" // the last that was begun
	for _, c := range calls() {
		called[c.operation] = true
		c.path = strings.Replace(c.path, "{job}", job, 1)
		status, header, body := send(t, proxy, key, c)
		if id, begun := strings.CutPrefix(header.Get("Location"), "/v1/jobs/"); begun {
			job = id
		}
		if status != c.status {
			t.Errorf("%s %s: got %d, want %d: %s", c.method, c.path, status, c.status, body)
		}
		if violations := header.Get("Sl-Violations"); violations != "" || strings.Contains(body, "#VIOLATIONS") {
			t.Errorf("%s %s %s: the proxy found %s %s", c.operation, c.method, c.path, violations, body)
		}
	}
	for _, operation := range operations(t, text) {
		if !called[operation] {
			t.Errorf("%s is in the document, and was not exercised", operation)
		}
	}
}

func operations(t *testing.T, text string) []string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, methods := range document.Paths {
		for _, raw := range methods {
			var operation struct{ OperationID string }
			if json.Unmarshal(raw, &operation) == nil && operation.OperationID != "" {
				ids = append(ids, operation.OperationID)
			}
		}
	}
	if len(ids) < 16 {
		t.Errorf("the document has only %d operations", len(ids))
	}
	return ids
}

// startProxy starts the validating proxy in front of upstream and returns its address.
func startProxy(t *testing.T, bin, document, upstream string) string {
	t.Helper()
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(filepath.Join(bin, "prism"), "proxy", "--errors", "--host", host, "--port", port, document, upstream)
	log, err := os.Create(filepath.Join(t.TempDir(), "proxy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // by the signal
		log.Close()
	})
	for range 400 {
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			return "http://" + address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the proxy does not start\n%s", read(t, log.Name()))
	return ""
}

func send(t *testing.T, base, key string, c call) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", key)
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
		if c.method == http.MethodPatch {
			request.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if name, value, ok := strings.Cut(c.header, ": "); ok {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}
