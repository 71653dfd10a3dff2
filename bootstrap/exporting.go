package bootstrap

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// exportOptions are the flags of export.
type exportOptions struct {
	to, format, filter, fields string
}

func (p *program) exportCommand() *cobra.Command {
	var o exportOptions
	command := &cobra.Command{
		Use:   "export COLLECTION --to DEST",
		Short: "Export records to a file",
		Long: `Export the records of a collection to a CSV or NDJSON file, compressed if its
name ends with .gz. The file appears when it is complete. A DEST of - is
standard output.`,
		Example: `  portolan export products --to products.csv.gz
  portolan export products --to cheap.ndjson --filter 'price lt 10' --select asin,title,price
  portolan export products --to - --format ndjson | head`,
		Args: exactly("COLLECTION"),
		RunE: func(c *cobra.Command, args []string) error { return p.exportTo(c.Context(), args[0], o) },
	}
	flags := command.Flags()
	flags.StringVar(&o.to, "to", "", "the file, or - for standard output")
	flags.StringVar(&o.format, "format", "", "csv or ndjson; without it the name of the file tells")
	flags.StringVar(&o.filter, "filter", "", "only records that match, in the query language")
	flags.StringVar(&o.fields, "select", "", "only these fields, as in asin,title")
	return require(command, "to")
}

func (p *program) exportTo(ctx context.Context, collection string, o exportOptions) error {
	format, zipped, err := destination(o)
	if err != nil {
		return err
	}
	return p.with(ctx, func(ctx context.Context, s *served) error {
		if err := s.mustLast(true, "an export"); err != nil {
			return err
		}
		progress := p.newProgress("exporting " + collection)
		request := core.ExportRequest{
			Collection: collection, Format: format, Progress: progress.exported,
			List: core.ListRequest{Filter: o.filter, Select: o.fields, Long: true},
		}
		var n int64
		err := p.writeTo(o.to, zipped, func(to io.Writer) (err error) {
			request.To = to
			n, err = s.api.Export(ctx, operator(), request)
			return err
		})
		progress.end()
		if err != nil || o.to == "-" {
			return err
		}
		if p.json {
			return p.printJSON(map[string]any{"collection": collection, "file": o.to, "records": n})
		}
		fmt.Fprintf(p.out, "exported %s to %s\n", records(n), o.to)
		return nil
	})
}

// destination returns the format of an export, and whether it is compressed.
func destination(o exportOptions) (ingest.Format, bool, error) {
	switch format := ingest.Format(o.format); {
	case format == ingest.CSV || format == ingest.NDJSON:
		return format, filepath.Ext(o.to) == ".gz", nil
	case format != "":
		return "", false, badFormat(o.format)
	case o.to == "-":
		return "", false, fault.New(fault.Invalid, "bootstrap.export", "standard output has no name to tell the format").Hinting("name it with --format csv or ndjson")
	}
	return ingest.FormatOf(o.to)
}

// writeTo lets write make the file of the given path. It is made beside it
// under another name first, so that there is never half of it.
func (p *program) writeTo(path string, zipped bool, write func(io.Writer) error) error {
	if path == "-" {
		return compressed(p.out, zipped, write)
	}
	if err := replaceable(path); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fault.New(fault.Unavailable, "bootstrap.export", "the file %s cannot be written", path).Because(err)
	}
	buffered := bufio.NewWriterSize(file, 1<<18)
	err = compressed(buffered, zipped, write)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// replaceable refuses to replace a file whose name does not say that it is an
// export: it is more likely something that would be missed.
func replaceable(path string) error {
	if err := ours(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		return nil // there is none, or writing it will say what is wrong
	}
	if _, _, err := ingest.FormatOf(path); err != nil {
		return fault.New(fault.Refused, "bootstrap.export", "%s is there already, and its name is not that of an export", path).
			Coded("not-ours").Hinting("name a file that ends with .csv, .ndjson or .jsonl, or remove this one first")
	}
	return nil
}

func compressed(to io.Writer, zipped bool, write func(io.Writer) error) error {
	if !zipped {
		return write(to)
	}
	zip := gzip.NewWriter(to)
	if err := write(zip); err != nil {
		return err
	}
	return zip.Close()
}
