package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// Load copies the rows into the table, or if an id is taken, into a table beside
// it and from there (https://www.postgresql.org/docs/current/sql-copy.html). That
// is the session's own and empty outside of a transaction. What is copied straight
// is written once; a savepoint is what trying it costs.
func (s *session) Load(ctx context.Context, bulk *gormstore.Bulk) (repeated []int, err error) {
	types, err := s.columnTypes(ctx, bulk)
	if err != nil {
		return nil, err
	}
	rows := once(bulk, types)
	if !s.staged[bulk.Table+bulk.Run] {
		if err := s.run(ctx, "SAVEPOINT load"); err != nil {
			return nil, err
		}
		err := s.copyInto(ctx, bulk.Table, bulk, rows.reader())
		if err == nil {
			return rows.repeated, s.run(ctx, "RELEASE SAVEPOINT load")
		}
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "23505" {
			return nil, err
		}
		if err := s.run(ctx, "ROLLBACK TO SAVEPOINT load"); err != nil {
			return nil, err
		}
		s.stage(bulk)
	}
	stored, err := s.merge(ctx, bulk, rows.reader())
	if err != nil {
		return nil, err
	}
	for _, i := range rows.sent {
		if !stored[i] {
			rows.repeated = append(rows.repeated, i)
		}
	}
	slices.Sort(rows.repeated)
	return rows.repeated, nil
}

// stage remembers that rows of the run meet others, of one run and table alone.
func (s *session) stage(bulk *gormstore.Bulk) {
	clear(s.staged)
	s.staged[bulk.Table+bulk.Run] = true
}

// run runs a statement that is not worth keeping.
func (s *session) run(ctx context.Context, text string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	_, err := s.conn.Exec(ctx, text).ReadAll()
	return err
}

// columnTypes returns the types of the columns.
func (s *session) columnTypes(ctx context.Context, bulk *gormstore.Bulk) ([]uint32, error) {
	described, err := s.conn.Prepare(ctx, "", "SELECT "+strings.Join(bulk.Columns, ", ")+" FROM "+bulk.Table, nil)
	if err != nil {
		return nil, err
	}
	types := make([]uint32, len(described.Fields))
	for i, field := range described.Fields {
		types[i] = field.DataTypeOID
	}
	return types, nil
}

// rows are those of a bulk, each id once, in the binary format of COPY.
type rows struct {
	bulk     *gormstore.Bulk
	types    []uint32
	sent     []int // their positions
	repeated []int // of rows whose id came before
}

// once finds the rows whose id came before.
func once(bulk *gormstore.Bulk, types []uint32) *rows {
	r := &rows{bulk: bulk, types: types, sent: make([]int, 0, bulk.Rows)}
	type key struct {
		number int64
		text   string
	}
	seen := make(map[key]bool, bulk.Rows)
	var args []gormstore.Arg
	for i := range bulk.Rows {
		args = bulk.Row(i, args[:0])
		id := key{args[bulk.ID].Int(), args[bulk.ID].Text()}
		if seen[id] {
			r.repeated = append(r.repeated, i)
			continue
		}
		seen[id] = true
		r.sent = append(r.sent, i)
	}
	return r
}

// reader reads the rows, each behind its position if that is asked for.
func (r *rows) reader() *copying {
	return &copying{rows: r, octets: append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)}
}

// copying is the stream of a COPY.
type copying struct {
	*rows
	placed bool // each row begins with its position
	next   int  // of sent
	octets []byte
	begin  int // of what is in octets and was not read
	args   []gormstore.Arg
	ended  bool
}

// piece is how many octets are made at a time.
const piece = 64 << 10

// Read makes rows as they are asked for.
func (c *copying) Read(p []byte) (int, error) {
	if c.begin == len(c.octets) {
		c.octets, c.begin = c.octets[:0], 0
	}
	for len(c.octets) < piece && c.next < len(c.sent) {
		if err := c.row(c.sent[c.next]); err != nil {
			return 0, err
		}
		c.next++
	}
	if c.next == len(c.sent) && !c.ended {
		c.octets, c.ended = append(c.octets, 0xff, 0xff), true // no row has -1 columns
	}
	if c.begin == len(c.octets) {
		return 0, io.EOF
	}
	n := copy(p, c.octets[c.begin:])
	c.begin += n
	return n, nil
}

func (c *copying) row(i int) (err error) {
	c.args = c.bulk.Row(i, c.args[:0])
	columns := len(c.args)
	if c.placed {
		columns++
	}
	c.octets = binary.BigEndian.AppendUint16(c.octets, uint16(columns))
	if c.placed {
		c.octets = binary.BigEndian.AppendUint32(c.octets, 4)
		c.octets = binary.BigEndian.AppendUint32(c.octets, uint32(i))
	}
	for j, arg := range c.args {
		length := len(c.octets)
		c.octets = append(c.octets, 0xff, 0xff, 0xff, 0xff) // the length, or -1 for null
		if arg.Kind == gormstore.NullKind {
			continue
		}
		if c.octets, err = appendArg(c.octets, c.types[j], arg); err != nil {
			return err
		}
		binary.BigEndian.PutUint32(c.octets[length:], uint32(len(c.octets)-length-4))
	}
	return nil
}

// copyInto copies the rows into the table.
func (s *session) copyInto(ctx context.Context, table string, bulk *gormstore.Bulk, from *copying) error {
	columns := strings.Join(bulk.Columns, ", ")
	if from.placed {
		columns = place + ", " + columns
	}
	_, err := s.conn.CopyFrom(ctx, from, "COPY "+table+" ("+columns+") FROM STDIN (FORMAT binary)")
	return err
}

// staging is the table beside the one that rows go into, and place the column of
// their positions in it.
const (
	staging = "pg_temp.portolan_load"
	place   = `"_place"`
)

// merge copies the rows into the table beside, and from there puts those whose id
// no record of the run has. It returns which it put.
func (s *session) merge(ctx context.Context, bulk *gormstore.Bulk, from *copying) (stored map[int]bool, err error) {
	columns := strings.Join(bulk.Columns, ", ")
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + staging,
		"CREATE TEMPORARY TABLE portolan_load ON COMMIT DROP AS SELECT 0 AS " + place + ", " + columns + " FROM " + bulk.Table + " WITH NO DATA",
	} {
		if err := s.run(ctx, statement); err != nil {
			return nil, err
		}
	}
	from.placed = true
	if err := s.copyInto(ctx, staging, bulk, from); err != nil {
		return nil, err
	}
	id, revision := bulk.Columns[bulk.ID], bulk.Columns[len(bulk.Columns)-1]
	var set []string
	for i, column := range bulk.Columns {
		if i != bulk.ID {
			set = append(set, column+" = excluded."+column)
		}
	}
	ofRun := bulk.Table + "." + revision
	stored = make(map[int]bool, len(from.sent))
	result := s.conn.ExecParams(ctx, "WITH put AS (INSERT INTO "+bulk.Table+" ("+columns+") SELECT "+columns+" FROM "+staging+
		" ORDER BY "+place+" ON CONFLICT ("+id+") DO UPDATE SET "+strings.Join(set, ", ")+
		" WHERE left("+ofRun+", length($1::text)) <> $1 RETURNING "+id+") SELECT "+place+" FROM "+staging+" JOIN put USING ("+id+")",
		[][]byte{[]byte(bulk.Run)}, nil, nil, nil)
	for result.NextRow() {
		i, err := strconv.Atoi(string(result.Values()[0]))
		if err != nil {
			return nil, err
		}
		stored[i] = true
	}
	_, err = result.Close()
	return stored, err
}
