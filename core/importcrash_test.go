package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/ports/repository"
)

// errKilled is what a process that is killed would see, were it still there.
var errKilled = errors.New("killed")

// A mortal store lets its process be killed at random: before a write, after
// it, or between the transactions of a Load.
type mortal struct {
	repository.Store
	random *rand.Rand
	odds   int // one in so many writes kills; 0 is none
}

func (s *mortal) dies() bool { return s.odds > 0 && s.random.IntN(s.odds) == 0 }

func (s *mortal) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.dies() {
		return nil, errKilled
	}
	outcomes, err := s.Store.Apply(ctx, batch)
	if s.dies() {
		return nil, errKilled
	}
	return outcomes, err
}

func (s *mortal) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if s.dies() {
		return repository.Loaded{}, errKilled
	}
	if s.dies() { // one transaction of several was committed
		load.Rows = load.Rows[:s.random.IntN(len(load.Rows)+1)]
		if len(load.Rows) > 0 {
			_, _ = s.Store.Load(ctx, load)
		}
		return repository.Loaded{}, errKilled
	}
	loaded, err := s.Store.Load(ctx, load)
	if s.dies() { // all was committed, but nobody heard
		return repository.Loaded{}, errKilled
	}
	return loaded, err
}

// dirtyProducts returns a source with something wrong in every third row.
func dirtyProducts(random *rand.Rand, rows int) string {
	ends := []string{"\n", "\n", "\n", "\r\n", "\r"}
	var b strings.Builder
	b.WriteString("\uFEFFasin,title,stars,category_id\n")
	for i := range rows {
		id, title, stars, category := fmt.Sprintf("P%d", i), "Kite", "4.5", "91"
		switch random.IntN(18) {
		case 0:
			id = fmt.Sprintf("P%d", random.IntN(i+1))
		case 1:
			title = ""
		case 2:
			stars = "7"
		case 3:
			category = "13"
		case 4:
			title = `"Kite`
		case 5:
			title = "\"Kite,\nand \"\"more\"\"\""
		}
		b.WriteString(strings.Join([]string{id, title, stars, category}, ",") + ends[random.IntN(len(ends))])
	}
	return b.String()
}

// TestImportSurvivesKills kills an import at random moments and resumes it, a
// hundred times. It ends as one that was left alone: the same records, counts
// and rejects file, octet for octet.
func TestImportSurvivesKills(t *testing.T) {
	overStores(t, func(t *testing.T, open func(*testing.T) repository.Store, rounds int) {
		survivesKills(t, open, uint64(rounds))
	})
}

// overStores runs a test over memory, with many rounds, and over SQLite, whose
// transactions are real, with few.
func overStores(t *testing.T, test func(t *testing.T, open func(*testing.T) repository.Store, rounds int)) {
	t.Run("memory", func(t *testing.T) { test(t, newStore, 100) })
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t *testing.T) repository.Store {
			t.Helper()
			store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db"), Synchronous: "normal"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			return store
		}, 4)
	})
}

func survivesKills(t *testing.T, open func(*testing.T) repository.Store, rounds uint64) {
	kills, unspoken := 0, []byte(`{"line":`) // was written, but no checkpoint knows of it
	for seed := range rounds {
		random := rand.New(rand.NewPCG(seed, 0))
		text := dirtyProducts(random, 50+random.IntN(300))
		req := core.ImportRequest{
			Collection: "products", Source: source("p.csv", text), MaxRejects: -1, BatchRows: 1 + random.IntN(40),
		}
		calm := newAPI(t, newStore(t))
		wantRejects := &memoryFile{}
		req.Rejects = wantRejects
		want, err := calm.Import(t.Context(), operator, req)
		if err != nil {
			t.Fatal(err)
		}

		store := &mortal{Store: open(t), random: random}
		api := newAPI(t, store)
		rejects := &memoryFile{}
		req.Rejects, req.Resume = rejects, true
		store.odds = 12
		got, err := api.Import(t.Context(), operator, req)
		for ; err != nil; got, err = api.Import(t.Context(), operator, req) {
			if !errors.Is(err, errKilled) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			kills++
			if random.IntN(2) == 0 {
				rejects.octets = append(rejects.octets, unspoken...)
			}
		}
		if got.Finished { // killed behind its last write, when no rejects are written any more
			rejects.octets = bytes.TrimSuffix(rejects.octets, unspoken)
		}
		store.odds = 0
		got.Elapsed, got.Resumed, got.Finished, want.Elapsed = 0, false, false, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: summary (-want +got):\n%s", seed, diff)
		}
		if diff := cmp.Diff(string(wantRejects.octets), string(rejects.octets)); diff != "" {
			t.Errorf("seed %d: rejects (-want +got):\n%s", seed, diff)
		}
		if diff := cmp.Diff(export(t, calm, "products", ingest.NDJSON), export(t, api, "products", ingest.NDJSON)); diff != "" {
			t.Errorf("seed %d: records (-want +got):\n%s", seed, diff)
		}
		if t.Failed() {
			return
		}
	}
	if kills < 2*int(rounds) {
		t.Errorf("only %d kills: the test proves little", kills)
	}
}

// once is a store that does something before a Load, one time.
type once struct {
	repository.Store
	before func()
}

func (s *once) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.Store.Load(ctx, load)
}

// A record that rows refer to is deleted after the rows were looked at and
// before they are stored: they are rejected after all.
func TestImportMeetsConcurrentDelete(t *testing.T) {
	overStores(t, meetsConcurrentDelete)
}

func meetsConcurrentDelete(t *testing.T, open func(*testing.T) repository.Store, _ int) {
	store := &once{Store: open(t)}
	api := newAPI(t, store)
	create(t, api, "categories", `{"id":5,"name":"Kites"}`)
	store.before = func() {
		if err := api.Delete(t.Context(), operator, "categories", "5", core.How{}); err != nil {
			t.Error(err)
		}
	}
	rejects := &memoryFile{}
	text := "asin,title,category_id\nB1,Kite,5\nB2,Kite,91\nB3,Kite,5\n"
	summary, err := api.Import(t.Context(), operator, core.ImportRequest{
		Collection: "products", Source: source("p.csv", text), MaxRejects: -1, Rejects: rejects,
	})
	want := []string{"2 category_id reference-missing", "4 category_id reference-missing"}
	if diff := cmp.Diff(want, rejects.lines(t)); err != nil || summary.Loaded != 1 || diff != "" {
		t.Errorf("got %+v, %v; rejects (-want +got):\n%s", summary, err, diff)
	}
}

// stopped runs an import that is killed behind its first batch.
func stopped(t *testing.T, api *core.API, store *once, req core.ImportRequest) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	store.before = func() { store.before = cancel }
	if _, err := api.Import(ctx, operator, req); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that the import was cancelled", err)
	}
}

func TestUnfinishedImports(t *testing.T) {
	newStopped := func(t *testing.T) (*core.API, core.ImportRequest) {
		store := &once{Store: newStore(t)}
		api := newAPI(t, store)
		req := core.ImportRequest{
			Collection: "products", Source: source("p.csv", products), MaxRejects: -1, BatchRows: 3, Rejects: &memoryFile{},
		}
		stopped(t, api, store, req)
		return api, req
	}

	t.Run("begun anew", func(t *testing.T) {
		api, req := newStopped(t)
		summary, err := api.Import(t.Context(), operator, req)
		if err != nil || !summary.Anew || summary.Resumed || summary.Loaded != 3 || summary.Rejected != 5 {
			t.Errorf("got %+v, %v, want a whole import, begun anew", summary, err)
		}
	})
	t.Run("resumed", func(t *testing.T) {
		api, req := newStopped(t)
		req.Resume = true
		summary, err := api.Import(t.Context(), operator, req)
		if err != nil || !summary.Resumed || summary.Anew || summary.Loaded != 3 || summary.Rejected != 5 {
			t.Errorf("got %+v, %v, want a resumed import", summary, err)
		}
	})
	t.Run("another collection is another import", func(t *testing.T) {
		api, req := newStopped(t)
		req.Collection, req.Source.Open, req.Resume = "categories", source("p.csv", "id,name\n1,a\n").Open, true
		if summary, err := api.Import(t.Context(), operator, req); err != nil || summary.Resumed {
			t.Errorf("got %+v, %v, want an import from the beginning", summary, err)
		}
	})
	t.Run("the source has changed", func(t *testing.T) {
		api, req := newStopped(t)
		req.Source, req.Resume = source("p.csv", products+"B7,Kite,,,91\n"), true
		_, err := api.Import(t.Context(), operator, req)
		wantFault(t, err, fault.Conflict, "source-changed")
		req.Resume = false
		if summary, err := api.Import(t.Context(), operator, req); err != nil || summary.Loaded != 4 {
			t.Errorf("from the beginning: got %+v, %v", summary, err)
		}
	})
	t.Run("the rejects file is another", func(t *testing.T) {
		api, req := newStopped(t)
		req.Rejects, req.Resume = &memoryFile{}, true
		_, err := api.Import(t.Context(), operator, req)
		wantFault(t, err, fault.Conflict, "rejects-changed")
	})
	t.Run("the rejects file is full", func(t *testing.T) {
		api, req := newStopped(t)
		file := req.Rejects.(*memoryFile)
		file.broken, req.Resume = io.ErrShortWrite, true
		_, err := api.Import(t.Context(), operator, req)
		wantFault(t, err, fault.Unavailable, "rejects-unwritable")
		file.broken = nil
		summary, err := api.Import(t.Context(), operator, req)
		if diff := cmp.Diff(productsRejected, file.lines(t)); err != nil || summary.Loaded != 3 || diff != "" {
			t.Errorf("once there is space: got %+v, %v; rejects (-want +got):\n%s", summary, err, diff)
		}
	})
}

// Of two imports of one source the one that began later wins, and the other
// stops before it stores anything more.
func TestImportIsTakenOver(t *testing.T) {
	overStores(t, isTakenOver)
}

func isTakenOver(t *testing.T, open func(*testing.T) repository.Store, _ int) {
	store := &once{Store: open(t)}
	api := newAPI(t, store)
	req := core.ImportRequest{Collection: "products", Source: source("p.csv", products), MaxRejects: -1, BatchRows: 3}
	var second ingest.Summary
	store.before = func() {
		var err error
		if second, err = api.Import(t.Context(), operator, req); err != nil {
			t.Error(err)
		}
	}
	_, err := api.Import(t.Context(), operator, req)
	wantFault(t, err, fault.Conflict, "import-taken-over")
	if second.Loaded != 3 || second.Rejected != 5 {
		t.Errorf("the later import: got %+v", second)
	}
}

// nowhere is a store that keeps nothing that is loaded.
type nowhere struct{ repository.Store }

func (s nowhere) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	_, err := s.Apply(ctx, load.Mark(len(load.Rows), nil))
	return repository.Loaded{Done: len(load.Rows)}, err
}

// The memory of an import does not grow with its source.
func TestImportMemory(t *testing.T) {
	peak := func(rows int) (most uint64) {
		api := newAPI(t, nowhere{newStore(t)})
		line := func(i int) string { return fmt.Sprintf("P%d,\"A kite, %s\",4.5,91\n", i, strings.Repeat("x", 100)) }
		src := source("p.csv", "")
		src.Open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(&lines{text: []byte("asin,title,stars,category_id\n"), rows: rows, line: line}), nil
		}
		_, err := api.Import(t.Context(), operator, core.ImportRequest{
			Collection: "products", Source: src,
			Progress: func(p ingest.Progress) {
				if p.Phase == ingest.Loading && p.Rows%20_000 == 0 {
					runtime.GC()
					var stats runtime.MemStats
					runtime.ReadMemStats(&stats)
					most = max(most, stats.HeapAlloc)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return most
	}
	const small, large = 60_000, 300_000
	few, many := peak(small), peak(large)
	if many > few+4<<20 || many > 32<<20 {
		t.Errorf("%d rows take %d octets, but %d rows take %d", small, few, large, many)
	}
}

// lines reads as text with many lines, made when they are read.
type lines struct {
	text    []byte
	i, rows int
	line    func(int) string
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.text) == 0 {
		if l.i == l.rows {
			return 0, io.EOF
		}
		l.text = []byte(l.line(l.i))
		l.i++
	}
	n := copy(p, l.text)
	l.text = l.text[n:]
	return n, nil
}
