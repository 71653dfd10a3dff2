//go:build linux

// Command bench measures Portolan against limits: the least code that does the
// same work, run side by side with it in interleaved rounds. It prints the table
// as Markdown. The verdict is the server's CPU for a request, from the accounts
// of the system: requests a second move with whatever else the machine does.
//
//	go run ./test/load/bench                 the table, in under six minutes
//	go run ./test/load/bench -write docs/performance.md
//	go run ./test/load/bench -profile /tmp/profiles
//	go run ./test/load/bench -rows 1000000 -only import
//
// See docs/performance.md for what the figures mean.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	root     string // of the source
	portolan string // a binary, instead of one that is built
	against  string // another binary, which does the same work in the same rounds
	rows     int
	rounds   int
	round    time.Duration
	only     string
	profiles string
	write    string
}

// wants reports whether the contest was asked for.
func (s settings) wants(contest string) bool { return strings.Contains(contest, s.only) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the flags.
func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "a smoke run: whether all work, not how fast")
	flags.StringVar(&s.root, "root", ".", "the folder of the source, from which the programs are built")
	flags.StringVar(&s.portolan, "portolan", "", "a binary to measure, instead of one that is built")
	flags.StringVar(&s.against, "against", "", "another binary, to be compared with in the same rounds")
	flags.IntVar(&s.rows, "rows", 100_000, "products, 2000 at least")
	flags.IntVar(&s.rounds, "rounds", 5, "how often each program is measured")
	flags.DurationVar(&s.round, "round", 1500*time.Millisecond, "how long each is measured at a time")
	flags.StringVar(&s.only, "only", "", "only contests whose names contain this; memory, import, shared-bursts and shared-entries are four more")
	flags.StringVar(&s.profiles, "profile", "", "a folder for a CPU profile of each program in each contest, instead of the table")
	flags.StringVar(&s.write, "write", "", "a Markdown file whose measured part is replaced by the table")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 || s.rows < 2000 || s.rounds < 1 || s.round <= 0 {
		return s, errors.New("rows are 2000 or more, there is a round, it takes time, and there are no other arguments")
	}
	if *quick {
		s.rows, s.rounds, s.round = 2000, 1, 100*time.Millisecond
	}
	return s, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	s, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "portolan-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := prepare(ctx, dir, s)
	if err != nil {
		return err
	}
	if s.profiles != "" {
		return w.profile(ctx, s)
	}
	measured, err := w.measure(ctx, s)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	measured.print(&table, s)
	if _, err := out.Write(table.Bytes()); err != nil || s.write == "" {
		return err
	}
	return replace(s.write, table.String())
}

// A report is all that was measured.
type report struct {
	contests   []judged
	shared     []judged // whose answers Redis keeps
	bursts     []burst
	entries    []entries
	databases  []judged // of which another server does the work
	footprints []footprint
	loadings   []loading
	copies     []loading // into PostgreSQL
}

// A judged contest is one with its standings.
type judged struct {
	contest
	standings []standing
}

// judge runs those of the contests that were asked for.
func judge(ctx context.Context, s settings, contests []contest) (all []judged, err error) {
	for _, c := range contests {
		if !s.wants(c.name) {
			continue
		}
		if err := c.check(ctx); err != nil {
			return nil, err
		}
		standings, err := c.run(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.work, err)
		}
		all = append(all, judged{c, standings})
	}
	return all, nil
}

// overDatabase are the names of what is measured over PostgreSQL.
const overDatabase = "postgres-get postgres-list postgres-aggregate postgres-create postgres-replace postgres-patch postgres-mixed postgres-import"

// withDatabase calls do with a PostgreSQL that has the products, if it is there and
// something over it was asked for.
func (w *workshop) withDatabase(ctx context.Context, s settings, do func(d *database, dsn string) error) (err error) {
	if !strings.Contains(overDatabase, s.only) && !strings.Contains(overRedis, s.only) {
		return nil
	}
	d, err := startDatabase()
	if err != nil || d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	dsn, err := w.fill(ctx, d)
	if err != nil {
		return err
	}
	return do(d, dsn)
}

// measure runs what was asked for.
func (w *workshop) measure(ctx context.Context, s settings) (*report, error) {
	servers, err := w.startServers(ctx, s)
	if err != nil {
		return nil, err
	}
	defer servers.stop()
	r := &report{}
	if r.contests, err = judge(ctx, s, w.contests(servers)); err != nil {
		return nil, err
	}
	servers.stop()
	if err := w.withDatabase(ctx, s, func(d *database, dsn string) error { return w.overPostgreSQL(ctx, s, r, d, dsn, servers.token) }); err != nil {
		return nil, err
	}
	if s.wants("memory") {
		if r.footprints, err = w.footprints(ctx, s, servers.token); err != nil {
			return nil, err
		}
	}
	if s.wants("import") {
		if r.loadings, err = w.loadings(ctx, s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// overPostgreSQL measures what works over the database: with Redis first, because
// that begins with copies of it.
func (w *workshop) overPostgreSQL(ctx context.Context, s settings, r *report, d *database, dsn, token string) (err error) {
	if strings.Contains(overRedis, s.only) {
		if err := w.overRedis(ctx, s, r, d, token); err != nil {
			return err
		}
	}
	if !strings.Contains(overDatabase, s.only) {
		return nil
	}
	contests, stop, err := w.databaseContests(ctx, d, dsn, token)
	if err != nil {
		return err
	}
	defer stop()
	if r.databases, err = judge(ctx, s, contests); err == nil && s.wants("postgres-import") {
		r.copies, err = s.timed(w, w.databaseLoaders(ctx, d))
	}
	return err
}
