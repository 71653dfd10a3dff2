package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

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
is 3 if rows were rejected.`,
		Example: `  portolan import products.csv.gz --into products
  portolan import products.csv --into products --dry-run --json
  portolan import products.csv --into products --max-rejects 100 --rejects bad.ndjson
  portolan import products.csv --into products --resume`,
		Args: exactly("SOURCE"),
		RunE: func(c *cobra.Command, args []string) error { return p.importFile(c.Context(), args[0], o) },
	}
	flags := command.Flags()
	flags.StringVar(&o.into, "into", "", "the collection")
	flags.StringVar(&o.format, "format", "", "csv or ndjson; without it the name of the file tells")
	flags.StringVar(&o.rejects, "rejects", "", "the file for rejected rows, or none; without it SOURCE.rejects.ndjson in the working directory")
	flags.BoolVar(&o.resume, "resume", false, "go on where an earlier import of this file was ended")
	flags.BoolVar(&o.dryRun, "dry-run", false, "do everything but store")
	flags.Int64Var(&o.maxRejects, "max-rejects", -1, "stop when more rows than this are rejected; -1 never stops")
	flags.IntVar(&o.batch, "batch", 0, "rows that are stored at once; 0 is 2000")
	return require(command, "into")
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
		summary, err := s.api.Import(ctx, operator(), request)
		progress.end()
		if closing := rejects.close(); err == nil {
			err = closing
		}
		return p.summarise(summary, rejects.path, err)
	})
}

// sourceFile returns the file as a source of the format, if one is named.
func sourceFile(path, format string) (ingest.Source, error) {
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

// A rejectsFile is where rejected rows go.
type rejectsFile struct {
	file *os.File // nil if they are only counted
	path string
}

// openRejects opens the file for rejected rows: empty, or as it was if the
// import resumes. It may hold personal data, so only its owner may read it.
func openRejects(source string, o importOptions) (rejectsFile, error) {
	path := o.rejects
	if path == "none" || path == "" && o.dryRun {
		return rejectsFile{}, nil
	}
	if path == "" {
		path = filepath.Base(source) + ".rejects.ndjson"
	}
	mode := os.O_RDWR | os.O_CREATE
	if !o.resume {
		mode |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return rejectsFile{}, fault.New(fault.Unavailable, "bootstrap.openRejects", "the rejects file %s cannot be opened", path).Because(err)
	}
	return rejectsFile{file, path}, nil
}

// close closes the file, and removes it if there is nothing in it.
func (r *rejectsFile) close() error {
	if r.file == nil {
		return nil
	}
	info, err := r.file.Stat()
	err = errors.Join(err, r.file.Close())
	if err == nil && info.Size() == 0 {
		err = os.Remove(r.path)
		r.path = ""
	}
	return err
}

// importReport is the summary of an import as JSON.
type importReport struct {
	Job      string           `json:"job"`
	Rows     int64            `json:"rows"`
	Loaded   int64            `json:"loaded"`
	Rejected int64            `json:"rejected"`
	ByCode   map[string]int64 `json:"rejectedByCode,omitempty"`
	Rejects  string           `json:"rejectsFile,omitempty"`
	Seconds  float64          `json:"seconds"`
	Resumed  bool             `json:"resumed"`
	Finished bool             `json:"finishedBefore"`
	DryRun   bool             `json:"dryRun"`
}

// summarise says what an import did, and ends the program as that asks for.
func (p *program) summarise(s ingest.Summary, rejects string, failure error) error {
	if p.json {
		report := importReport{s.Job, s.Rows, s.Loaded, s.Rejected, s.ByCode, rejects, s.Elapsed.Seconds(), s.Resumed, s.Finished, s.DryRun}
		if err := p.printJSON(report); err != nil {
			return errors.Join(failure, err)
		}
	} else {
		p.printSummary(s, rejects)
	}
	switch {
	case errors.Is(failure, context.Canceled):
		return fault.New(fault.Unavailable, "bootstrap.import", "the import was interrupted").Hinting("the same command with --resume goes on")
	case failure != nil:
		return failure
	case s.Rejected > 0:
		return &exitError{code: exitRejects}
	}
	return nil
}

func (p *program) printSummary(s ingest.Summary, rejects string) {
	if s.Finished {
		fmt.Fprintln(p.out, "this import had finished already; nothing was done")
	}
	if s.Anew {
		fmt.Fprintln(p.out, "an earlier import of this file was not finished; this one began again, without --resume")
	}
	verb := "loaded"
	if s.DryRun {
		verb = "valid"
	}
	fmt.Fprintf(p.out, "%s %d, rejected %d, of %d rows in %s\n", verb, s.Loaded, s.Rejected, s.Rows, s.Elapsed.Round(time.Millisecond))
	for _, code := range slices.Sorted(maps.Keys(s.ByCode)) {
		fmt.Fprintf(p.out, "  %-20s %d\n", code, s.ByCode[code])
	}
	if s.Rejected > 0 && rejects != "" {
		fmt.Fprintf(p.out, "the rejected rows are in %s\n", rejects)
	}
}
