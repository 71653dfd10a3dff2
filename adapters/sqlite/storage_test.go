package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestDiskFull lets the database reach a size that it may not exceed. The write
// that does not fit is refused as such and stores nothing, and the store goes
// on.
func TestDiskFull(t *testing.T) {
	e, err := open(t.Context(), Config{Path: testPath(t), MaxConns: 1, Synchronous: "full", BusyTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	store, c := gormstore.New(&dialect, e), products(t)
	defer store.Close()
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) {
		t.Helper()
		err := e.with(t.Context(), e.writer, func(s *session) error { return s.raw.Exec("PRAGMA max_page_count = " + pages) })
		if err != nil {
			t.Fatal(err)
		}
	}
	rows := make([]record.Record, 1000)
	for i := range rows {
		rows[i] = product(i)
	}
	limit("40")
	loaded, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: rows, Run: "run-"})
	full := fault.Of(err)
	if full == nil || full.Kind != fault.Unavailable || full.Code != "storage-full" || full.Hint == "" {
		t.Errorf("Load onto a full disk: got %v, want %s with the code storage-full and a hint", err, fault.Unavailable)
	}
	if loaded.Done != 0 {
		t.Errorf("Load onto a full disk: got %d done, want 0", loaded.Done)
	}
	if got := count(t, store, c); got != 0 {
		t.Errorf("records after a Load that failed: got %d, want 0", got)
	}
	first := repository.Mutation{Op: repository.Put, Collection: c, ID: rows[0].ID, Revision: "r", Fields: rows[0].Fields}
	if err := apply(t, store, first); err != nil {
		t.Errorf("Apply of what still fits: got %v, want nil", err)
	}
	limit("1000000")
	if _, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: rows, Run: "run-"}); err != nil {
		t.Errorf("Load when there is room again: got %v, want nil", err)
	}
	if got := count(t, store, c); got != len(rows) {
		t.Errorf("records in the end: got %d, want %d", got, len(rows))
	}
}

func count(t testing.TB, store repository.Store, c *schema.Collection) int {
	t.Helper()
	groups, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Count}}})
	if err != nil {
		t.Fatal(err)
	}
	return int(groups[0].Measures[0].AsInt())
}

// TestInterrupted runs a statement that has no end, and ends the context.
func TestInterrupted(t *testing.T) {
	for _, path := range []string{memory, testPath(t)} {
		e, err := open(t.Context(), Config{Path: path, MaxConns: 1, Synchronous: "full", BusyTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		endless := gormstore.Statement{Text: "WITH RECURSIVE c(x) AS (VALUES (0) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		read := func(ctx context.Context, s *gormstore.Statement) error {
			return e.Read(ctx, gormstore.Reading{}, func(session gormstore.Session) error {
				return session.Query(ctx, s, nil, func(gormstore.Cells) (bool, error) { return true, nil })
			})
		}
		if err := read(ctx, &endless); err == nil || classify("", err).Code != "interrupted" {
			t.Errorf("%s: a statement without end: got %v, want it interrupted", path, err)
		}
		if err := read(t.Context(), &gormstore.Statement{Text: "SELECT 1"}); err != nil {
			t.Errorf("%s: the next statement: got %v, want nil", path, err)
		}
	}
}

// TestOpenRefuses shows what of a Config is refused, and how.
func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte("this is a text, and a long one too, but it is no database at all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  Config
		kind fault.Kind
		code string
	}{
		{"no path", Config{}, fault.Invalid, "invalid"},
		{"negative connections", Config{Path: memory, MaxConns: -1}, fault.Invalid, "invalid"},
		{"unknown synchronous", Config{Path: memory, Synchronous: "off; DROP TABLE x"}, fault.Invalid, "invalid"},
		{"negative timeout", Config{Path: memory, BusyTimeout: -1}, fault.Invalid, "invalid"},
		{"no directory", Config{Path: filepath.Join(t.TempDir(), "none", "x.db")}, fault.Unavailable, "cannot-open"},
		{"no database", Config{Path: text}, fault.Unavailable, "not-a-database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, err := Open(t.Context(), tt.cfg)
			if err == nil {
				_ = store.Close()
			}
			if got := fault.Of(err); got == nil || got.Kind != tt.kind || got.Code != tt.code {
				t.Errorf("Open(%+v): got %v, want %s with the code %s", tt.cfg, err, tt.kind, tt.code)
			}
		})
	}
}

// TestBusy lets another connection hold the database for longer than a write
// waits.
func TestBusy(t *testing.T) {
	path, c := testPath(t), products(t)
	store, err := Open(t.Context(), Config{Path: path, BusyTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	tx, err := byHand(t, path).Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := insertByHand(tx.Exec, product(1)); err != nil {
		t.Fatal(err)
	}
	p := product(2)
	put := repository.Mutation{Op: repository.Put, Collection: c, ID: p.ID, Revision: "r", Fields: p.Fields}
	if err := apply(t, store, put); !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != "busy" {
		t.Errorf("Apply while another writes: got %v, want %s with the code busy", err, fault.Unavailable)
	} else if hint := fault.Of(err).Hint; strings.Contains(hint, "busy_timeout") { // which is nothing that a caller can do
		t.Errorf("Apply while another writes: got the hint %q for the caller", hint)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, store, put); err != nil {
		t.Errorf("Apply afterwards: got %v, want nil", err)
	}
}
