package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/limit/limittest"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

func (p *program) contractCommand() *cobra.Command {
	var to string
	command := &cobra.Command{
		Use:   "contract",
		Short: "Prove the adapters that a configuration names",
		Long: `Run the suites of the ports over the repository, the cache and the limiter that a
configuration names, as they are configured: over the same server, with the same
user and settings. Each case has a place of its own there, apart from all records,
which is removed in the end: a schema in PostgreSQL, a file beside that of SQLite.
The user must be allowed to make one.

Each case quotes the clause of the port's contract that it proves. The exit code is
1 if one fails. Suites that would need to change what an adapter holds are not run:
those of secrets, auth and telemetry are proved by the tests of their packages.`,
		Example: "  portolan contract -c portolan.yaml\n  portolan contract --json > report.json",
		Args:    exactly(),
		RunE:    func(c *cobra.Command, _ []string) error { return p.contract(c.Context(), to) },
	}
	command.Flags().StringVar(&to, "report", "", "a file for the report, as JSON")
	return command
}

func (p *program) contract(ctx context.Context, to string) (err error) {
	doc, err := p.document()
	if err != nil {
		return err
	}
	opened := &closers{}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	settings, err := openSettings(ctx, doc, unopened{Drivers: p.drivers}, p.env, logTo{p.err}, opened)
	if err != nil {
		return err
	}
	reports, err := p.prove(ctx, settings)
	if err != nil {
		return err
	}
	if to != "" {
		if err := p.writeReport(to, reports); err != nil {
			return err
		}
	}
	if p.json {
		if err := p.printJSON(reports); err != nil {
			return err
		}
	}
	for _, report := range reports {
		if report.Failed > 0 {
			return &exitError{code: exitFailed} // the report has said it
		}
	}
	return ctx.Err()
}

// prove runs the suites.
func (p *program) prove(ctx context.Context, s *settings) ([]contract.Report, error) {
	place, err := placeOf(ctx, s)
	if err != nil {
		return nil, err
	}
	defer place.close()
	reports := []contract.Report{contract.Prove(ctx, "repository", s.repository.name, repositorytest.Cases(), place.open, p.tell("repository"))}
	if s.Cache.given() {
		reports = append(reports, contract.Prove(ctx, "cache", s.cache.name, cachetest.Cases(), func(t contract.T) cache.Cache {
			return openForSuite(t, s.cache, cachetest.Scratching.Scratch)
		}, p.tell("cache")))
	}
	if s.Limit.given() {
		reports = append(reports, contract.Prove(ctx, "limit", s.limit.name, limittest.Cases, func(t contract.T) limit.Limiter {
			return openForSuite(t, s.limit, limittest.Scratching.Scratch)
		}, p.tell("limit")))
	}
	for _, report := range reports {
		if !p.json {
			fmt.Fprintf(p.out, "%-10s %-10s %d passed, %d failed\n", report.Port, report.Driver, report.Passed, report.Failed)
		}
	}
	return reports, nil
}

// openForSuite opens the adapter for a case, in a place of its own if it can make one
// (S) on the server that it is on. It is closed with the case.
func openForSuite[P io.Closer, S any](t contract.T, driver Driver, scratch func(S, context.Context) (P, error)) P {
	adapter, err := open[P](t.Context(), driver)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = adapter.Close() })
	shared, ok := any(adapter).(S)
	if !ok {
		return adapter
	}
	made, err := scratch(shared, t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// tell returns what prints the cases that failed, as they end.
func (p *program) tell(port string) func(contract.Result) {
	return func(r contract.Result) {
		if r.Passed || p.json {
			return
		}
		fmt.Fprintf(p.out, "%s %s failed, which proves %q:\n", port, r.Name, r.Clause)
		for _, failure := range r.Failures {
			fmt.Fprintf(p.out, "  %s\n", failure)
		}
	}
}

// writeReport writes the reports to the file.
func (p *program) writeReport(to string, reports []contract.Report) error {
	file, err := os.Create(to)
	if err != nil {
		return fault.New(fault.Unavailable, "bootstrap.contract", "the report %s cannot be written", to).Because(err)
	}
	written := *p
	written.out = file
	if err := written.printJSON(reports); err != nil {
		_ = file.Close() // what failed is told
		return err
	}
	return file.Close()
}

// A place is where the suite has its stores: one is opened for each case.
type place struct {
	open  func(t contract.T) repository.Store
	close func()
}

// placeOf returns where the configured store lets the suite be. What ends with the
// process is opened anew for each case.
func placeOf(ctx context.Context, s *settings) (place, error) {
	store, err := open[repository.Store](ctx, s.repository)
	if err != nil {
		return place{}, err
	}
	made := place{close: func() { _ = store.Close() }} // nothing was written
	opened := func(make func(ctx context.Context) (repository.Store, error)) func(t contract.T) repository.Store {
		return func(t contract.T) repository.Store {
			fresh, err := make(t.Context())
			if err != nil {
				t.Fatalf("%v", err)
			}
			t.Cleanup(func() {
				if err := fresh.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			return fresh
		}
	}
	switch scratching, ok := store.(repositorytest.Scratching); {
	case ok:
		made.open = opened(scratching.Scratch)
	case !store.Capabilities().Durable:
		made.open = opened(func(ctx context.Context) (repository.Store, error) { return open[repository.Store](ctx, s.repository) })
	default:
		made.close()
		return place{}, fault.New(fault.Unsupported, "bootstrap.contract", "the driver %s has no place for the suite apart from its records", s.repository.name).
			Hinting("its Store needs a method Scratch, as repositorytest.Scratching has it")
	}
	return made, nil
}
