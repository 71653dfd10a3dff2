//go:build linux

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	started "github.com/portolan-io/portolan/test/servers"
)

// A database is a PostgreSQL server of this run.
type database struct{ *started.Server }

// startDatabase starts it with the settings that it has if nothing is said, but for
// its memory. It returns nil if PostgreSQL is not installed.
func startDatabase() (*database, error) {
	server, err := started.StartPostgreSQL("max_connections=200", "shared_buffers=512MB", "max_wal_size=4GB")
	if errors.Is(err, started.ErrAbsent) {
		return nil, nil
	}
	return &database{server}, err
}

// make makes an empty database of the name, in place of one there was.
func (d *database) make(ctx context.Context, name string) (dsn string, err error) {
	return d.copyOf(ctx, "template1", name)
}

// copyOf makes a database of the name that has what the other has, which nobody uses.
func (d *database) copyOf(ctx context.Context, original, name string) (dsn string, err error) {
	conn, err := pgx.Connect(ctx, d.Address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE " + original, "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	at, err := url.Parse(d.Address)
	if err != nil {
		return "", err
	}
	at.Path = "/" + name
	return at.String(), nil
}

// settle has the planner know the tables, and writes to the disk what is dirty.
func settle(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// cpu returns what the server's processes have used, those of connections included.
func (d *database) cpu() (time.Duration, error) {
	sum, err := used(d.PID)
	if err != nil {
		return 0, err
	}
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(d.PID) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				return 0, err
			}
			if one, err := used(pid); err == nil {
				sum += one
			}
		}
	}
	return sum, nil
}

// What the contestants over PostgreSQL are called.
const pgxAlone = "limit: pgx alone"

// fill makes the database shop, with the products.
func (w *workshop) fill(ctx context.Context, d *database) (dsn string, err error) {
	if dsn, err = d.make(ctx, "shop"); err != nil {
		return "", err
	}
	plain := variant{binary: w.portolan, DSN: dsn}
	for _, file := range [][2]string{{"categories.csv", "categories"}, {"products.csv", "products"}} {
		if err := w.portolanRun(ctx, plain, "", "import", file[0], "--into", file[1]); err != nil {
			return "", err
		}
	}
	return dsn, settle(ctx, dsn)
}

// databaseContests returns the contests over the database, and what ends their
// servers.
func (w *workshop) databaseContests(ctx context.Context, d *database, dsn, token string) (contests []contest, stop func(), err error) {
	s := &group{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	limit, err := s.start(w.serveLimit(ctx, "limit.db", "-postgres", dsn))
	if err != nil {
		return nil, nil, err
	}
	bare, err := s.start(w.serve(ctx, variant{binary: w.portolan, DSN: dsn}, "postgres"))
	if err != nil {
		return nil, nil, err
	}
	everything, err := s.start(w.serve(ctx, variant{binary: w.portolan, DSN: dsn, Everything: true}, "postgres"))
	if err != nil {
		return nil, nil, err
	}
	return d.contests(w, limit, bare, everything, token), s.stop, nil
}

// groups is the address of an aggregation of Portolan's, of whatever category and a
// price.
const groups = "/v1/products/$aggregate?$apply=filter(price%%20ge%%20%[2]d)/groupby((category_id),aggregate($count%%20as%%20n,price%%20with%%20average%%20as%%20mean))"

// contests returns those between the servers.
func (d *database) contests(w *workshop, limit, bare, everything *process, token string) []contest {
	made := &created{}
	records := one("/postgres/", w.ids)
	ours := one("/v1/products/", w.ids)
	work := func(name, goal, what string, most, least float64, limits, bares, all func([]byte) []byte) contest {
		return contest{name: "postgres-" + name, goal: goal, work: "PostgreSQL, " + what, helpers: []helper{d}, contestants: []contestant{
			{"limit", pgxAlone, limit, limits, 0, 0},
			{"bare", withoutTheGate, bare, bares, 0, 0},
			{"everything", everythingOn, everything, all, most, least},
		}}
	}
	writes := func(name, what string, limits, all func([]byte) []byte) contest {
		return contest{name: "postgres-" + name, goal: "6", work: "PostgreSQL, " + what, helpers: []helper{d}, contestants: []contestant{
			{"limit", pgxAlone, limit, limits, 0, 0},
			{"everything", everythingOn, everything, all, 1.4, 0.85},
		}}
	}
	return []contest{
		work("get", "4", "get by key", 1.25, 0.85, gets("", records), gets("", ours), gets(token, ours)),
		work("list", "5", "list of 20, filter and sort", 1.3, 0.85, gets("", w.page("/postgres?category=%d&price=%d", 10)), gets("", w.page(pages, 10)), gets(token, w.page(pages, 10))),
		work("aggregate", "", "groups of 248 categories", 0, 0, gets("", w.page("/postgres-aggregate?category=%d&price=%d", 10)), gets("", w.page(groups, 10)), gets(token, w.page(groups, 10))),
		writes("create", "create a record", made.posts("/postgres", ""), made.posts("/v1/products", token)),
		writes("replace", "replace a record", puts(w.ids, "/postgres/", ""), puts(w.ids, "/v1/products/", token)),
		writes("patch", "conditional patch", w.patches("/postgres/", ""), w.patches("/v1/products/", token+"If-Match: *\r\n")),
		work("mixed", "7", "95 gets and 5 creates, no cache", 1.3, 0, mixed(gets("", records), made.posts("/postgres", "")), mixed(gets("", ours), made.posts("/v1/products", token)), mixed(gets(token, ours), made.posts("/v1/products", token))),
	}
}

// mixed returns a source of 95 of the one and 5 of the other.
func mixed(many, few func([]byte) []byte) func([]byte) []byte {
	at := 0
	return func(dst []byte) []byte {
		if at++; at%20 == 0 {
			return few(dst)
		}
		return many(dst)
	}
}

// puts returns a source of requests that replace one of the products.
func puts(ids []string, prefix, headers string) func([]byte) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	return func(dst []byte) []byte {
		id := ids[random.IntN(len(ids))]
		return appendRequest(dst, "PUT", prefix+id, "application/json", headers, productBody(nil, id, random.Int64N(4)))
	}
}

// patches returns a source of requests that change one field of a product.
func (w *workshop) patches(prefix, headers string) func([]byte) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	return func(dst []byte) []byte {
		body := strconv.AppendInt([]byte(`{"reviews":`), random.Int64N(100_000), 10)
		return appendRequest(dst, "PATCH", prefix+w.ids[random.IntN(len(w.ids))], "application/merge-patch+json", headers, append(body, '}'))
	}
}

// databaseLoaders are those that load the products into PostgreSQL.
func (w *workshop) databaseLoaders(ctx context.Context, d *database) []loader {
	fresh := func(do func(dsn string) (*exec.Cmd, error)) func(string) (*exec.Cmd, error) {
		return func(string) (*exec.Cmd, error) {
			dsn, err := d.make(ctx, "loaded")
			if err == nil {
				err = w.portolanRun(ctx, variant{binary: w.portolan, DSN: dsn}, "", "import", "categories.csv", "--into", "categories")
			}
			if err != nil {
				return nil, err
			}
			return do(dsn)
		}
	}
	loaders := []loader{}
	if psql, err := exec.LookPath("psql"); err == nil {
		loaders = append(loaders, loader{`limit: psql \copy into the same table and indexes, no checks, one transaction`, "", fresh(func(dsn string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, psql, dsn, "-v", "ON_ERROR_STOP=1", "-c", "ALTER TABLE products ALTER _rev SET DEFAULT 'r'", "-c",
				`\copy products (asin,title,"imgUrl","productURL",stars,reviews,price,"listPrice",category_id,"isBestSeller","boughtInLastMonth") FROM products.csv CSV HEADER`)
			cmd.Dir = w.dir
			return cmd, nil
		})})
	}
	for _, file := range []string{"products.csv", "products.ndjson"} {
		what := map[bool]string{true: "Portolan, CSV: cleaning, checks, references, checkpoints", false: "Portolan, NDJSON"}[file == "products.csv"]
		loaders = append(loaders, loader{what, "", fresh(func(dsn string) (*exec.Cmd, error) {
			return w.command(ctx, variant{binary: w.portolan, DSN: dsn}, "", "import", file, "--into", "products", "--rejects", "none")
		})})
	}
	return loaders
}

// A group is servers that are stopped together.
type group struct{ all []*process }

func (s *group) start(p *process, err error) (*process, error) {
	if err == nil {
		s.all = append(s.all, p)
	}
	return p, err
}

func (s *group) stop() {
	for _, p := range s.all {
		p.stop()
	}
}
