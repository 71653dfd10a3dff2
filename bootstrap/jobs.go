package bootstrap

import (
	"context"
	"log/slog"
	"sync"

	"github.com/portolan-io/portolan/core"
)

// spoolBeside is what the directory for imports adds to the path of the file that
// a store keeps everything in.
const spoolBeside = ".imports"

// spoolAnywhere is where imports are if a store that outlives the process has no
// such file.
const spoolAnywhere = "portolan.imports"

// spool returns the directory for what is imported over HTTP. It belongs to one
// store: what no job of the store knows is removed. A store that ends with the
// process needs none that lasts.
func (s *served) spool() string {
	switch {
	case s.settings.Service.Spool != "":
		return s.settings.Service.Spool
	case !s.store.Capabilities().Durable:
		return ""
	case s.tables.located != nil:
		return s.tables.located.Path() + spoolBeside
	}
	return spoolAnywhere
}

// openUploads opens the directory for imports, which is one for all configurations over the
// same store.
func openUploads(s *served, log *slog.Logger, opened *closers) (*importing, error) {
	key := "uploads " + s.spool() + " " + s.settings.repository.key()
	return lend(opened, key, func(own *closers) (*importing, error) { return newUploads(s, log, own) })
}

func newUploads(s *served, log *slog.Logger, opened *closers) (*importing, error) {
	uploads, err := core.NewUploads(core.UploadsConfig{
		API: s.api, Dir: s.spool(), MaxOctets: s.settings.Service.MaxImport,
		Broken: func(job string, err error) { log.Error("an import failed by a defect", "job", job, "error", err) },
		Warn:   func(job, what string, err error) { log.Warn(what, "job", job, "error", err) },
	})
	if err != nil {
		return nil, err
	}
	i := &importing{Uploads: uploads, background: importer(uploads, log)}
	opened.addClose(uploads.Close)
	opened.add(i.stop)
	return i, nil
}

// An importing is what imports what callers send: for all configurations that have the same
// store and the same directory.
type importing struct {
	*core.Uploads
	*background
	once sync.Once
}

// begin has it go by the generation, and begin if it did not yet.
func (i *importing) begin(ctx context.Context, g *generation) {
	i.Serve(g.api, g.settings.Service.MaxImport, func() (func(), bool) { return g.leave, g.enter() })
	i.once.Do(func() { i.start(ctx) })
}

// A background is work that goes on until it is stopped.
type background struct {
	work   func(context.Context)
	cancel context.CancelFunc // nil before the start
	done   chan struct{}
}

// importer is the background that imports what was sent.
func importer(uploads *core.Uploads, log *slog.Logger) *background {
	return &background{done: make(chan struct{}), work: func(ctx context.Context) {
		if err := uploads.Work(ctx); err != nil {
			log.Error("imports of an earlier process are not gone on with; a restart tries again", "error", err)
		}
	}}
}

func (b *background) start(ctx context.Context) {
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(b.done)
		b.work(ctx)
	}()
}

// stop ends the work and waits for that, as long as ctx allows.
func (b *background) stop(ctx context.Context) error {
	if b.cancel == nil {
		return nil
	}
	b.cancel()
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
