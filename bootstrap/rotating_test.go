package bootstrap

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Keys that are long, and no example.
const (
	firstKey  = "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa"
	secondKey = "a1Lm9Pz4Qw7Er2Ty5Ui8Op3As6Df0Ghj"
)

// TestRotating: another key serves within a second, one that would have stopped the start
// does not, and an outage is bridged for an hour.
func TestRotating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, failure := firstKey, error(nil)
		var lines bytes.Buffer
		r, err := rotate(t.Context(), "service.key_pepper", func(context.Context) (string, error) { return text, failure }, slog.New(slog.NewTextHandler(&lines, nil)))
		if err != nil {
			t.Fatal(err)
		}
		expect := func(when, want string, kind fault.Kind) {
			t.Helper()
			time.Sleep(rotatesWithin)
			if got, err := r.value(t.Context()); got != want || fault.KindOf(err) != kind {
				t.Errorf("%s the key is %q, %v; want %q, %q", when, got, err, want, kind)
			}
		}
		expect("at first", firstKey, "")
		text = secondKey
		expect("behind a rotation", secondKey, "")
		for _, bad := range []string{"", "short", strings.Repeat("ab", 20), "change-me-to-something-that-is-long"} {
			text = bad
			expect("with one that is no key", secondKey, "")
		}
		if n := strings.Count(lines.String(), "setting="); n != 1 {
			t.Errorf("the log is told %d times within a minute, want once: %s", n, lines.String())
		}
		if strings.Contains(lines.String(), firstKey) || strings.Contains(lines.String(), secondKey) || strings.Contains(lines.String(), "abab") {
			t.Errorf("the log shows a key: %s", lines.String())
		}
		text, failure = "", fault.New(fault.Unavailable, "test", "it is away")
		for range 50 {
			time.Sleep(time.Minute)
			expect("during an outage", secondKey, "")
		}
		time.Sleep(10 * time.Minute)
		expect("behind an hour of it", "", fault.Unavailable)
		text, failure = firstKey, nil
		expect("when it is back", firstKey, "")
		r.ended, failure = true, fault.New(fault.NotFound, "test", "it is gone")
		expect("of one on its way out, when it is gone", "", fault.NotFound)
		done, cancel := context.WithCancel(t.Context())
		cancel()
		r.ask = func(ctx context.Context) (string, error) { return "", ctx.Err() }
		if _, err := r.value(done); !errors.Is(err, context.Canceled) {
			t.Errorf("of a done context it says %v", err)
		}
	})
}

// TestSlowRotation: while one asks for the key, the others go on with what it was.
func TestSlowRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		r, err := rotate(t.Context(), "service.key_pepper", func(context.Context) (string, error) {
			if slow.Load() {
				time.Sleep(time.Minute)
				return secondKey, nil
			}
			return firstKey, nil
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		slow.Store(true)
		time.Sleep(rotatesWithin)
		var group sync.WaitGroup
		group.Go(func() {
			if got, err := r.value(t.Context()); got != secondKey || err != nil {
				t.Errorf("who asks gets %q, %v; want the new key", got, err)
			}
		})
		synctest.Wait()
		for range 100 {
			if got, err := r.value(t.Context()); got != firstKey || err != nil {
				t.Errorf("who comes meanwhile gets %q, %v; want the key before", got, err)
			}
		}
		group.Wait()
	})
}

func TestRotatingRefusals(t *testing.T) {
	for name, value := range map[string]secrets.Value{
		"short":   secrets.Fixed("short"),
		"a guess": secrets.Fixed(strings.Repeat("ab", 20)),
		"none": func(context.Context) (string, error) {
			return "", fault.New(fault.NotFound, "test", "it is gone")
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := rotate(t.Context(), "service.key_pepper", value, slog.New(slog.DiscardHandler)); err == nil {
				t.Error("the start goes on with it")
			}
		})
	}
}

// freshKey returns a key as PEM.
func freshKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// rotated is a server whose secrets are files.
type rotated struct {
	*running
	api string
}

// keep writes a secret as an operator does: beside, and then in its place.
func keep(t *testing.T, name, text string) {
	t.Helper()
	write(t, "next", text)
	if err := os.Rename("next", "secrets/"+name); err != nil {
		t.Fatal(err)
	}
}

// during sends a thousand requests and more by four clients, until change is done. Each has
// to be answered with its status, whatever changes meanwhile.
func (r *rotated) during(t *testing.T, change func(), requests map[string]int) {
	t.Helper()
	var group sync.WaitGroup
	var sent atomic.Int64
	done := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				for authorization, want := range requests {
					name, value, _ := strings.Cut(authorization, " ")
					if name == "Bearer" {
						name, value = "Authorization", authorization
					}
					if got, body := r.do(http.MethodGet, r.api+"/things/a", "", http.Header{name: {value}}); got != want {
						t.Errorf("%.20s is answered with %d %s, want %d", authorization, got, body, want)
					}
					sent.Add(1)
				}
				select {
				case <-done:
					if sent.Load() >= rotations() {
						return
					}
				default:
				}
			}
		})
	}
	change()
	close(done)
	group.Wait()
}

// rotations is how many requests come during a rotation at least.
func rotations() int64 {
	if more, err := strconv.ParseInt(os.Getenv("PORTOLAN_TEST_ROTATIONS"), 10, 64); err == nil {
		return more
	}
	return 1000
}

// until waits for a request to be answered so.
func (r *rotated) until(t *testing.T, name, value string, want int) {
	t.Helper()
	for range 600 {
		if got, _ := r.do(http.MethodGet, r.api+"/things/a", "", http.Header{name: {value}}); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%.20s is still not answered with %d", value, want)
}

// TestRotationUnderRequests changes the pepper of API keys and the key that signs tokens, as
// docs/configuration.md says, while a thousand requests come in each step: none that is right is refused,
// none that is wrong is answered, and what rests on a key that is gone ends.
func TestRotationUnderRequests(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("secrets", 0o700); err != nil {
		t.Fatal(err)
	}
	one, two := freshKey(t), freshKey(t)
	for name, text := range map[string]string{
		"pepper": firstKey, "pepper-next": firstKey, "pepper-former": firstKey, "signing": one, "signing-next": one, "signing-former": one,
	} {
		keep(t, name, text)
	}
	t.Run("serve", func(t *testing.T) {
		running, api, _ := serveFor(t, `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s, key_pepper: "secret://pepper", other_key_peppers: ["secret://pepper-next", "secret://pepper-former"]}
secrets: {driver: file, file: {dir: secrets}}
repository: {driver: sqlite, sqlite: {path: things.db}}
cache: {driver: memory}
auth: [{driver: local, local: {key: "secret://signing", previous: ["secret://signing-next", "secret://signing-former"]}}]
development: {admin_key: true}
collections:
  things:
    id: id
    fields: {id: {type: string}}
    access: {admin: {all: true}}
`)
		r, c := &rotated{running: running, api: api}, newProgram(t)
		if status, body := r.do(http.MethodPut, api+"/things/a", "{}", r.developmentKey()); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
		key := func() string {
			return strings.TrimSpace(c.must(t, "keys", "create", "--subject", "robot", "--role", "admin"))
		}
		token := func() string {
			return "Bearer " + strings.TrimSpace(c.must(t, "keys", "token", "--subject", "anna", "--role", "admin"))
		}
		oldKey, oldToken := key(), token()
		right := map[string]int{
			"X-Api-Key " + oldKey: http.StatusOK, oldToken: http.StatusOK,
			"X-Api-Key " + oldKey[:len(oldKey)-1]: http.StatusUnauthorized, oldToken + "a": http.StatusUnauthorized,
		}
		step := func(which string) func() {
			return func() {
				keep(t, "pepper"+which, secondKey)
				keep(t, "signing"+which, two)
				time.Sleep(rotatesWithin + 100*time.Millisecond)
			}
		}
		r.during(t, step("-next"), right) // both are accepted before the new ones count
		r.during(t, step(""), right)
		newKey, newToken := key(), token()
		right["X-Api-Key "+newKey], right[newToken] = http.StatusOK, http.StatusOK
		r.during(t, func() {}, right)
		r.during(t, step("-former"), map[string]int{"X-Api-Key " + newKey: http.StatusOK, newToken: http.StatusOK})
		r.until(t, "X-Api-Key", oldKey, http.StatusUnauthorized)
		r.until(t, "Authorization", oldToken, http.StatusUnauthorized)
		r.during(t, func() {}, map[string]int{
			"X-Api-Key " + oldKey: http.StatusUnauthorized, oldToken: http.StatusUnauthorized,
			"X-Api-Key " + newKey: http.StatusOK, newToken: http.StatusOK,
		})
	})
}

// TestCursorKeyRotates reloads with another key for cursors: those of the one before go on
// as long as it is accepted, and end then.
func TestCursorKeyRotates(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Run("serve", func(t *testing.T) {
		text := func(keys string) string {
			return strings.Replace(reloadable, "service: {", "service: {"+keys+", ", 1)
		}
		r, api, admin := serveFor(t, text("cursor_key: "+firstKey))
		for _, id := range []string{"a", "b", "c"} {
			if status, body := r.do(http.MethodPut, api+"/things/"+id, `{"kind":1}`, r.developmentKey()); status != http.StatusCreated {
				t.Fatalf("%d %s", status, body)
			}
		}
		next := func() string {
			t.Helper()
			var page struct{ NextLink string }
			_, body := r.do(http.MethodGet, api+"/things?$first=1", "", nil)
			if err := json.Unmarshal([]byte(body), &page); err != nil || page.NextLink == "" {
				t.Fatalf("there is no next page: %s", body)
			}
			return strings.TrimSuffix(api, "/v1") + page.NextLink
		}
		follow := func(when, link string, want int) {
			t.Helper()
			if got, body := r.do(http.MethodGet, link, "", nil); got != want {
				t.Errorf("%s a cursor is answered with %d %s, want %d", when, got, body, want)
			}
		}
		old := next()
		follow("at first", old, http.StatusOK)
		for _, step := range []struct {
			when, keys string
			old        int
		}{
			{"before the rotation", fmt.Sprintf("cursor_key: %s, other_cursor_keys: [%s]", firstKey, secondKey), http.StatusOK},
			{"in the overlap", fmt.Sprintf("cursor_key: %s, other_cursor_keys: [%s]", secondKey, firstKey), http.StatusOK},
			{"after the overlap", "cursor_key: " + secondKey, http.StatusBadRequest},
		} {
			if status, answer := r.reload(t, admin, text(step.keys)); status != http.StatusOK {
				t.Fatalf("%s: reloading is answered with %d %v", step.when, status, answer)
			}
			follow(step.when, old, step.old)
			follow(step.when, next(), http.StatusOK)
		}
	})
}

// sealed is a source of secrets that cannot be read again, and says so at once.
type sealed struct{}

type sealedConfig struct {
	Failed func(error) `yaml:"-"`
}

func (sealed) Secret(context.Context, secrets.Ref) (string, error) { return firstKey, nil }

func (sealed) Close() error { return nil }

// TestOutageIsLogged: what a source serves though it cannot read it is a warning of the log,
// with what would help and without the secret.
func TestOutageIsLogged(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "portolan.yaml", `service: {key_pepper: "secret://pepper"}
secrets: {driver: sealed}
repository: {driver: memory}
collections: {things: {fields: {n: {type: int}}}}
`)
	driver := Secrets("sealed", func(_ context.Context, cfg sealedConfig) (sealed, error) {
		cfg.Failed(fault.New(fault.Unavailable, "test", "the store is sealed").Coded("sealed").Hinting("unseal it").Because(errors.New("it answered 503")))
		return sealed{}, nil
	})
	_, _, said := newProgram(t, append(builtin(), driver)...).do(t, "keys", "list")
	for _, want := range []string{"a secret cannot be read again", `"level":"WARN"`, `"code":"sealed"`, "the store is sealed", "it answered 503", "unseal it"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log says %s, want %s in it", said, want)
		}
	}
	if strings.Contains(said, firstKey) {
		t.Errorf("the log shows the secret: %s", said)
	}
}
