package bootstrap

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// importOptions are the flags of import.
type importOptions struct {
	into, format, rejects string
	resume, dryRun        bool
	maxRejects            int64
	batch                 int
}

func (p *program) importCommand() *cobra.Command {
	var o importOptions
	command := &cobra.Command{
		Use:   "import SOURCE --into COLLECTION",
		Short: "Import a file of records",
		Long: `Import the rows of a CSV or NDJSON file, which may be compressed with gzip. Each
row is cleaned and checked; one that is not right goes to the rejects file, with
its line, its column and the reason, as a line of JSON.

An import that was ended, however it was, goes on with --resume. The exit code
is 3 if rows were rejected.

With --dry-run nothing is stored. As the ids of earlier rows are not kept then,
ids that occur twice are not looked for.`,
		Example: `  portolan import products.csv.gz --into products
  portolan import products.csv --into products --dry-run --json
  portolan import products.csv --into products --max-rejects 100 --rejects bad.ndjson
  portolan import products.csv --into products --resume`,
		Args: exactly("SOURCE"),
		RunE: func(c *cobra.Command, args []string) error {
			if wrong := o.outOfRange(); wrong != "" {
				return wrongUsage(c, wrong)
			}
			return p.importFile(c.Context(), args[0], o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.into, "into", "", "the collection")
	flags.StringVar(&o.format, "format", "", "csv or ndjson; without it the name of the file tells")
	flags.StringVar(&o.rejects, "rejects", "", "the file for rejected rows, or none; without it SOURCE.rejects.ndjson in the working directory")
	flags.BoolVar(&o.resume, "resume", false, "go on where an earlier import of this file was ended")
	flags.BoolVar(&o.dryRun, "dry-run", false, "do everything but store; ids that occur twice are not looked for")
	flags.Int64Var(&o.maxRejects, "max-rejects", -1, "stop when more rows than this are rejected; -1 never stops")
	flags.IntVar(&o.batch, "batch", 0, "rows that are stored at once, at most 50000; 0 is 3000")
	return require(command, "into")
}

// maxBatchRows is the most rows that an import stores at once.
const maxBatchRows = 50_000

// outOfRange returns a sentence about a number that cannot be meant, or the
// empty string.
func (o importOptions) outOfRange() string {
	switch {
	case o.batch < 0 || o.batch > maxBatchRows:
		return fmt.Sprintf("--batch %d is out of range: it is 1 to %d, or 0 for 3000", o.batch, maxBatchRows)
	case o.maxRejects < -1:
		return fmt.Sprintf("--max-rejects %d is out of range: it is 0 or more, or -1 never to stop", o.maxRejects)
	}
	return ""
}

func (p *program) importFile(ctx context.Context, path string, o importOptions) error {
	source, err := sourceFile(path, o.format)
	if err != nil {
		return err
	}
	return p.with(ctx, func(ctx context.Context, s *served) error {
		if err := s.mustLast(!o.dryRun, "an import"); err != nil {
			return err
		}
		if !slices.Contains(s.settings.Collections.names(), o.into) {
			return s.settings.noCollection(o.into)
		}
		rejects, err := openRejects(path, o)
		if err != nil {
			return err
		}
		progress := p.newProgress("importing " + filepath.Base(path))
		request := core.ImportRequest{
			Collection: o.into, Source: source, Resume: o.resume, DryRun: o.dryRun,
			MaxRejects: o.maxRejects, BatchRows: o.batch, Progress: progress.imported,
		}
		if rejects.file != nil {
			request.Rejects = rejects.file // a nil *os.File would be an interface that is not nil
		}
		var summary ingest.Summary
		load := func() (err error) {
			summary, err = s.api.Import(ctx, operator(), request)
			return err
		}
		if o.dryRun {
			err = load()
		} else {
			err = s.alone(ctx, load)
		}
		progress.end()
		if closing := rejects.close(); err == nil {
			err = closing
		}
		report := reportOf(summary, rejects.path)
		report.Hint = s.settings.importFirst(o.into, summary)
		return p.summarise(report, err)
	})
}

// sourceFile returns the file as a source of the format, if one is named.
func sourceFile(path, format string) (ingest.Source, error) {
	if path == "-" {
		return ingest.Source{}, fault.New(fault.Unsupported, "bootstrap.import", "standard input cannot be imported: an import reads its source twice, and again to resume").
			Hinting("write it to a file first, and import that")
	}
	switch known := ingest.Format(format); known {
	case "":
		return ingest.File(path)
	case ingest.CSV, ingest.NDJSON:
		return ingest.File(path, known)
	}
	return ingest.Source{}, badFormat(format)
}

func badFormat(format string) error {
	return fault.New(fault.Invalid, "bootstrap.format", "there is no format %s%s", format, unknown(format, "the formats", []string{"csv", "ndjson"}))
}

// mustLast refuses what needs a store that outlives this process.
func (s *served) mustLast(needed bool, what string) error {
	if !needed || s.store.Capabilities().Durable {
		return nil
	}
	return fault.New(fault.Refused, "bootstrap.mustLast", "%s needs a repository that outlives the command, which %s does not", what, s.settings.Repository.Driver).
		Hinting("choose another with --config, such as one of portolan init --profile sqlite")
}
