//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A workshop is a folder with the programs, the files that they load, and the
// databases that these were loaded into.
type workshop struct {
	dir      string
	portolan string // the binary that is measured
	limit    string // the binary of the limits
	ids      []string
}

// prepare builds what is not given, and generates and loads the products.
func prepare(ctx context.Context, dir string, s settings) (*workshop, error) {
	w := &workshop{dir: dir, portolan: s.portolan, limit: filepath.Join(dir, "limit")}
	generate := filepath.Join(dir, "generate")
	build := map[string]string{w.limit: "./test/load/limit", generate: "./test/load/generate"}
	if w.portolan == "" {
		w.portolan = filepath.Join(dir, "portolan")
		build[w.portolan] = "."
	}
	for binary, pkg := range build {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
		cmd.Dir = s.root
		if err := output(cmd, nil); err != nil {
			return nil, err
		}
	}
	err := errors.Join(
		w.run(ctx, generate, "--rows", strconv.Itoa(s.rows), "--dir", dir),
		w.run(ctx, w.portolan, "init", "--profile", "sqlite", "--dir", dir))
	if err != nil {
		return nil, err
	}
	if w.ids, err = readIDs(w.path("products.csv")); err != nil {
		return nil, err
	}
	return w, w.load(ctx)
}

// load fills the databases: those that are read, and their copies, which are
// written.
func (w *workshop) load(ctx context.Context) error {
	plain := variant{binary: w.portolan}
	for _, step := range []func() error{
		func() error { return w.run(ctx, w.limit, "import", "-csv", "products.csv", "-db", "limit.db") },
		func() error {
			return w.portolanRun(ctx, plain, "empty.db", "import", "categories.csv", "--into", "categories")
		},
		func() error { return w.copy("empty.db", "portolan.db") },
		func() error {
			return w.portolanRun(ctx, plain, "portolan.db", "import", "products.csv", "--into", "products")
		},
		func() error {
			return w.portolanRun(ctx, plain, "portolan.db", "export", "products", "--to", "products.ndjson")
		},
		func() error { return w.copy("limit.db", "limit-written.db") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

// run runs a program in the workshop to its end.
func (w *workshop) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = w.dir
	return output(cmd, nil)
}

// portolanRun runs a command of Portolan over the database.
func (w *workshop) portolanRun(ctx context.Context, v variant, db string, args ...string) error {
	cmd, err := w.command(ctx, v, db, args...)
	if err != nil {
		return err
	}
	return output(cmd, nil)
}

// output runs a command, and hands out what it prints if that is wanted. Its
// error has what it said.
func output(cmd *exec.Cmd, to *bytes.Buffer) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if to != nil {
		cmd.Stdout = to
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, said.Bytes())
	}
	return nil
}

// copy copies a database that nobody has open.
func (w *workshop) copy(from, to string) (err error) {
	source, err := os.Open(w.path(from))
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(w.path(to))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}
