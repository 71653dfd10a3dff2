package bootstrap

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/fault"
)

// TestReadinessOfUse: what is not asked how it is, is told of by its last use: who is
// recognised, what is encrypted, what is noted and delivered.
func TestReadinessOfUse(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FIELD_KEY", "q7Jd0ZV1wM4nT8sXbL2cRkYgHuPeAoFi")
	t.Setenv("SIGNING_KEY", freshKey(t))
	config := strings.NewReplacer(
		"development:", `secrets: {driver: env}
auth: [{driver: local, local: {key: "secret://SIGNING_KEY"}}]
keys: {driver: local, local: {key: "${FIELD_KEY}"}}
accounts: {}
mail: {driver: log}
audit: {file: audit.ndjson, authentication: "on"}
development:`, "name: {type: string}", "name: {type: string, encrypted: true}").Replace(reloadable)
	r, api, admin := serveFor(t, config)
	expect := func(want ...string) {
		t.Helper()
		status, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
		for _, each := range want {
			if status != http.StatusOK || !strings.Contains(body, each) {
				t.Errorf("%d %s\nwant %s", status, body, each)
			}
		}
	}
	expect(`{"name":"auth.0","driver":"local","needed":false,"status":"unused"`, `{"name":"keys","driver":"local","needed":false,"status":"unused"`,
		`{"name":"mail","driver":"log","needed":false,"status":"unused"`, `{"name":"audit","driver":"file","needed":false,"status":"unused"`,
		`{"name":"telemetry.0","driver":"prometheus","needed":false,"status":"ok"`)
	token := strings.TrimSpace(newProgram(t).must(t, "keys", "token", "--subject", "ann", "--role", "admin"))
	if status, body := r.do(http.MethodPut, api+"/things/a", `{"kind":1,"name":"Ann"}`, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	if told := r.tells(admin, `portolan_operations_total{code="ok",collection="",operation="Identify",port="gate"}`); len(told) != 1 || !told[`portolan_operations_total{code="ok",collection="",operation="Identify",port="gate"}`] {
		t.Errorf("the gate is told of: %v", told)
	}
	for _, name := range []string{"auth.0", "keys", "audit"} {
		_, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
		_, of, _ := strings.Cut(body, `"name":"`+name+`"`)
		of, _, _ = strings.Cut(of, "}")
		if !strings.Contains(of, `"status":"ok"`) || !strings.Contains(of, `"lastUsed":"20`) {
			t.Errorf("%s is used, and told of as %s", name, of)
		}
	}
	if status, answer := r.reload(t, admin, strings.Replace(config, "kind: {type: int}", "kind: {type: int, max: 9}", 1)); status != http.StatusOK {
		t.Fatalf("the reload answers %d %v", status, answer)
	}
	_, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
	if _, of, _ := strings.Cut(body, `"name":"keys"`); !strings.Contains(of[:120], `"status":"ok"`) {
		t.Errorf("behind a reload that left the keys alone they are %s", of[:120])
	}
}

// TestDelivering: telemetry is failing for two minutes behind what was not delivered, and what that was
// is told of as of when it was, also later.
func TestDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := &layer.Lately{}
		port := delivering("telemetry.0", "otel", failed)
		if err := port.Ping(t.Context()); err != nil || port.Failed() != (httpapi.Call{}) {
			t.Errorf("while nothing failed: %v, %+v", err, port.Failed())
		}
		failed.Note(time.Now(), fault.New(fault.Unavailable, "test", "nobody takes it"))
		at := time.Now()
		for _, tt := range []struct {
			later   time.Duration
			failing bool
		}{{0, true}, {2*time.Minute - time.Second, true}, {time.Second, false}, {time.Hour, false}} {
			time.Sleep(tt.later)
			if err := port.Ping(t.Context()); (err != nil) != tt.failing || !port.Failed().At.Equal(at) {
				t.Errorf("%s behind it: %v, and it failed last at %s, want %s", time.Since(at), err, port.Failed().At, at)
			}
		}
	})
}
