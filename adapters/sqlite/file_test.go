package sqlite

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := fault.Of(err); err == nil || got.Kind != fault.Unavailable || got.Code != code {
		t.Errorf("%s: got %v, want %s with the code %s", what, err, fault.Unavailable, code)
	}
}

// TestMoved takes the file away from a store that serves, or puts another in
// its place. Nothing is acknowledged from then on, and no file is made.
func TestMoved(t *testing.T) {
	for _, tt := range []struct {
		name string
		move func(path string) error
	}{
		{"removed", os.Remove},
		{"moved", func(path string) error { return os.Rename(path, path+".old") }},
		{"replaced", func(path string) error {
			other, err := Open(context.Background(), Config{Path: path + ".new"})
			if err != nil {
				return err
			}
			if err := other.Close(); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, c := filepath.Join(t.TempDir(), "50% ?#.db"), products(t)
			store := openTest(t, path)
			if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
				t.Fatal(err)
			}
			one := product(1)
			if err := apply(t, store, put(c, one.ID, one.Fields...)); err != nil {
				t.Fatal(err)
			}
			if err := store.Ping(t.Context()); err != nil { // on the first connection that reads
				t.Fatal(err)
			}
			if err := tt.move(path); err != nil {
				t.Fatal(err)
			}
			_, before := os.Stat(path)
			two := product(2)
			wantCode(t, "Apply", apply(t, store, put(c, two.ID, two.Fields...)), "file-moved")
			_, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: []record.Record{two}, Run: "run-"})
			wantCode(t, "Load", err, "file-moved")
			wantCode(t, "Ensure", store.Ensure(t.Context(), []*schema.Collection{c, counters("more")}), "file-moved")
			for range cap(store.engine.readers) { // of which one was opened before
				wantCode(t, "Ping", store.Ping(t.Context()), "file-moved")
			}
			_, err = store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{one.ID})
			wantCode(t, "Get on a connection that is opened now", err, "file-moved")
			if _, after := os.Stat(path); (before == nil) != (after == nil) {
				t.Errorf("the file afterwards: got %v, want as before: %v", after, before)
			}
		})
	}
}

// TestFileLimit lets another process write until the system takes no more, as
// with a full disk.
func TestFileLimit(t *testing.T) {
	const limited = "PORTOLAN_SQLITE_TEST_LIMITED"
	if path := os.Getenv(limited); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		store, c := openTest(t, path), products(t)
		if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
			t.Fatal(err)
		}
		_, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: productsTo(10_000), Run: "run-"})
		wantCode(t, "Load", err, "storage-failed")
		if got, want := fault.Of(err).Detail, "the disk of the database takes no more"; got != want {
			t.Errorf("Load: got %q, want %q", got, want)
		}
		if got := count(t, store, c); got != 0 {
			t.Errorf("records after a Load that failed: got %d, want 0", got)
		}
		return
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatalf("there is no shell to set the limit: %v", err)
	}
	cmd := exec.Command(shell, "-c", `ulimit -f 1024 && exec "$0" -test.run='^TestFileLimit$'`, os.Args[0])
	cmd.Env = append(os.Environ(), limited+"="+testPath(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a process that may write half a megabyte: %v\n%s", err, out)
	}
}
