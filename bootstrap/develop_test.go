package bootstrap

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/core"
)

// TestNoKeyForOthers starts the sample as the container image does, on every
// address, and looks for the key of an admin.
func TestNoKeyForOthers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("HOST", "0.0.0.0")
	var log bytes.Buffer
	p := &program{err: &log, env: os.LookupEnv, drivers: builtin()}
	doc, err := p.document()
	if err != nil {
		t.Fatal(err)
	}
	opened := &closers{}
	var made developing
	var keys []core.Key
	err = p.wire(t.Context(), doc, opened, func(s *served, log *slog.Logger) (err error) {
		if err := s.store.Ensure(t.Context(), s.api.Schemas()); err != nil {
			return err
		}
		if made, err = s.develop(t.Context(), log); err != nil {
			return err
		}
		if lines := s.examples(t.Context(), "http://api", made); len(lines) != 2 {
			t.Errorf("without a key the examples are %q", lines)
		}
		keys, err = s.api.Keys(t.Context(), operator())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.close(t.Context()); err != nil {
		t.Error(err)
	}
	if made.key != "" || len(keys) != 0 || made.loaded["products"] == 0 {
		t.Errorf("on every address there are %d keys and %d products", len(keys), made.loaded["products"])
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "WARN") || !strings.Contains(text, "no development key is made") {
		t.Errorf("the log is %s", text)
	}
}

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.1.2.3:0": true, "[::1]:8080": true, "localhost:8080": true,
		"0.0.0.0:8080": false, ":8080": false, "[::]:8080": false, "10.0.0.7:8080": false, "example.org:80": false, "8080": false,
	} {
		if got := isLoopback(address); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
}
