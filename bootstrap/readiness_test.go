package bootstrap

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
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

// An ailing store cannot be reached while down is set.
type ailing struct {
	repository.Store
	down *atomic.Bool
}

func (a ailing) Ping(ctx context.Context) error {
	if a.down.Load() {
		return fault.New(fault.Unavailable, "test", "nobody is there")
	}
	return a.Store.Ping(ctx)
}

// TestLastErrorOfAsked: what the repository failed with last is told by the full /readyz also when a probe of the
// public side met it, and behind a reload; and what a port failed with that is not asked, when it is well again.
func TestLastErrorOfAsked(t *testing.T) {
	t.Chdir(t.TempDir())
	down := new(atomic.Bool)
	driver := Repository("ailing", func(ctx context.Context, cfg memory.Config) (repository.Store, error) {
		store, err := memory.Open(ctx, cfg)
		return ailing{store, down}, err
	})
	text := strings.Replace(reloadable, "repository: {driver: memory}", "repository: {driver: ailing}", 1)
	r, api, admin := serveFor(t, text, driver)
	root := strings.TrimSuffix(api, "/v1")
	const failed = `"lastError":{"error":"unavailable","at":"20`
	of := func() string {
		_, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
		_, repository, _ := strings.Cut(body, `{"name":"repository"`)
		repository, _, _ = strings.Cut(repository, `{"name":"migrations"`)
		return repository
	}
	if told := of(); strings.Contains(told, "lastError") || !strings.Contains(told, `"status":"ok"`) {
		t.Errorf("at first the repository is %s", told)
	}
	down.Store(true)
	if status, body := r.do(http.MethodGet, root+"/readyz", "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("the public side answers %d %s", status, body)
	}
	down.Store(false)
	if told := of(); !strings.Contains(told, failed) || !strings.Contains(told, `"status":"ok"`) {
		t.Errorf("well again it is %s", told)
	}
	if status, answer := r.reload(t, admin, strings.Replace(text, "kind: {type: int}", "kind: {type: int, max: 9}", 1)); status != http.StatusOK {
		t.Fatalf("the reload answers %d %v", status, answer)
	}
	if told := of(); !strings.Contains(told, failed) {
		t.Errorf("behind a reload it is %s", told)
	}
}

// TestUsagePort: a port that is not asked is told of by its last call, and by the last that failed.
func TestUsagePort(t *testing.T) {
	used := &usage{}
	port := used.port("keys", "local", "keys local")
	used.of("keys local").Note(time.Now(), fault.New(fault.Unavailable, "test", "nobody is there"))
	used.of("keys local").Note(time.Now(), nil)
	if last, failed := port.Last(), port.Failed(); last.Err != nil || last.At.IsZero() || failed.Err == nil || failed.At.IsZero() {
		t.Errorf("the last call is %+v, and the last that failed %+v", last, failed)
	}
}

// TestAskedByTheImpatient: a probe that does not wait for a port that hangs has it noted all the same.
func TestAskedByTheImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := &usage{}
		port := used.asked("repository", "postgres", "a key", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		begun := time.Now()
		if err := port.Ping(ctx); fault.KindOf(err) != fault.Unavailable || time.Since(begun) != patience {
			t.Errorf("Ping = %v after %s, want %s after %s", err, time.Since(begun), fault.Unavailable, patience)
		}
		if failed := port.Failed(); fault.KindOf(failed.Err) != fault.Unavailable {
			t.Errorf("it failed last with %+v", failed)
		}
	})
}
