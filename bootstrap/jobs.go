package bootstrap

import (
	"context"
	"log/slog"

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

func openUploads(s *served, log *slog.Logger, opened *closers) (*core.Uploads, error) {
	uploads, err := core.NewUploads(core.UploadsConfig{
		API: s.api, Dir: s.spool(), MaxOctets: s.settings.Service.MaxImport,
		Broken: func(job string, err error) { log.Error("an import failed by a defect", "job", job, "error", err) },
		Warn:   func(job, what string, err error) { log.Warn(what, "job", job, "error", err) },
	})
	if err != nil {
		return nil, err
	}
	opened.addClose(uploads.Close)
	return uploads, nil
}

// A background is work that goes on from the start of the server to its stop.
type background struct {
	work   func(context.Context)
	cancel context.CancelFunc
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

func (b *background) start(ctx context.Context) error {
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(b.done)
		b.work(ctx)
	}()
	return nil
}

// stop ends the work and waits for that, as long as ctx allows.
func (b *background) stop(ctx context.Context) error {
	b.cancel()
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
