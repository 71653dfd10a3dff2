package sqlserver

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// refusal is an error of the server.
func refusal(number int32) error { return mssql.Error{Number: number, Class: 14, Message: "secret"} }

// codeOf returns the code of an error, or nothing of none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

// TestGoldenTransactions prints what begins and ends a read and a write, for each way in
// which a database lets one state be seen.
func TestGoldenTransactions(t *testing.T) {
	c := numbers(t)
	many := make([]record.ID, 513)
	for i := range many {
		many[i] = record.ID(fmt.Sprint(i + 1))
	}
	var out strings.Builder
	for _, tt := range []struct {
		name                string
		snapshot, committed int64
	}{{"snapshot isolation", 1, 1}, {"committed snapshots alone", 0, 1}, {"locks alone", 0, 0}} {
		store, log := scripted(t, Config{}, database(tt.snapshot, tt.committed, 160, int64(65001)))
		view := query.View{Collection: c, Fields: c.All()}
		if _, err := store.Get(t.Context(), view, many[:1]); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "-- with %s: get one\n%s\n", tt.name, log.noted())
		if _, err := store.Get(t.Context(), view, many); err != nil {
			t.Fatal(err)
		}
		var told []string
		for line := range strings.Lines(log.noted()) {
			if !strings.HasPrefix(line, "--  ") {
				told = append(told, strings.TrimSuffix(line[:min(len(line), 80)], "\n"))
			}
		}
		fmt.Fprintf(&out, "-- with %s: get 513, of each statement the beginning\n%s\n\n", tt.name, strings.Join(told, "\n"))
	}
	fmt.Fprintf(&out, "-- what comes before each statement\n%s\n", (&engine{}).settings(5*time.Second))
	golden(t, "transactions", out.String())
}

// TestSettings shows that no statement goes without them, but those of gorm's, whose
// session has them.
func TestSettings(t *testing.T) {
	c := numbers(t)
	store, log := scripted(t, Config{LockTimeout: 70 * time.Millisecond}, usual())
	_ = apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: "1", Revision: "r", Fields: []record.Value{record.Int(1)}})
	sent := log.whole()
	if len(sent) < 3 {
		t.Fatalf("only %d statements were sent", len(sent))
	}
	for _, text := range sent {
		if !strings.HasPrefix(text, "SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 70; ") {
			t.Errorf("a statement goes without the settings: %s", text)
		}
	}
}

// TestGoldenOpen prints the batches of what is not kept, each as it is sent: some
// statements have to be first in theirs, or alone.
func TestGoldenOpen(t *testing.T) {
	var out strings.Builder
	kept := &answer{holds: "SELECT * FROM [_portolan_types]", types: []string{"NVARCHAR tbl", "NVARCHAR field", "NVARCHAR type"},
		rows: [][]driver.Value{{"numbers", "n", "int"}}}
	answers := append(described("_portolan_types", column{name: "tbl", kind: "varchar", octets: ids}), usual(), kept)
	store, log := scripted(t, Config{}, answers...)
	note := func(what string, batches []string) {
		fmt.Fprintf(&out, "-- %s\n%s\n\n", what, strings.Join(batches, "\nGO\n"))
	}
	note("open", log.whole())
	if err := store.Ensure(t.Context(), []*schema.Collection{numbers(t)}); err != nil {
		t.Fatal(err)
	}
	note("ensure, where there is the table of types", log.whole())
	if _, err := store.Scratch(t.Context()); codeOf(err) != "bad-dsn" { // so that it drops what it made
		t.Fatalf("Scratch of a script: got %v, want the code bad-dsn", err)
	}
	made := strings.Join(log.whole(), "\nGO\n")
	note("scratch, and the end of it", []string{regexp.MustCompile(`portolan_contract_\w+`).ReplaceAllString(made, "portolan_contract_x")})
	golden(t, "open", out.String())
}

// TestRetried begins anew what another transaction came in the way of, and nothing else.
func TestRetried(t *testing.T) {
	c := numbers(t)
	for _, tt := range []struct {
		name  string
		at    string // the statement that fails
		times int
		err   error
		begun int    // transactions
		want  string // the code in the end
	}{
		{"a deadlock", "INSERT", 3, refusal(1205), 4, ""},
		{"deadlocks without end", "INSERT", 0, refusal(1205), attempts, "overtaken"},
		{"a deadlock in the commit", "COMMIT", 1, refusal(1205), 2, ""},
		{"another stored the id", "INSERT", 1, refusal(2627), 2, ""},
		{"another has the value", "INSERT", 0, refusal(2601), 3, "not-unique"},
		{"the database moves", "INSERT", 1, refusal(40197), 2, ""},
		{"the database moves in the commit", "COMMIT", 0, refusal(40197), 1, "moving"},
		{"a lock", "INSERT", 0, refusal(1222), 1, "locked"},
		{"the connection breaks in the commit", "COMMIT", 0, io.EOF, 1, "unreachable"},
		{"the connection breaks in the middle", "INSERT", 0, io.EOF, 1, "unreachable"},
		{"the connection was dead", "BEGIN", 2, driver.ErrBadConn, 3, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, log := scripted(t, Config{}, usual(), &answer{holds: tt.at, times: tt.times, err: tt.err}, changedRows(1))
			err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: "1", If: repository.Absent, Revision: "r", Fields: []record.Value{record.Int(1)}})
			if codeOf(err) != tt.want {
				t.Errorf("Apply: got %v, want the code %q", err, tt.want)
			}
			if begun := strings.Count(log.noted(), "BEGIN TRANSACTION"); begun != tt.begun {
				t.Errorf("%d transactions were begun, want %d", begun, tt.begun)
			}
		})
	}
}

// TestTakenAgain takes for a conflict neither an id that was stored behind two deadlocks,
// nor one that is stored and removed again and again.
func TestTakenAgain(t *testing.T) {
	put := func(c *schema.Collection, answers ...*answer) error {
		store, _ := scripted(t, Config{}, append(answers, usual(), changedRows(1))...)
		return apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: "1", Fields: []record.Value{record.Int(1)}, Revision: "r"})
	}
	deadlocks := func() *answer { return &answer{holds: "INSERT", times: 2, err: refusal(1205)} }
	taken := func(times int, number int32) *answer {
		return &answer{holds: "INSERT", times: times, err: refusal(number)}
	}
	if err := put(numbers(t), taken(10, 2627)); err != nil {
		t.Errorf("ten times taken: got %v, want nil", err)
	}
	if err := put(numbers(t), taken(0, 2627)); codeOf(err) != "not-unique" {
		t.Errorf("taken without end: got %v, want the code not-unique", err)
	}
	for _, number := range []int32{2627, 2601} {
		if err := put(numbers(t), deadlocks(), taken(1, number)); err != nil {
			t.Errorf("%d behind two deadlocks: got %v, want nil", number, err)
		}
	}
	c, err := schema.New(schema.Spec{Name: "old", ID: "n", Fields: []schema.FieldSpec{{Name: "n", Type: "int"}}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	old := described("old", column{name: "n", kind: "int", octets: 4, place: 1})[0]
	if err := put(c, old, deadlocks(), taken(2, 2627)); err != nil {
		t.Errorf("an existing table, behind two deadlocks: got %v, want nil", err)
	}
	if err := put(c, old, taken(3, 2627)); codeOf(err) != "not-unique" {
		t.Errorf("an existing table, whose value is taken: got %v, want the code not-unique", err)
	}
}

// TestTaken finds an id that another transaction stored: the INSERT stores nothing, and
// the transaction begins anew, or is told so.
func TestTaken(t *testing.T) {
	c := numbers(t)
	put := repository.Mutation{Op: repository.Put, Collection: c, ID: "1", Revision: "r", Fields: []record.Value{record.Int(1)}}
	absent := &answer{holds: "WITH (XLOCK", times: 1, types: []string{"NVARCHAR", "BIGINT"}}
	there := &answer{holds: "WITH (XLOCK", types: []string{"NVARCHAR", "BIGINT"}, rows: [][]driver.Value{{"r0", int64(1)}}}
	none := &answer{holds: "INSERT", types: []string{"BIGINT"}, rows: [][]driver.Value{{int64(0)}}}
	store, _ := scripted(t, Config{}, usual(), absent, there, none, changedRows(1))
	outcomes, err := store.Apply(t.Context(), []repository.Mutation{put})
	if err != nil || !outcomes[0].Existed || outcomes[0].Was != "r0" {
		t.Errorf("Apply: got %+v, %v, want what was stored in between", outcomes, err)
	}
	put.If = repository.Absent
	if err := apply(t, store, put); fault.KindOf(err) != fault.Exists {
		t.Errorf("Apply of what is to be absent: got %v, want %s", err, fault.Exists)
	}
}

// TestWriteRetried begins anew although a row was seen: the transaction read it.
func TestWriteRetried(t *testing.T) {
	c := items(t)
	there := &answer{holds: "WITH (XLOCK", types: []string{"NVARCHAR", "VARBINARY"}, rows: [][]driver.Value{{"r0", []byte("a")}}}
	store, log := scripted(t, Config{}, usual(), there, &answer{holds: "UPDATE", times: 1, err: refusal(1205)}, changedRows(1))
	err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: "a", Revision: "r", Fields: item("a").Fields})
	if err != nil {
		t.Errorf("Apply: got %v, want nil after a deadlock", err)
	}
	if n := strings.Count(log.noted(), "BEGIN TRANSACTION"); n != 2 {
		t.Errorf("%d transactions were begun, want 2", n)
	}
}

// TestReadRetried repeats a read that gave way, but not one of which rows were seen.
func TestReadRetried(t *testing.T) {
	c := numbers(t)
	store, log := scripted(t, Config{}, usual(), &answer{holds: "SELECT TOP", times: 2, err: refusal(1205)})
	if _, err := store.Find(t.Context(), byID(c, query.Expr{})); err != nil {
		t.Errorf("Find: got %v, want nil after two deadlocks", err)
	}
	if n := strings.Count(log.noted(), "SELECT TOP"); n != 3 {
		t.Errorf("it was asked %d times, want 3", n)
	}
	store, log = scripted(t, Config{}, usual(), &answer{holds: "SELECT TOP", types: []string{"NVARCHAR", "BIGINT"},
		rows: [][]driver.Value{{"r", int64(1)}}, later: refusal(1205)})
	if _, err := store.Find(t.Context(), byID(c, query.Expr{})); codeOf(err) != "overtaken" {
		t.Errorf("Find that gives way behind a row: got %v, want overtaken", err)
	}
	if n := strings.Count(log.noted(), "SELECT TOP"); n != 1 {
		t.Errorf("it was asked %d times, want 1: its row would come twice", n)
	}
	// A value that cannot be read fails behind the first row.
	store, log = scripted(t, Config{}, usual(), &answer{holds: "SELECT TOP", types: []string{"NVARCHAR", "BIGINT"},
		rows: [][]driver.Value{{"r", int64(1)}, {"r", "no number"}}})
	q := byID(c, query.Expr{})
	q.Fields = c.All()
	if _, err := store.Find(t.Context(), q); codeOf(err) != "stored-value" {
		t.Errorf("Find: got %v, want stored-value", err)
	}
	if n := strings.Count(log.noted(), "SELECT TOP"); n != 1 {
		t.Errorf("it was asked %d times, want 1", n)
	}
}

// TestSlow gives a statement no more than its time, and tells who waits for longer than
// that from who gives up.
func TestSlow(t *testing.T) {
	c := numbers(t)
	store, _ := scripted(t, Config{StatementTimeout: 20 * time.Millisecond}, usual(), &answer{holds: "SELECT TOP", hangs: true})
	if _, err := store.Find(t.Context(), byID(c, query.Expr{})); codeOf(err) != "statement-timeout" {
		t.Errorf("Find: got %v, want the code statement-timeout", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := store.Find(ctx, byID(c, query.Expr{})); !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) == fault.Invalid {
		t.Errorf("Find with a short time: got %v, want its end", err)
	}
}

// TestExhausted waits for a connection no longer than it may.
func TestExhausted(t *testing.T) {
	c := numbers(t)
	store, _ := scripted(t, Config{MaxConns: 1, AcquireTimeout: 20 * time.Millisecond}, usual(), &answer{holds: "SELECT TOP", hangs: true})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = store.Find(ctx, byID(c, query.Expr{}))
	}()
	for store.engine.db.Stats().InUse == 0 {
		time.Sleep(time.Millisecond)
	}
	for name, do := range map[string]func() error{
		"Ping": func() error { return store.Ping(t.Context()) },
		"Find": func() error { _, err := store.Find(t.Context(), byID(c, query.Expr{})); return err },
	} {
		if err := do(); codeOf(err) != "connections-exhausted" {
			t.Errorf("%s: got %v, want the code connections-exhausted", name, err)
		}
	}
	cancel()
	<-gone
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping with a free connection: got %v, want nil", err)
	}
}

// TestOpenRefuses databases that cannot be used, and waits for one that is being moved.
func TestOpenRefuses(t *testing.T) {
	open := func(cfg Config, answers ...*answer) error {
		cfg.DSN = func(context.Context) (string, error) { return "", nil }
		if err := cfg.complete(); err != nil {
			t.Fatal(err)
		}
		e, err := open(t.Context(), cfg, &script{t: t, answers: answers})
		if err != nil {
			return explain(err, &connector{})
		}
		return e.Close()
	}
	for _, tt := range []struct {
		name   string
		cfg    Config
		answer *answer
		want   string
	}{
		{"an old database", Config{}, database(1, 1, 120, int64(65001)), "old-database"},
		{"a server without UTF-8", Config{}, database(0, 0, 140, nil), "no-utf8"},
		{"and with nvarchar", Config{NVarchar: true}, database(0, 0, 140, nil), ""},
		{"one that sys.databases does not show", Config{}, &answer{holds: "FROM sys.databases", types: []string{"INT", "INT", "INT", "INT"}}, "database-unseen"},
		{"a usual one", Config{}, usual(), ""},
	} {
		err := open(tt.cfg, tt.answer)
		if codeOf(err) != tt.want {
			t.Errorf("%s: got %v, want the code %q", tt.name, err, tt.want)
		}
	}
	if err := open(Config{}, &answer{holds: "sys.databases", times: 2, err: refusal(40613)}, usual()); err != nil {
		t.Errorf("a database that is moved: got %v, want nil", err)
	}
}

// TestConnectRetried waits for a database that lets nobody in while it is moved, and not
// for one that never will.
func TestConnectRetried(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuses []error
		tries   int
		want    string
	}{
		{"moved", []error{refusal(40613), refusal(4060)}, 3, ""},
		{"moved for too long", slices.Repeat([]error{refusal(40613)}, 100), 0, "moving"},
		{"a wrong password", slices.Repeat([]error{refusal(18456)}, 100), 1, "login-refused"},
	} {
		s := &script{t: t, answers: []*answer{usual()}, refuses: tt.refuses}
		cfg := Config{DSN: func(context.Context) (string, error) { return "", nil }, AcquireTimeout: 500 * time.Millisecond}
		if err := cfg.complete(); err != nil {
			t.Fatal(err)
		}
		e, err := open(t.Context(), cfg, s)
		if err == nil {
			err = e.Close()
		} else {
			err = explain(err, &connector{})
		}
		if codeOf(err) != tt.want {
			t.Errorf("%s: got %v, want the code %q", tt.name, err, tt.want)
		}
		if n := strings.Count(s.noted(), "CONNECT"); tt.tries > 0 && n != tt.tries {
			t.Errorf("%s: %d connections were tried, want %d", tt.name, n, tt.tries)
		}
	}
}

// TestClassify has each number of which something is said, and no cause in what is said.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		op   string
		err  error
		kind fault.Kind
		code string
	}{
		{"Apply", refusal(2627), fault.Conflict, "not-unique"}, {"Apply", refusal(2601), fault.Conflict, "not-unique"},
		{"Apply", refusal(2628), fault.Invalid, "too-long"}, {"Apply", refusal(8152), fault.Invalid, "too-long"},
		{"Apply", refusal(8115), fault.Invalid, "out-of-range"}, {"Aggregate", refusal(8115), fault.Refused, "overflow"},
		{"Apply", refusal(1222), fault.Unavailable, "locked"}, {"Apply", refusal(1205), fault.Unavailable, "overtaken"},
		{"Apply", refusal(1946), fault.TooLarge, "too-large"}, {"Find", refusal(8003), fault.Refused, "too-many-values"},
		{"Open", refusal(18456), fault.Unavailable, "login-refused"}, {"Open", refusal(4060), fault.Unavailable, "no-database"},
		{"Open", mssql.Error{Number: 18456, All: []mssql.Error{{Number: 4060}, {Number: 18456}}}, fault.Unavailable, "no-database"},
		{"Open", &connectError{&net.OpError{Op: "dial", Err: errors.New("connection refused")}}, fault.Unavailable, "unreachable"},
		{"Open", &connectError{errors.New("whatever a driver says")}, fault.Unavailable, "unreachable"},
		{"Open", &connectError{errors.New("TLS Handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority")}, fault.Unavailable, "certificate-refused"},
		{"Open", &connectError{errors.New("TLS Handshake failed: read tcp: connection reset by peer")}, fault.Unavailable, "unreachable"},
		{"Open", errDSN, fault.Invalid, "bad-dsn"},
		{"Get", refusal(40501), fault.Unavailable, "moving"}, {"Get", refusal(49920), fault.Unavailable, "moving"},
		{"Get", refusal(208), fault.Unavailable, "table-missing"}, {"Get", refusal(229), fault.Unavailable, "not-allowed"},
		{"Get", refusal(99999), fault.Internal, "internal"}, {"Get", errors.New("secret"), fault.Internal, "internal"},
		{"Get", io.ErrUnexpectedEOF, fault.Unavailable, "unreachable"},
	} {
		got := classify("sqlserver."+tt.op, tt.err)
		if got.Kind != tt.kind || got.Code != tt.code {
			t.Errorf("%s of %v: got %s %s, want %s %s", tt.op, tt.err, got.Kind, got.Code, tt.kind, tt.code)
		}
		if !errors.Is(got, tt.err) && number(got) == 0 {
			t.Errorf("%s of %v has lost its cause", tt.op, tt.err)
		}
		if said := got.Detail + got.Hint; strings.Contains(said, "secret") {
			t.Errorf("%s of %v tells the caller %q", tt.op, tt.err, said)
		}
	}
}

// TestSplit leaves to the core what no statement takes, and no more.
func TestSplit(t *testing.T) {
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "text", Type: "string"}}})
	if err != nil {
		t.Fatal(err)
	}
	in := func(n int) query.Expr {
		return query.Expr{Op: query.In, Field: 0, Values: make([]record.Value, n)}
	}
	contains := func(n int) query.Expr {
		return query.Expr{Op: query.Contains, Field: 1, Values: []record.Value{record.String(strings.Repeat("😀", n))}}
	}
	and := func(kids ...query.Expr) query.Expr { return query.Expr{Op: query.And, Kids: kids} }
	for _, tt := range []struct {
		name   string
		filter query.Expr
		left   int // parts that are left to the core
	}{
		{"nothing", query.Expr{}, 0}, {"a list", in(500), 0}, {"two lists", and(in(500), in(500)), 0}, {"three lists", and(in(500), in(500), in(500)), 1},
		{"a long text", contains(2000), 0}, {"a text that is too long", contains(2001), 1}, {"either of them", query.Expr{Op: query.Or, Kids: []query.Expr{contains(2001), in(1)}}, 1},
		{"not it", and(query.Expr{Op: query.Not, Kids: []query.Expr{contains(2001)}}, in(1)), 1},
	} {
		native, rest, err := split(query.Query{View: query.View{Collection: c, Filter: tt.filter}})
		if err != nil {
			t.Fatal(err)
		}
		left := len(rest.Kids)
		if rest.Op != query.And && rest.Op != query.All {
			left = 1
		}
		if left != tt.left {
			t.Errorf("%s: %d parts are left, want %d", tt.name, left, tt.left)
		}
		if n, possible := operands(native); n > maxOperands || !possible {
			t.Errorf("%s: the server is asked for too much: %d operands", tt.name, n)
		}
	}
}
