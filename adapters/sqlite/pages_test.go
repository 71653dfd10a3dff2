package sqlite

import (
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestRowsRead pages through orders that an index serves, to the end. No page
// reads more than three rows for each of its own, and none sorts.
func TestRowsRead(t *testing.T) {
	c := products(t)
	path := testPath(t)
	store, log := recordedAt(t, path, c)
	var rows []record.Record
	for i := range 4000 {
		p := product(i)
		p.Fields[position(t, c, "category_id")] = record.Int(int64(i % 4))
		if i%5 == 0 {
			p.Fields[position(t, c, "stars")] = record.Null
		}
		rows = append(rows, p)
	}
	if _, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: rows, Run: "run-"}); err != nil {
		t.Fatal(err)
	}
	counter := newCounter(t, path)
	category := query.Expr{Op: query.Eq, Field: position(t, c, "category_id"), Values: []record.Value{record.Int(3)}}
	tests := []struct {
		order  string
		filter query.Expr
		rows   int
	}{
		{"", query.Expr{}, 4000},
		{"asin desc", query.Expr{}, 4000},
		{"stars desc", category, 1000},
		{"stars", category, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.order, func(t *testing.T) {
			q := query.Query{View: query.View{Collection: c, Filter: tt.filter, Fields: c.All()}, Limit: 20}
			var err error
			if q.Order, err = query.ParseOrder(tt.order, query.Names{Collection: c}); err != nil {
				t.Fatal(err)
			}
			total := 0
			for {
				page, err := store.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				total += len(page.Rows)
				if read := counter.read(log.last, log.args, q.Limit); read > 3*q.Limit {
					t.Fatalf("a page of %d behind %d rows read %d, want at most %d\n%s", q.Limit, total, read, 3*q.Limit, log.last.Text)
				}
				if page.Next == "" {
					break
				}
				q.After = page.Next
			}
			if total != tt.rows {
				t.Errorf("rows in all pages: got %d, want %d", total, tt.rows)
			}
			if plan := counter.plan(log.last, log.args); strings.Contains(plan, "B-TREE") {
				t.Errorf("the last page is sorted:\n%s\n%s", log.last.Text, plan)
			}
		})
	}
}

// recordedAt is recorded over a file of the caller's.
func recordedAt(t *testing.T, path string, collections ...*schema.Collection) (*gormstore.Store, *recorder) {
	t.Helper()
	e, err := open(t.Context(), Config{Path: path, MaxConns: 1, Synchronous: "normal", BusyTimeout: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Engine: e}
	store := gormstore.New(&dialect, r)
	t.Cleanup(func() { store.Close() })
	if err := store.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	return store, r
}

// A counter runs statements again and counts the rows that the engine looks at,
// with a function of its own in each WHERE.
type counter struct {
	t    *testing.T
	conn *sqlite3.Conn
	seen int
}

func newCounter(t *testing.T, path string) *counter {
	t.Helper()
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &counter{t: t, conn: conn}
	err = conn.CreateFunction("seen", 0, 0, func(ctx sqlite3.Context, _ ...sqlite3.Value) {
		c.seen++
		ctx.ResultBool(true)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read runs the statement as far as the store does, which stops when it has seen
// that there is a row behind the page.
func (c *counter) read(s *gormstore.Statement, args []gormstore.Arg, limit int) int {
	c.seen = 0
	text := strings.ReplaceAll(s.Text, " WHERE ", " WHERE seen() AND ")
	if !strings.Contains(text, "seen()") {
		text = strings.Replace(text, " ORDER BY", " WHERE seen() ORDER BY", 1)
	}
	returned := 0
	c.run(text, args, func(*sqlite3.Stmt) bool { returned++; return returned <= limit })
	if c.seen == 0 && returned > 0 {
		c.t.Fatalf("the counting function was not called: %s", text)
	}
	return c.seen
}

func (c *counter) plan(s *gormstore.Statement, args []gormstore.Arg) string {
	var plan strings.Builder
	c.run("EXPLAIN QUERY PLAN "+s.Text, args, func(stmt *sqlite3.Stmt) bool {
		plan.WriteString(stmt.ColumnText(3) + "\n")
		return true
	})
	return plan.String()
}

func (c *counter) run(text string, args []gormstore.Arg, each func(*sqlite3.Stmt) bool) {
	c.t.Helper()
	stmt, _, err := c.conn.Prepare(text)
	if err != nil {
		c.t.Fatal(err)
	}
	defer stmt.Close()
	if err := bind(stmt, args); err != nil {
		c.t.Fatal(err)
	}
	for stmt.Step() && each(stmt) {
	}
	if err := stmt.Err(); err != nil {
		c.t.Fatal(err)
	}
}
