package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

// TestOpenExplains shows what is said of a path that cannot be opened.
func TestOpenExplains(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"no directory", filepath.Join(directory, "none", "x.db"), "the directory " + filepath.Join(directory, "none") + " of the database does not exist"},
		{"a file for a directory", filepath.Join(file, "x.db"), file + " is no directory, and the database cannot be in it"},
		{"a directory for a file", directory, directory + " is a directory, and the database is to be a file"},
	}
	if _, err := os.Stat("/proc/self"); err == nil { // nobody can write there, whoever runs the test
		tests = append(tests, struct{ name, path, want string }{"not writable", "/proc/x.db", "the directory /proc of the database is not writable"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, err := Open(t.Context(), Config{Path: tt.path})
			if err == nil {
				t.Fatal("Open: got no error", store.Close())
			}
			if got := fault.Of(err); got.Kind != fault.Unavailable || got.Code != "cannot-open" || got.Detail != tt.want || got.Hint == "" {
				t.Errorf("Open: got %s with the code %s, the detail %q and the hint %q, want the detail %q", got.Kind, got.Code, got.Detail, got.Hint, tt.want)
			}
		})
	}
}

// pragmas returns what the session says of itself.
func pragmas(t *testing.T, s *session, names ...string) []string {
	t.Helper()
	var values []string
	for _, name := range names {
		err := s.Query(t.Context(), &gormstore.Statement{Text: "PRAGMA " + name}, nil, func(cells gormstore.Cells) (bool, error) {
			value := ""
			switch cells.Kind(0) {
			case gormstore.IntKind:
				value = fmt.Sprint(cells.Int(0))
			case gormstore.TextKind:
				value = string(cells.Bytes(0))
			}
			values = append(values, name+" "+value)
			return false, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// TestConnections shows how both kinds of connection are set up.
func TestConnections(t *testing.T) {
	names := []string{"journal_mode", "page_size", "temp_store", "busy_timeout", "query_only", "synchronous"}
	for synchronous, number := range map[string]string{"full": "2", "normal": "1"} {
		e, err := open(t.Context(), Config{Path: testPath(t), MaxConns: 2, Synchronous: synchronous, BusyTimeout: 1234 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		for _, tt := range []struct {
			name string
			pool chan *session
			want []string
		}{
			{"writer", e.writer, []string{"journal_mode wal", "page_size 8192", "temp_store 2", "busy_timeout 1234", "query_only 0", "synchronous " + number}},
			{"reader", e.readers, []string{"journal_mode wal", "page_size 8192", "temp_store 2", "busy_timeout 1234", "query_only 1"}},
		} {
			err := e.with(t.Context(), tt.pool, func(s *session) error {
				if diff := cmp.Diff(tt.want, pragmas(t, s, names[:len(tt.want)]...)); diff != "" {
					t.Errorf("the %s with synchronous: %s (-want +got):\n%s", tt.name, synchronous, diff)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPreparedStatementsAreBounded runs more statements on one connection than
// it may keep.
func TestPreparedStatementsAreBounded(t *testing.T) {
	e, err := open(t.Context(), Config{Path: memory, MaxConns: 1, Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	err = e.with(t.Context(), e.writer, func(s *session) error {
		most := 0
		for i := range 3 * maxKept {
			got := int64(-1)
			err := s.Query(t.Context(), &gormstore.Statement{Text: fmt.Sprint("SELECT ", i)}, nil, func(cells gormstore.Cells) (bool, error) {
				got = cells.Int(0)
				return true, nil
			})
			if err != nil || got != int64(i) {
				return fmt.Errorf("SELECT %d: got %d, %w", i, got, err)
			}
			most = max(most, len(s.kept))
		}
		if most != maxKept {
			t.Errorf("prepared statements: got up to %d, want %d", most, maxKept)
		}
		left := 0
		for range s.raw.Stmts() {
			left++
		}
		if left > maxKept {
			t.Errorf("statements that the connection holds: got %d, want %d at most", left, maxKept)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A releasing context calls release when somebody waits for it.
type releasing struct {
	context.Context
	release func()
}

func (r releasing) Done() <-chan struct{} {
	r.release()
	return r.Context.Done()
}

// TestTwoOpeners opens a new database while another process has it locked in
// the way that SQLite does not wait for.
func TestTwoOpeners(t *testing.T) {
	path := testPath(t)
	e, err := open(t.Context(), Config{Path: memory, MaxConns: 1, Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec("CREATE TABLE t (n INTEGER); BEGIN; SELECT * FROM t"); err != nil {
		t.Fatal(err)
	}
	mine, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	e.cfg.BusyTimeout = time.Minute
	tries := 0
	ctx := releasing{t.Context(), func() {
		if tries++; tries == 3 {
			if err := other.Exec("COMMIT"); err != nil {
				t.Error(err)
			}
		}
	}}
	if err := e.setUp(ctx, &session{raw: mine}); err != nil || tries < 3 {
		t.Errorf("setting up when the third try can succeed: got %v after %d, want nil after 3", err, tries)
	}
}

// TestCheck shows that Check says what Ensure would, and changes nothing.
func TestCheck(t *testing.T) {
	path := testPath(t)
	store, db := openTest(t, path), byHand(t, path)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE old (id TEXT PRIMARY KEY, n TEXT)"); err != nil {
		t.Fatal(err)
	}
	id, n := schema.FieldSpec{Name: "id", Type: "string"}, schema.FieldSpec{Name: "n", Type: "int"}
	fresh := collection(t, schema.Spec{Name: "fresh", ID: "id", Fields: []schema.FieldSpec{id, n}})
	wrong := collection(t, schema.Spec{Name: "wrong", ID: "id", Fields: []schema.FieldSpec{id, n}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err := store.Check(t.Context(), []*schema.Collection{fresh}); err != nil {
		t.Errorf("Check of a new collection: got %v, want nil", err)
	}
	checked := fault.Of(store.Check(t.Context(), []*schema.Collection{fresh, wrong}))
	ensured := fault.Of(store.Ensure(t.Context(), []*schema.Collection{fresh, wrong}))
	if !errors.Is(checked, fault.Conflict) || len(checked.Places) == 0 {
		t.Fatalf("Check of a table that does not fit: got %v, want %s with places", checked, fault.Conflict)
	}
	if diff := cmp.Diff(ensured.Places, checked.Places); diff != "" {
		t.Errorf("the places of Check (-Ensure +Check):\n%s", diff)
	}
	var names string
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat(name) FROM sqlite_master WHERE type = 'table'").Scan(&names); err != nil {
		t.Fatal(err)
	}
	if names != "old" {
		t.Errorf("tables after Check: got %s, want old alone", names)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context(), nil); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Check after Close: got %v, want %s", err, fault.Unavailable)
	}
}
