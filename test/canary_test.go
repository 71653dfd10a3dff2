package test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/otel/oteltest"
)

// The canaries: what is secret is in no answer either, and what is somebody's in none of what
// the operator sees.
const (
	secretCanary   = "hiddenCanary"
	personalCanary = "personalCanary"
)

const canaryConfig = `service: {listen: "127.0.0.1:${PORT}", admin: "127.0.0.1:${ADMIN_PORT}", log_level: debug, drain_delay: 0s,
  key_pepper: secret://pepper, cursor_key: secret://cursors, public_url: "http://127.0.0.1:${PORT}"}
secrets: {driver: file, file: {dir: secrets}}
repository: {driver: sqlite, sqlite: {path: canary.db}}
cache: {driver: bigcache}
limits: {tiers: {anonymous: {requests: 100000}}}
auth: [{driver: local}]
mail: {driver: smtp, smtp: {host: 127.0.0.1, port: 1, from: a@b.example, tls: none, username: u, password: secret://smtp}}
accounts:
  signup: open
  oauth: {shop: {issuer: "http://127.0.0.1:1", client_id: c, client_secret: secret://oauth, private: true}}
audit: {file: audit.log, authentication: "on", pseudonym_key: secret://names}
telemetry: [{driver: prometheus}, {driver: otlp}]
collections:
  people:
    id: id
    audit: "on"
    fields: {id: {type: string, max: 64}, name: {type: string, max: 200}, n: {type: int, min: 0}}
    access: {anonymous: {all: true}}
`

// TestCanaries puts secrets where the operator does, and what is somebody's where callers do,
// through every route, error and reload: neither is in a log, the audit log, a trace, a
// metric, what reload answers or what the commands say.
func TestCanaries(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pepper", "cursors", "smtp", "oauth", "names"} {
		write(t, dir, "secrets/"+name, secretCanary+"Xq7Vw2mKx9Tn4Rb8Yc6Ld3Hf5"+name)
	}
	receiver := oteltest.NewReceiver(t, false)
	config := write(t, dir, "portolan.yaml", canaryConfig)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	api, admin := freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(api)
	_, adminPort, _ := net.SplitHostPort(admin)
	environment := append(os.Environ(), "PORT="+port, "ADMIN_PORT="+adminPort,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
	server := exec.Command(program(t, "portolan"), "serve", "--config", config)
	server.Dir, server.Stdout, server.Stderr, server.Env = dir, log, log, environment
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = server.Process.Signal(syscall.SIGTERM)
			_ = server.Wait()
		}
	}
	t.Cleanup(stop)
	ready := func() bool {
		response, err := http.Get("http://" + api + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server does not become ready\n%s", read(t, log.Name()))
		}
	}
	var answers bytes.Buffer
	asked := everywhere(t, "http://"+api+"/v1", &answers)

	var told bytes.Buffer // what the operator sees
	reload := func(text string) {
		write(t, dir, "portolan.yaml", text)
		response, err := http.Post("http://"+admin+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(&told, response.Body)
	}
	for _, change := range [][2]string{
		{"password: secret://smtp", "password: " + secretCanary + "InThePlain"}, {"client_secret: secret://oauth", "client_secret: " + secretCanary},
		{"key_pepper: secret://pepper", "key_pepper: " + secretCanary}, {"driver: sqlite,", "driver: postgres, postgres: {dsn: 'postgres://u:" + secretCanary + "@127.0.0.1:1/x'},"},
		{"max: 64", "max: sixty"}, {"secret://names", "secret://" + "none"}, {"cache: {driver: bigcache}", "cache: {driver: redis, redis: {url: 'redis://u:" + secretCanary + "@127.0.0.1:1'}}"},
	} {
		changed := strings.Replace(canaryConfig, change[0], change[1], 1)
		if changed == canaryConfig {
			t.Errorf("there is no %q", change[0])
		}
		reload(changed)
		for _, args := range [][]string{{"config", "show"}, {"config", "show", "--effective"}, {"config", "show", "--effective", "--json"}, {"validate"}, {"validate", "--json"}, {"permissions", "--role", "a", "--collection", "people"}} {
			command := exec.Command(program(t, "portolan"), args...)
			command.Dir, command.Env = dir, environment
			said, _ := command.CombinedOutput() // some of these are wrong, and are to say so
			told.Write(said)
		}
		reload(canaryConfig)
	}
	metrics, _ := ask(t, http.MethodGet, "http://"+admin+"/metrics", "", http.StatusOK)
	ask(t, http.MethodGet, "http://"+admin+"/readyz", "", http.StatusOK)
	stop()

	seen := map[string]string{
		"the log": read(t, log.Name()), "the audit log": read(t, filepath.Join(dir, "audit.log")), "the metrics": metrics,
		"the traces": receiver.Wrote(), "what reload and the commands say": told.String(),
	}
	for name, least := range map[string]int{"the log": asked, "the audit log": 100} {
		if lines := strings.Count(seen[name], "\n"); lines < least {
			t.Errorf("%s has %d lines for %d requests, want %d at least", name, lines, asked, least)
		}
	}
	if len(receiver.Raw()) < asked {
		t.Errorf("%d spans for %d requests", len(receiver.Raw()), asked)
	}
	for name, text := range seen {
		for _, canary := range []string{secretCanary, personalCanary} {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("%s holds %s: …%s…", name, canary, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	if strings.Contains(answers.String(), secretCanary) {
		t.Error("a caller was answered with a secret")
	}
}

// everywhere sends canaries wherever a caller can put something, and returns how many
// requests that were.
func everywhere(t *testing.T, api string, answers io.Writer) (asked int) {
	t.Helper()
	escaped := url.QueryEscape(personalCanary)
	paths := []string{
		"/people", "/people/" + escaped, "/people/$query", "/people/$delete", "/people/$import", "/people?$filter=name%20eq%20%27" + escaped + "%27",
		"/people?$filter=" + escaped, "/people?$orderby=" + escaped, "/people?$after=" + escaped, "/people?" + escaped + "=1", "/people?$count=" + escaped,
		"/people/$aggregate?$apply=" + escaped, "/" + escaped, "/jobs/" + escaped, "/auth/login", "/auth/signup", "/auth/refresh", "/auth/password", "/auth/verify",
		"/auth/me", "/auth/logout", "/auth/oauth/shop?redirect=" + escaped, "/auth/oauth/shop/callback?code=" + escaped + "&state=" + escaped, "/auth/oauth/" + escaped, "//" + escaped,
	}
	bodies := []string{
		"", `{"id":"` + personalCanary + `","name":"` + personalCanary + `","n":1}`, `{"id":"` + personalCanary + `","n":"` + personalCanary + `"}`, personalCanary,
		`{"filter":"name eq '` + personalCanary + `'"}`, `{"filter":"` + personalCanary + `"}`, `{"email":"` + personalCanary + `@shop.example","password":"` + personalCanary + ` is long enough"}`,
		`{"refresh_token":"` + personalCanary + `"}`, `{"code":"` + personalCanary + `","new_password":"` + personalCanary + ` too"}`, `{"email":"` + personalCanary + `@shop.example"}`,
		`[{"id":"` + personalCanary + `2","name":"x","n":-1}]`, `{"` + personalCanary + `":1}`,
	}
	headers := [][]string{
		{}, {"Authorization", "Bearer " + personalCanary}, {"X-API-Key", "ptl_" + personalCanary}, {"Authorization", "Basic " + personalCanary}, {"Cookie", "portolan=" + personalCanary},
		{"Idempotency-Key", personalCanary}, {"If-Match", `"` + personalCanary + `"`}, {"User-Agent", personalCanary}, {"Referer", "http://" + personalCanary}, {"Prefer", personalCanary},
		{"Accept", "text/" + personalCanary}, {"Content-Type", "text/" + personalCanary}, {"X-Forwarded-For", personalCanary}, {"Traceparent", personalCanary}, {"Tracestate", "a=" + personalCanary}, {"Baggage", "a=" + personalCanary},
	}
	for i, path := range paths {
		for j, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			for k, body := range bodies {
				header := headers[(i+j+k)%len(headers)]
				request, err := http.NewRequestWithContext(t.Context(), method, api+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				for n := 0; n < len(header); n += 2 {
					request.Header.Set(header[n], header[n+1])
				}
				response, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(answers, response.Body)
				_ = response.Body.Close()
				asked++
			}
		}
	}
	return asked
}
