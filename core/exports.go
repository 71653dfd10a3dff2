package core

import (
	"bufio"
	"context"
	"io"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// An ExportRequest asks for the records of a collection to be written.
type ExportRequest struct {
	Collection string
	List       ListRequest // which records, in what order, with which fields; First, After and Count mean nothing here
	Format     ingest.Format
	To         io.Writer
	Progress   func(rows int64) // called now and then; nil is not
}

// Export writes the records that match and that the caller may read, and
// returns how many it wrote, which is right also if there is an error. The
// memory it takes does not depend on how many there are.
//
// NDJSON has a line of canonical JSON for each record, CSV is as
// [ingest.Writer] says; both are read back equal by Import. A record that is
// written while the export runs may be in it as it was or as it is.
func (a *API) Export(ctx context.Context, who policy.Principal, req ExportRequest) (int64, error) {
	c, right, err := a.gate(who, req.Collection, policy.Read)
	if err != nil {
		return 0, err
	}
	req.List.First, req.List.After = MaxFirst, ""
	q, err := c.narrow(req.List, right)
	if err != nil {
		return 0, err
	}
	write, flush, err := writing(req, &q)
	if err != nil {
		return 0, err
	}
	rows, err := a.each(ctx, c.stored(), q, write, req.Progress)
	if err == nil {
		err = unexported(flush())
	}
	return rows, err
}

// writing returns how to write one row and how to end, and makes the query ask
// for what that needs.
func writing(req ExportRequest, q *query.Query) (write func(record.Row) error, flush func() error, err error) {
	switch req.Format {
	case ingest.CSV:
		w := ingest.NewWriter(req.To, q.Names())
		q.Needs, q.Fields, q.As = q.Fields, nil, nil
		return func(row record.Row) error { return w.Write(row.Values) }, w.Flush, nil
	case ingest.NDJSON:
		w := bufio.NewWriterSize(req.To, 1<<16)
		return func(row record.Row) error {
			w.Write(row.JSON)
			return w.WriteByte('\n')
		}, w.Flush, nil
	}
	return nil, nil, fault.New(fault.Invalid, "core.Export", "there is no format %q", string(req.Format)).
		Coded("unknown-format").Hinting("the formats are csv and ndjson")
}

// each calls write with every row of the query, page by page.
func (a *API) each(ctx context.Context, c *collection, q query.Query, write func(record.Row) error, progress func(int64)) (int64, error) {
	var rows int64
	for {
		page, err := a.find(ctx, c, q)
		if err != nil {
			return rows, err
		}
		for _, row := range page.Rows {
			if err := write(row); err != nil {
				return rows, unexported(err)
			}
			rows++
		}
		if progress != nil {
			progress(rows)
		}
		if q.After = page.Next; q.After == "" {
			return rows, nil
		}
	}
}

// unexported is the error of what an export is written to.
func unexported(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.New(fault.Unavailable, "core.Export", "what the export is written to does not take it").
		Coded("export-unwritable").Because(err)
}
