package test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An attack is a request that is answered well as it is, and the parameters of it that
// sqlmap tries. A * is where in a path, a header or a body it puts its payloads.
type attack struct {
	name   string
	method string
	path   string
	body   string
	header []string // names and values in turn
	tries  []string // the parameters, as sqlmap calls them
}

// leastRequests is how many requests sqlmap sends at least for a parameter that it
// really tries: at level 3 there are far more.
const leastRequests = 300

// A scan is a run of sqlmap, and what of it reached the server.
type scan struct {
	out    string
	err    error // of its exit code
	sent   int64
	failed int64 // answers of 500 and more
}

// sqlmap attacks the server, by way of a proxy that counts.
func sqlmap(t *testing.T, server string, a attack) scan {
	t.Helper()
	upstream, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var sent, failed atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // also what Go would drop of it
		},
		ModifyResponse: func(r *http.Response) error {
			sent.Add(1)
			if r.StatusCode >= http.StatusInternalServerError {
				failed.Add(1)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }, // as if nobody listened
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	home := t.TempDir()
	args := []string{
		"-u", front.URL + a.path, "--level", "3", "--risk", "3", "--batch", "--retries", "0", "--timeout", "10", "--threads", "4", "--skip-waf",
		"--ignore-code", "401", "--skip", "user-agent,referer,host", "--flush-session", "--output-dir", filepath.Join(home, "out"),
	}
	if a.method != "" {
		args = append(args, "--method", a.method)
	}
	if a.body != "" {
		args = append(args, "--data", a.body, "-H", "Content-Type: application/json")
	}
	for i := 0; i < len(a.header); i += 2 {
		args = append(args, "-H", a.header[i]+": "+a.header[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sqlmap", args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	return scan{out: string(out), err: err, sent: sent.Load(), failed: failed.Load()}
}

var (
	injectable = regexp.MustCompile(`(?m)^.*(identified the following injection point|is vulnerable|is '.*' injectable).*$`)
	harmless   = regexp.MustCompile(`parameter '([^']+)' does not seem to be injectable`)
)

// verdict returns what is wrong. That sqlmap found nothing means something only if it
// tried each parameter to the end, and the server answered.
func (s scan) verdict(a attack) error {
	if found := injectable.FindString(s.out); found != "" {
		return fmt.Errorf("sqlmap says: %s", found)
	}
	var tried []string
	for _, match := range harmless.FindAllStringSubmatch(s.out, -1) {
		tried = append(tried, match[1])
	}
	switch diff := cmp.Diff(a.tries, tried); {
	case s.err != nil:
		return fmt.Errorf("sqlmap ended with %w", s.err)
	case diff != "":
		return fmt.Errorf("sqlmap did not try what it should: -want +got:\n%s", diff)
	case !strings.Contains(s.out, "all tested parameters do not appear to be injectable"):
		return errors.New("sqlmap does not say that nothing is injectable")
	case s.sent < leastRequests*int64(len(a.tries)):
		return fmt.Errorf("%d requests reached the server for %d parameters: it was not tried", s.sent, len(a.tries))
	case s.failed > 0:
		return fmt.Errorf("%d of %d requests were answered by 500 or more", s.failed, s.sent)
	}
	return nil
}

// wantSqlmap skips the test unless it is asked for.
func wantSqlmap(t *testing.T) (long bool) {
	t.Helper()
	long = os.Getenv("PORTOLAN_TEST_SQLMAP") != ""
	if !long && os.Getenv("PORTOLAN_TEST_ALL") == "" {
		t.Skip("neither PORTOLAN_TEST_SQLMAP nor PORTOLAN_TEST_ALL is set; see CONTRIBUTING.md")
	}
	if _, err := exec.LookPath("sqlmap"); err != nil {
		t.Fatalf("%v; test/servers/install installs it", err)
	}
	return long
}

// TestSqlmapFinds shows that the proof can fail: sqlmap finds what is injectable, and
// a run in which it tries nothing, or reaches nobody, proves nothing.
func TestSqlmapFinds(t *testing.T) {
	wantSqlmap(t)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "goods.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE goods (id int, title text); INSERT INTO goods VALUES (1, 'Lamp'), (2, 'Chart')`); err != nil {
		t.Fatal(err)
	}
	open := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var title string
		if err := db.QueryRowContext(r.Context(), "SELECT title FROM goods WHERE id = "+r.FormValue("id")).Scan(&title); err != nil {
			http.Error(w, "there is no such thing", http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, title)
	}))
	open.Config.ErrorLog = log.New(io.Discard, "", 0) // some payloads ask SQLite for more memory than there is
	open.Start()
	defer open.Close()
	gone := "http://" + freeAddress(t)
	nowhere := httptest.NewServer(http.NotFoundHandler())
	defer nowhere.Close()
	a := attack{name: "goods", path: "/goods?id=1", tries: []string{"id"}}
	for name, tt := range map[string]struct{ server, want string }{
		"what is injectable":       {open.URL, "sqlmap says: "},
		"a server that is down":    {gone, "did not try what it should"},
		"a server without a route": {nowhere.URL, "did not try what it should"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sqlmap(t, tt.server, a)
			if err := s.verdict(a); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the verdict is %v, want %q\n%s", err, tt.want, s.out)
			}
		})
	}
}

// attacks are on every way in which a caller's text comes near to a statement. The
// record that they change is a category, whose tag is given, and the key is an admin's.
func attacks(key, tag, cursor string) []attack {
	const byPrice = "/v1/products?$filter=price%20gt%2010&$orderby=price&$first=2&$select=asin,price&$expand=category&$count=true"
	admin := []string{"X-API-Key", key}
	with := func(header ...string) []string { return append(header, admin...) }
	return []attack{
		{name: "options of a list", path: byPrice, tries: []string{"$filter", "$orderby", "$first", "$select", "$expand", "$count"}},
		{name: "$filter, within a text", path: "/v1/products?$filter=contains(title,'a*')", tries: []string{"#1*"}},
		{name: "$filter, within a list", path: "/v1/products?$filter=category_id%20in%20(12,91*)", tries: []string{"#1*"}},
		{name: "$after", path: "/v1/products?$first=2&$after=" + cursor + "*", tries: []string{"#1*"}},
		{name: "$apply", path: "/v1/products/$aggregate?$apply=filter(stars%20ge%204)/groupby((category_id),aggregate($count%20as%20total))", tries: []string{"$apply"}},
		{name: "id, a text", path: "/v1/products/B000EZ3AB8*", tries: []string{"#1*"}},
		{name: "id, a number", path: "/v1/categories/1*", tries: []string{"#1*"}},
		{name: "collection", path: "/v1/products*?$first=1", tries: []string{"#1*"}},
		{name: "X-API-Key", path: "/v1/categories/9001", header: []string{"X-API-Key", key + "*"}, tries: []string{"X-API-Key #1*", "#1*"}},
		{name: "body of $query", method: http.MethodPost, path: "/v1/products/$query", body: `{"filter":"price gt 10","orderby":"price","select":"asin","first":2}`, tries: []string{"JSON filter", "JSON orderby", "JSON select", "JSON first"}},
		{name: "body of PUT", method: http.MethodPut, path: "/v1/categories/9001", body: `{"name":"Charts"}`, header: with("Prefer", "tx=rollback"), tries: []string{"JSON name"}},
		{name: "If-Match", method: http.MethodPut, path: "/v1/categories/9001", body: `{"name":"Charts"}`, header: with("If-Match", `"`+tag+`*"`, "Prefer", "tx=rollback"), tries: []string{"JSON name", "If-Match #1*"}},
		{name: "Prefer", method: http.MethodPut, path: "/v1/categories/9001", body: `{"name":"Charts"}`, header: with("Prefer", "tx=rollback, return=representation*"), tries: []string{"JSON name", "Prefer #1*"}},
		{name: "Idempotency-Key", method: http.MethodPatch, path: "/v1/categories/9001", body: `{"name":"Charts"}`, header: with("Idempotency-Key", "once*"), tries: []string{"JSON name", "Idempotency-Key #1*"}},
	}
}

// TestSqlmap has sqlmap attack the sample catalogue over each store. It finds nothing,
// no answer is one of 500, and every record is still there. PORTOLAN_TEST_SQLMAP=1 has it
// try all parameters instead of two.
func TestSqlmap(t *testing.T) {
	long := wantSqlmap(t)
	for _, store := range durable() {
		t.Run(store.name, func(t *testing.T) {
			server, key := sampleCatalogue(t, store)
			_, head := ask(t, http.MethodPut, server+"/v1/categories/9001", `{"name":"Charts"}`, http.StatusCreated, "X-API-Key", key)
			list, _ := ask(t, http.MethodGet, server+"/v1/products?$first=2", "", http.StatusOK)
			cursor := regexp.MustCompile(`\$after=([\w-]+)`).FindStringSubmatch(list)
			if cursor == nil {
				t.Fatalf("the list has no next page: %s", list)
			}
			list = attacksOn(t, server, long, attacks(key, strings.Trim(head.Get("ETag"), `"`), cursor[1]))
			t.Log(list)
			count, _ := ask(t, http.MethodGet, server+"/v1/products/$aggregate?$apply=aggregate($count%20as%20n)", "", http.StatusOK)
			if !strings.Contains(count, `"n":2000`) {
				t.Errorf("the products are %s by now, want 2000", count)
			}
		})
	}
}

// attacksOn runs the attacks, and sums up what they came to.
func attacksOn(t *testing.T, server string, long bool, list []attack) string {
	t.Helper()
	parameters, sent := 0, int64(0)
	for i, a := range list {
		if !long && i != 1 && i != 5 {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			method := a.method
			if method == "" {
				method = http.MethodGet
			}
			header := strings.Split(strings.ReplaceAll(strings.Join(a.header, "\n"), "*", ""), "\n")
			ask(t, method, server+strings.ReplaceAll(a.path, "*", ""), a.body, http.StatusOK, header[:len(a.header)]...) // without a payload
			s := sqlmap(t, server, a)
			if err := s.verdict(a); err != nil {
				t.Fatalf("%v\n%s", err, tail(s.out, 30))
			}
			parameters, sent = parameters+len(a.tries), sent+s.sent
		})
	}
	return fmt.Sprintf("%d parameters that are not injectable, in %d requests", parameters, sent)
}

// tail returns the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// sampleCatalogue serves the sample over the store, and returns an admin's key.
func sampleCatalogue(t *testing.T, store kept) (server, key string) {
	t.Helper()
	dir := t.TempDir()
	store.initialise(t, dir)
	config := strings.Replace(read(t, filepath.Join(dir, "portolan.yaml")), "anonymous: {requests: 600,", "anonymous: {requests: 1000000,", 1) // an attack is not to end at them
	write(t, dir, "portolan.yaml", config+"\ndevelopment: {sample: true}\n")
	key = regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, dir, "portolan", "keys", "create", "--subject", "test", "--role", "admin"))
	return serve(t, dir, "portolan.yaml"), key
}
