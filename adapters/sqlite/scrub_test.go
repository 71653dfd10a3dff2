package sqlite

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestScrub finds nothing in the files of what was overwritten and deleted, while another
// process has the database open; and everything before.
func TestScrub(t *testing.T) {
	const canary = "canary-4711"
	path := testPath(t)
	store, c := openTest(t, path), products(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	title, _ := c.Position("title")
	var batch, other []repository.Mutation
	for i := range 200 {
		r := product(i)
		r.Fields[title] = record.String(strings.Repeat(canary, 20))
		batch = append(batch, repository.Mutation{Op: repository.Put, Collection: c, ID: r.ID, Revision: "r1", Fields: r.Fields})
		if r = product(i); i%2 == 0 {
			other = append(other, repository.Mutation{Op: repository.Delete, Collection: c, ID: r.ID})
		} else {
			other = append(other, repository.Mutation{Op: repository.Put, Collection: c, ID: r.ID, Revision: "r2", Fields: r.Fields})
		}
	}
	if err := apply(t, store, batch...); err != nil {
		t.Fatal(err)
	}
	beside := openTest(t, path)
	if err := beside.Scrub(t.Context()); err != nil { // so that it lies in the database too, and not only in the log
		t.Fatal(err)
	}
	if err := apply(t, store, other...); err != nil {
		t.Fatal(err)
	}
	if in := files(t, path); !strings.Contains(in[""], canary) || !strings.Contains(in["-wal"], product(1).Fields[title].AsString()) {
		t.Fatalf("nothing is left before, so this proves nothing")
	}
	if err := store.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	for suffix, octets := range files(t, path) {
		if strings.Contains(octets, canary) {
			t.Errorf("it is still in the file %q", suffix)
		}
	}
	if got := count(t, beside, c); got != 100 {
		t.Errorf("there are %d records, want 100", got)
	}
	if err := apply(t, beside, batch[0]); err != nil {
		t.Errorf("a write afterwards: %v", err)
	}
}

// files returns the database and its log, by what their names end with.
func files(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, suffix := range []string{"", "-wal"} {
		octets, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all[suffix] = string(octets)
	}
	return all
}

// TestScrubWhileRead is told that the log stays, and does it once nobody reads.
func TestScrubWhileRead(t *testing.T) {
	path := testPath(t)
	store, err := Open(t.Context(), Config{Path: path, BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Ensure(t.Context(), []*schema.Collection{products(t)}); err != nil {
		t.Fatal(err)
	}
	db := byHand(t, path)
	reading, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reading.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := store.Scrub(t.Context()); !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != "busy" {
		t.Errorf("while somebody reads: %v, want %s", err, fault.Unavailable)
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := store.Scrub(t.Context()); err != nil {
		t.Errorf("once nobody reads: %v", err)
	}
	if err := openTest(t, memory).Scrub(t.Context()); err != nil {
		t.Errorf("of a database in memory: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Scrub(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("after Close: %v, want %s", err, fault.Unavailable)
	}
}
