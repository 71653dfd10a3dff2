package httpapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A documentedRequest is a request with the status that it is answered with.
type documentedRequest struct {
	name, who, method, template, target, body string
	header                                    []string
	want                                      int
}

// documentedRequests exercise every operation, well and not so well, in an order
// that leaves each what it needs.
func documentedRequests() []documentedRequest {
	const one, list, byBody, deletes = "/v1/products/{id}", "/v1/products", "/v1/products/$query", "/v1/products/$delete"
	const aggregates = "/v1/products/$aggregate"
	const imports, jobs = "/v1/products/$import", "/v1/jobs/{id}"
	asJSON := []string{"Content-Type", typeJSON}
	with := func(header ...string) []string { return append(header, asJSON...) }
	return []documentedRequest{
		{"list", "", "GET", list, list + "?$count=true&$first=2&$orderby=price%20desc", "", nil, 200},
		{"list of some fields", "ada", "GET", list, list + "?$select=asin,cost&$filter=price%20gt%2010", "", nil, 200},
		{"list of what is hidden", "", "GET", list, list + "?$filter=cost%20gt%2010", "", nil, 400},
		{"list not acceptable", "", "GET", list, list, "", []string{"Accept", "image/png"}, 406},
		{"list with related records", "", "GET", list, list + "?$expand=category&$select=asin", "", nil, 200},
		{"list as CSV", "", "GET", list, list, "", []string{"Accept", typeCSV}, 200},
		{"list as lines", "", "GET", list, list + "?$first=1", "", []string{"Accept", typeNDJSON}, 200},
		{"aggregate", "", "GET", aggregates, aggregates + "?$apply=groupby((category_id),aggregate(price%20with%20max%20as%20most))", "", nil, 200},
		{"aggregate as lines", "", "GET", aggregates, aggregates + "?$apply=aggregate($count%20as%20n)", "", []string{"Accept", "application/jsonl"}, 200},
		{"aggregate nothing", "", "GET", aggregates, aggregates, "", nil, 400},
		{"query with related records", "", "POST", byBody, byBody, `{"expand":"category"}`, asJSON, 200},
		{"get with related records", "", "GET", one, list + "/B001?$expand=category", "", nil, 200},
		{"create rows", "ada", "POST", list, list, "asin,title,category_id\nB016,New,1\n", []string{"Content-Type", typeCSV}, 201},
		{"wrong credential", "eve", "GET", list, list, "", nil, 401},
		{"query", "", "POST", byBody, byBody, `{"filter":"price gt 10","first":1,"count":true,"ids":["B001","B002"]}`, asJSON, 200},
		{"query of nonsense", "", "POST", byBody, byBody, `{"filtre":"price gt 10"}`, asJSON, 400},
		{"query in text", "", "POST", byBody, byBody, `filter`, []string{"Content-Type", "text/plain"}, 415},
		{"get", "", "GET", one, list + "/B001", "", nil, 200},
		{"get for an administrator", "ada", "GET", one, list + "/B001?$select=cost", "", nil, 200},
		{"get nothing", "", "GET", one, list + "/B999", "", nil, 404},
		{"get another revision", "", "GET", one, list + "/B001", "", []string{"If-Match", `"x.y"`}, 412},
		{"create", "ada", "POST", list, list, `{"asin":"B010","title":"New","category_id":1}`, asJSON, 201},
		{"create several", "ada", "POST", list, list, `[{"asin":"B011","title":"New","category_id":1},{"asin":"B012","title":"New","category_id":1}]`, asJSON, 201},
		{"create lines", "ada", "POST", list, list, `{"asin":"B013","title":"New","category_id":1}` + "\n", []string{"Content-Type", typeNDJSON}, 201},
		{"create silently", "ada", "POST", list, list, `{"asin":"B014","title":"New","category_id":1}`, with("Prefer", "return=minimal"), 204},
		{"create again", "ada", "POST", list, list, `{"asin":"B010","title":"New","category_id":1}`, asJSON, 409},
		{"create a dangling one", "ada", "POST", list, list, `{"asin":"B015","title":"New","category_id":999}`, asJSON, 409},
		{"create what breaks rules", "ada", "POST", list, list, `{"asin":"B015","price":-1}`, asJSON, 400},
		{"create another's", "acme", "POST", list, list, `{"asin":"B015","title":"New","category_id":1,"seller":"bolt"}`, asJSON, 403},
		{"create too much", "ada", "POST", list, list, `[` + strings.Repeat(`{},`, 200) + `{}]`, asJSON, 413},
		{"create what is right", "ada", "POST", list, list, `[{"asin":"B017","title":"New","category_id":1},{"asin":"B017","title":"x","category_id":1},{"asin":"B018","title":"x","category_id":999}]`,
			with("Prefer", "continue-on-error"), 207},
		{"create what is right, silently", "ada", "POST", list, list, `[{"asin":"B019","title":"New","category_id":1},{"asin":"B010","title":"New","category_id":1}]`,
			with("Prefer", "continue-on-error, return=minimal", "Idempotency-Key", "c"), 207},
		{"create the same again", "ada", "POST", list, list, `[{"asin":"B019","title":"New","category_id":1},{"asin":"B010","title":"New","category_id":1}]`,
			with("Prefer", "continue-on-error, return=minimal", "Idempotency-Key", "c"), 207},
		{"create something else", "ada", "POST", list, list, `{"asin":"B019","title":"New","category_id":1}`, with("Idempotency-Key", "c"), 422},
		{"try to create", "ada", "POST", list, list, `{"asin":"B022","title":"New","category_id":1}`, with("Prefer", "tx=rollback"), 201},
		{"try to patch", "ada", "PATCH", one, list + "/B010", `{"price":3}`, with("Prefer", "tx=rollback"), 200},
		{"try to delete", "ada", "DELETE", one, list + "/B010", "", []string{"Prefer", "tx=rollback"}, 204},
		{"try to delete many", "ada", "POST", deletes, deletes, `{"ids":["B010"]}`, with("Prefer", "tx=rollback"), 200},
		{"patch once", "ada", "PATCH", one, list + "/B010", `{"price":3}`, with("Idempotency-Key", "p"), 200},
		{"patch again", "ada", "PATCH", one, list + "/B010", `{"price":3}`, with("Idempotency-Key", "p"), 200},
		{"patch otherwise", "ada", "PATCH", one, list + "/B010", `{"price":4}`, with("Idempotency-Key", "p"), 422},
		{"delete many once", "ada", "POST", deletes, deletes, `{"ids":["B999"]}`, with("Idempotency-Key", "d"), 200},
		{"delete many again", "ada", "POST", deletes, deletes, `{"ids":["B999"]}`, with("Idempotency-Key", "d"), 200},
		{"replace", "ada", "PUT", one, list + "/B010", `{"asin":"B010","title":"Newer","category_id":1}`, asJSON, 200},
		{"replace silently", "ada", "PUT", one, list + "/B010", `{"title":"Newest","category_id":1}`, with("Prefer", "return=minimal"), 204},
		{"create by id", "ada", "PUT", one, list + "/B020", `{"title":"New","category_id":1}`, with("If-None-Match", "*"), 201},
		{"create by id silently", "ada", "PUT", one, list + "/B021", `{"title":"New","category_id":1}`, with("Prefer", "return=minimal"), 204},
		{"create by id again", "ada", "PUT", one, list + "/B020", `{"title":"New","category_id":1}`, with("If-None-Match", "*"), 412},
		{"patch", "ada", "PATCH", one, list + "/B010", `{"price":12.50,"seller":null}`, []string{"Content-Type", typePatch}, 200},
		{"patch silently", "ada", "PATCH", one, list + "/B010", `{"price":1}`, with("Prefer", "return=minimal"), 204},
		{"patch what is required away", "ada", "PATCH", one, list + "/B010", `{"title":null}`, asJSON, 400},
		{"patch another revision", "ada", "PATCH", one, list + "/B010", `{"price":1}`, with("If-Match", `"x.y"`), 412},
		{"delete many, too many", "ada", "POST", deletes, deletes, `{"filter":"title eq 'New'"}`, with("Prefer", "max-affected=1"), 422},
		{"delete many", "ada", "POST", deletes, deletes, `{"filter":"title eq 'New'"}`, with("Prefer", "max-affected=10"), 200},
		{"delete", "ada", "DELETE", one, list + "/B010", "", nil, 204},
		{"delete nothing", "ada", "DELETE", one, list + "/B010", "", nil, 404},
		{"import", "ada", "POST", imports, imports, "asin,title,category_id\nB030,New,1\n", []string{"Content-Type", typeCSV, "Prefer", "respond-async"}, 202},
		{"import nothing", "ada", "POST", imports, imports, "", []string{"Content-Type", typeCSV}, 400},
		{"import JSON", "ada", "POST", imports, imports, `[]`, asJSON, 415},
		{"import with a key", "ada", "POST", imports, imports, "{}\n", []string{"Content-Type", typeNDJSON, "Idempotency-Key", "k"}, 202},
		{"import other rows with it", "ada", "POST", imports, imports, "{} \n", []string{"Content-Type", typeNDJSON, "Idempotency-Key", "k"}, 422},
		{"a job that is not there", "ada", "GET", jobs, "/v1/jobs/6f1e0c5e-54b1-7a00-8000-000000000000", "", nil, 404},
		{"delete what is referred to", "ada", "DELETE", "/v1/categories/{id}", "/v1/categories/2", "", nil, 409},
	}
}

// TestAnswersAreAsDocumented sends requests of every operation and compares the
// answers with what the caller's own document says of them: status, headers and
// body. The body of a request that is accepted must be as documented, too.
func TestAnswersAreAsDocumented(t *testing.T) {
	f := newFixture(t, nil)
	exercised := map[string]bool{}
	for _, tt := range documentedRequests() {
		t.Run(tt.name, func(t *testing.T) {
			header := tt.header
			if tt.who != "" {
				header = append([]string{"X-API-Key", tt.who}, header...)
			}
			w := f.do(t, tt.method, tt.target, tt.body, header...)
			if w.Code != tt.want {
				t.Fatalf("the answer is %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			reader := tt.who
			if tt.want == http.StatusUnauthorized {
				reader = "" // the document is refused with the same credential
			}
			d := parse(t, f.document(t, reader))
			operation := pointer("paths", tt.template, strings.ToLower(tt.method))
			d.compare(t, operation, w)
			if mediaType := mediaTypeIn(header); w.Code < 300 && mediaType != typeNDJSON && mediaType != typeCSV && tt.body != "" {
				d.validate(t, operation+pointer("requestBody", "content", mediaType, "schema"), []byte(tt.body))
			}
			exercised[operation] = true
		})
	}
	for _, op := range parse(t, f.document(t, "ada")).operations() {
		if at := pointer("paths", op.Path, strings.ToLower(op.Method)); strings.HasPrefix(op.Path, "/v1/products") && !exercised[at] {
			t.Errorf("no request exercises %s %s", op.Method, op.Path)
		}
	}
}

// document returns the document of what the person of the name may do.
func (f fixture) document(t *testing.T, who string) []byte {
	t.Helper()
	var header []string
	if who != "" {
		header = []string{"X-API-Key", who}
	}
	w := f.do(t, http.MethodGet, "/openapi.json", "", header...)
	if w.Code != http.StatusOK {
		t.Fatalf("/openapi.json answers %s with %d", who, w.Code)
	}
	return w.Body.Bytes()
}

func mediaTypeIn(header []string) string {
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Content-Type" {
			return header[i+1]
		}
	}
	return ""
}

// compare reports what of an answer the document does not say.
func (d *parsedDocument) compare(t *testing.T, operation string, w *httptest.ResponseRecorder) {
	t.Helper()
	at := operation + pointer("responses", strconv.Itoa(w.Code))
	answer, ok := d.at(at).(map[string]any)
	if !ok {
		t.Fatalf("the document has no %d among the answers", w.Code)
	}
	headers, _ := answer["headers"].(map[string]any)
	for _, name := range []string{
		"ETag", "Location", "Link", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id", "Cache-Control", "Vary",
	} {
		if _, documented := headers[name]; w.Header().Get(name) != "" && !documented {
			t.Errorf("the answer has %s, which the document does not tell", name)
		}
	}
	mediaType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	if w.Body.Len() == 0 {
		return
	}
	content, _ := answer["content"].(map[string]any)
	if content[mediaType] == nil {
		t.Fatalf("the answer is %s, which the document does not tell", mediaType)
	}
	if target, ok := d.at(operation + pointer("responses")).(map[string]any)[strconv.Itoa(w.Code)].(map[string]any)["$ref"].(string); ok {
		at = strings.TrimPrefix(target, "#")
	}
	if strings.HasSuffix(mediaType, "json") && mediaType != typeNDJSON {
		d.validate(t, at+pointer("content", mediaType, "schema"), w.Body.Bytes())
	}
}

// validate validates a body against the schema at the JSON pointer.
func (d *parsedDocument) validate(t *testing.T, at string, body []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the body is not JSON: %v", err)
	}
	if err := d.compile(t, at).Validate(value); err != nil {
		t.Errorf("the body is not as documented: %v\n%s", err, body)
	}
}
