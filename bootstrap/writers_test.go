package bootstrap

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A server over a database of its own answers from its cache, and still right
// after a command beside it has written there.
func TestCommandsBesideACachingServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	t.Run("serve", func(t *testing.T) {
		config := strings.Replace(cachedConfig(`secrets: {driver: env}
repository: {driver: sqlite, sqlite: {path: things.db}}
cache: {driver: memory}`), "service: {", `service: {key_pepper: "secret://PEPPER", `, 1)
		r, api, _ := serveFor(t, config)
		c := newProgram(t)
		expect := func(path, want, holds string) {
			t.Helper()
			if status, body := r.told(t, api+path); !strings.Contains(status, want) || !strings.Contains(body, holds) {
				t.Errorf("%s has the Cache-Status %q and says %s, want %s and %s", path, status, body, want, holds)
			}
		}
		// cached waits until the server answers from its cache again.
		cached := func(path, holds string) {
			t.Helper()
			for range 200 {
				if status, _ := r.told(t, api+path); strings.Contains(status, "hit") {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			expect(path, "hit", holds)
		}
		load := func(name string) {
			t.Helper()
			write(t, "things.csv", "id,kind,name\na,1,"+name+"\n")
			c.must(t, "import", "things.csv", "--into", "things")
		}
		load("first")
		secret := strings.TrimSpace(c.must(t, "keys", "create", "--subject", "robot", "--role", "admin"))
		ask := func() int {
			status, _ := r.do(http.MethodGet, api+"/things/a", "", http.Header{"X-Api-Key": {secret}})
			return status
		}
		if got := []int{ask(), ask()}; got[0] != http.StatusOK || got[1] != http.StatusOK {
			t.Errorf("a key is answered with %v, want 200", got)
		}
		for _, path := range []string{"/things/a", "/things?$filter=kind%20eq%201", "/things"} {
			cached(path, "first")
		}
		load("second")
		for _, path := range []string{"/things/a", "/things?$filter=kind%20eq%201", "/things"} {
			expect(path, "", "second")
			cached(path, "second")
		}
		if got := ask(); got != http.StatusOK {
			t.Errorf("the key is answered with %d", got)
		}
		c.must(t, "keys", "revoke", strings.Split(secret, "_")[1])
		if got := ask(); got != http.StatusUnauthorized {
			t.Errorf("a revoked key is answered with %d, want 401", got)
		}
	})
}
