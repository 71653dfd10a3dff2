package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// A twice is an engine that reads everything a second time, as one does that looks into
// a replica first. The first time may end anywhere, and fail.
type twice struct {
	gormstore.Engine
	rows int // until the first time ends
}

var errCutShort = errors.New("the first time ends here")

func (e *twice) Read(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	e.rows = (e.rows + 1) % 5
	_ = e.Engine.Read(ctx, how, func(s gormstore.Session) error { return do(&cutShort{s, e.rows}) })
	return e.Engine.Read(ctx, how, do)
}

func (e *twice) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	e.rows = (e.rows + 1) % 5
	_ = e.Engine.Scan(ctx, how, func(s gormstore.Session) error { return do(&cutShort{s, e.rows}) })
	return e.Engine.Scan(ctx, how, do)
}

type cutShort struct {
	gormstore.Session
	rows int
}

func (s *cutShort) Query(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) error {
	return s.Session.Query(ctx, kept, args, func(cells gormstore.Cells) (bool, error) {
		if s.rows--; s.rows == 0 {
			return false, errCutShort
		}
		return each(cells)
	})
}

// TestReadsMayBeginAnew runs the cases of the suite that read.
func TestReadsMayBeginAnew(t *testing.T) {
	cases := slices.DeleteFunc(repositorytest.Cases(), func(c repositorytest.Case) bool {
		kind, _, _ := strings.Cut(c.Name, "/")
		return !slices.Contains([]string{"Get", "Find", "Aggregate"}, kind)
	})
	contract.Run(t, cases, func(t *testing.T) repository.Store {
		e, err := open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "test.db"), MaxConns: 2, Synchronous: "normal", BusyTimeout: 1e9})
		if err != nil {
			t.Fatal(err)
		}
		store := gormstore.New(&dialect, &twice{Engine: e})
		t.Cleanup(func() { store.Close() })
		return store
	})
}
