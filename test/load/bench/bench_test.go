//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuick runs everything once, for as short as it goes: it is about whether
// the programs work and answer, never about how fast. An answer that is a failure
// is an error of run.
func TestQuick(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(doc, []byte("before\n"+measuredBegin+"old\n"+measuredEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-quick", "-root", "../../..", "-write", doc}, &out); err != nil {
		t.Fatal(err)
	}
	rows := []string{
		"| 1 | cached get of a record | limit: constant body |", "| 1 | cached get of a record | Portolan, everything on |",
		"| 2 | cached list of 20 | bigcache alone |", "| 2 | cached list of 20 | Portolan, everything on |",
		"| 8 | SQLite, get by key | Portolan, everything on |", "| 8 | SQLite, list of 20, filter and sort | limit: SQLite alone |",
		"|  | SQLite, create a record | Portolan, everything on, and the access log |",
		"|  | SQLite, replace a record | Portolan, no cache |",
		"| 11, 12 | laptop", "| 11, 12 | SQLite and bigcache",
		"| limit: prepared INSERT", "| Portolan, CSV", "| Portolan, NDJSON",
	}
	if _, err := exec.LookPath("initdb"); err == nil {
		rows = append(rows, "| 4 | PostgreSQL, get by key | limit: pgx alone |", "| 5 | PostgreSQL, list of 20, filter and sort | Portolan, everything on |",
			"| 6 | PostgreSQL, conditional patch | Portolan, everything on |", "| 7 | PostgreSQL, 95 gets and 5 creates, no cache |", "| limit: psql")
		if _, err := exec.LookPath("redis-server"); err == nil {
			rows = append(rows, "| 3 | cached get of a record | limit: go-redis alone |", "| 3 | cached list of 20 | Portolan, Redis, with bigcache near |",
				"| 7 | PostgreSQL, 95 gets of 1,000 records and 5 creates | Portolan, Redis |", "|  | PostgreSQL, replace a record | Portolan, bigcache, one instance |",
				"| with Redis gone |", "| Portolan, bigcache, one instance |")
		}
	}
	for _, want := range rows {
		if !strings.Contains(out.String(), "\n"+want) {
			t.Errorf("the table has no row %q", want)
		}
	}
	written, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + measuredBegin + out.String() + measuredEnd + "after\n"; string(written) != want {
		t.Errorf("the file reads\n%s\nwant\n%s", written, want)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// TestFailuresAreErrors: a server that refuses is fast, and must not be measured.
func TestFailuresAreErrors(t *testing.T) {
	w, err := prepare(t.Context(), t.TempDir(), settings{root: "../../..", rows: 2000})
	if err != nil {
		t.Fatal(err)
	}
	limit, err := w.serveLimit(t.Context(), "limit.db")
	if err != nil {
		t.Fatal(err)
	}
	defer limit.stop()
	one := contestant{what: "limit", server: limit, next: gets("", same("/sqlite/nothing"))}
	if _, err := one.drive(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("drive = %v, want an error with the answer", err)
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"more"}, {"-rows", "1"}, {"-rounds", "0"}, {"-round", "0s"}, {"-what"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

func TestReplaceRefuses(t *testing.T) {
	for _, text := range []string{"", measuredBegin, measuredEnd + measuredBegin} {
		path := filepath.Join(t.TempDir(), "doc.md")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := replace(path, "new"); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}
