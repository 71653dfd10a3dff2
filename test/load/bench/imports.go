//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A loading is how a program loaded the products into SQLite.
type loading struct {
	what     string
	took     time.Duration
	cpu      time.Duration // user and system together
	resident int64         // at most, in octets
}

// A loader loads the products into an empty table of the database.
type loader struct {
	what string
	from string // the database that it begins with, or empty
	cmd  func(db string) (*exec.Cmd, error)
}

// importRounds is how often each loads the products.
const importRounds = 3

// loadings lets the loaders work in turn.
func (w *workshop) loadings(ctx context.Context, s settings) ([]loading, error) {
	return s.timed(w, w.loaders(ctx))
}

// timed lets the loaders work in turn.
func (s settings) timed(w *workshop, loaders []loader) ([]loading, error) {
	measured := make([][]loading, len(loaders))
	for range min(importRounds, s.rounds) {
		for i, l := range loaders {
			one, err := w.timed(l)
			if err != nil {
				return nil, err
			}
			measured[i] = append(measured[i], one)
		}
	}
	var found []loading
	for i, l := range loaders {
		found = append(found, loading{
			what:     l.what,
			took:     median(measured[i], func(l loading) time.Duration { return l.took }),
			cpu:      median(measured[i], func(l loading) time.Duration { return l.cpu }),
			resident: median(measured[i], func(l loading) int64 { return l.resident }),
		})
	}
	return found, nil
}

func (w *workshop) loaders(ctx context.Context) []loader {
	ours := func(file string) func(db string) (*exec.Cmd, error) {
		return func(db string) (*exec.Cmd, error) {
			return w.command(ctx, variant{binary: w.portolan}, db, "import", file, "--into", "products", "--rejects", "none")
		}
	}
	loaders := []loader{
		{"limit: prepared INSERT, 10,000 rows a transaction, no checks", "", func(db string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, w.limit, "import", "-csv", "products.csv", "-db", db)
			cmd.Dir = w.dir
			return cmd, nil
		}},
		{"Portolan, CSV: cleaning, checks, references, checkpoints", "empty.db", ours("products.csv")},
		{"Portolan, NDJSON", "empty.db", ours("products.ndjson")},
	}
	if shell, err := exec.LookPath("sqlite3"); err == nil {
		loaders = append(loaders, loader{"sqlite3 .import, no checks, one transaction", "", func(db string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, shell, "-bail", db)
			cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(shellTable+".import --csv --skip 1 products.csv products\n")
			return cmd, nil
		}})
	}
	return loaders
}

// shellTable is the table of the file's columns, for the shell, which loads just
// these. It has the two indexes too.
const shellTable = `PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE products (
	asin TEXT NOT NULL PRIMARY KEY, title TEXT, imgUrl TEXT, productURL TEXT, stars REAL, reviews INTEGER,
	price REAL, listPrice REAL, category_id INTEGER, isBestSeller TEXT, boughtInLastMonth INTEGER
) STRICT;
CREATE INDEX products_stars ON products (category_id, stars DESC, asin DESC);
CREATE INDEX products_category ON products (category_id, asin);
`

// timed runs a loader over a database of its own.
func (w *workshop) timed(l loader) (loading, error) {
	const db = "loaded.db"
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.path(db + suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return loading{}, err
		}
	}
	if l.from != "" {
		if err := w.copy(l.from, db); err != nil {
			return loading{}, err
		}
	}
	cmd, err := l.cmd(db)
	if err != nil {
		return loading{}, err
	}
	begun := time.Now()
	resident, err := watched(cmd)
	return loading{
		what: l.what, took: time.Since(begun),
		cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), resident: resident,
	}, err
}

// watched runs a command to its end, and returns how much of it was resident at
// most. The system's own account of that, which comes with the exit code, has
// this program's memory in it.
func watched(cmd *exec.Cmd) (resident int64, err error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("%s: %w\n%s", cmd, err, said.Bytes())
			}
			return resident, err
		case <-time.After(5 * time.Millisecond):
			if now, err := memory(cmd.Process.Pid, "VmHWM"); err == nil { // else it has just ended
				resident = now
			}
		}
	}
}
