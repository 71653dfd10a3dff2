package sqlite

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
)

// Scrub takes out of the files of the database what was overwritten and deleted: pages that are
// free, the rests of others, and the log. For that the database is written anew, about 200 MB in a
// second, with as much room beside it; others read meanwhile, and who writes waits, here and in other
// processes. Files that a file system keeps copies of, and backups, are not its matter.
//
// A reader of another process that does not end within busy_timeout keeps the log as it is:
// that is fault.Unavailable, and Scrub may be called again.
func (s *Store) Scrub(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e := s.engine
	err := e.with(ctx, e.writer, func(*session) error { return e.scrub(ctx) })
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, gormstore.ErrClosed):
		return fault.New(fault.Unavailable, "sqlite.Scrub", "the store is closed")
	}
	return classify("sqlite.Scrub", err)
}

// scrub does it on a connection of its own, which keeps what VACUUM writes beside in a file.
func (e *engine) scrub(ctx context.Context) error {
	if e.file == nil {
		return nil
	}
	s, err := e.connect(ctx, e.db)
	if err != nil {
		return err
	}
	s.raw.SetInterrupt(ctx)
	if err = e.file.inPlace(); err == nil {
		err = s.raw.Exec("PRAGMA temp_store = FILE; VACUUM")
	}
	if err == nil {
		_, _, err = s.raw.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	}
	s.raw.SetInterrupt(context.Background())
	return errors.Join(err, s.close())
}
