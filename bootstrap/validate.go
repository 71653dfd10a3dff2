package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core/fault"
)

func (p *program) validateCommand() *cobra.Command {
	var offline bool
	var indexes string
	command := &cobra.Command{
		Use:   "validate",
		Short: "Check a configuration",
		Long: `Check a configuration in three stages: its schema (keys, types, drivers), its
meaning (collections, references, policies) and the connectivity of what it names
(secrets are read, adapters are opened and asked, and tables are compared with the
collections). No table is made or changed, but a database in a file that is not
there yet is made, without tables. A stage is reached if those before it pass. The
exit code is 1 if one does not. Warnings tell what works and could be better.

Datastore has to be given its indexes, and --indexes writes the file that gcloud
takes. It follows from the configuration alone, so connectivity is left out: no
database, network or credentials are needed. A file that is there is replaced.`,
		Example: "  portolan validate -c portolan.yaml\n  portolan validate --offline --json\n  portolan validate --indexes index.yaml && gcloud datastore indexes create index.yaml",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("indexes") && indexes == "" {
				return wrongUsage(c, "--indexes names no file; index.yaml is usual")
			}
			return p.validate(c.Context(), offline || indexes != "", indexes)
		},
	}
	command.Flags().BoolVar(&offline, "offline", false, "leave out connectivity")
	command.Flags().StringVar(&indexes, "indexes", "", "write the indexes that the repository has to be given to a file, as index.yaml of Datastore, and leave out connectivity")
	return command
}

// A stage is one part of a validation and what came of it.
type stage struct {
	Stage    string        `json:"stage"`
	Status   string        `json:"status"` // ok, failed or skipped
	Mistakes mistakes      `json:"mistakes,omitempty"`
	Problem  string        `json:"problem,omitempty"`
	Places   []fault.Place `json:"places,omitempty"` // what the problem is about
	Warnings []string      `json:"warnings,omitempty"`
	err      error         // what Mistakes or Problem says
	settings *settings     // what the stage read
}

func (p *program) validate(ctx context.Context, offline bool, indexes string) error {
	stages := p.stages(ctx, offline, indexes)
	ok := true
	for _, s := range stages {
		ok = ok && s.err == nil
	}
	if p.json {
		if err := p.printJSON(map[string]any{"ok": ok, "stages": stages}); err != nil {
			return err
		}
	} else {
		for _, s := range stages {
			fmt.Fprintf(p.out, "%-13s %s\n", s.Stage, s.Status)
			for _, warning := range s.Warnings {
				fmt.Fprintf(p.out, "  warning: %s\n", warning)
			}
		}
	}
	if ok {
		return nil
	}
	if p.json {
		return &exitError{code: exitFailed} // the report has said it
	}
	return stages[firstFailed(stages)].err
}

func firstFailed(stages []stage) int {
	for i, s := range stages {
		if s.err != nil {
			return i
		}
	}
	return len(stages)
}

// stages goes through the stages until one fails; the rest are skipped. If indexes
// names a file, to write it is a stage of its own.
func (p *program) stages(ctx context.Context, offline bool, indexes string) []stage {
	stages := []stage{{Stage: "schema"}, {Stage: "meaning"}}
	steps := []func() error{
		func() (err error) { stages[0].settings, err = p.readOffline(); return err },
		func() error { _, err := stages[0].settings.collections(); return err },
	}
	if indexes != "" {
		stages = append(stages, stage{Stage: "indexes"})
		steps = append(steps, func() error { return stages[0].settings.writeIndexFile(indexes) })
	}
	last := len(stages)
	stages = append(stages, stage{Stage: "connectivity"})
	steps = append(steps, func() (err error) {
		stages[last].Warnings, err = p.connect(ctx, stages[0].settings.document)
		return err
	})
	failed := false
	for i := range stages {
		if failed || offline && stages[i].Stage == "connectivity" {
			stages[i].Status = "skipped"
			continue
		}
		err := steps[i]()
		stages[i].Status = "ok"
		if failed = err != nil; failed {
			stages[i].fail(err)
		}
	}
	return stages
}

func (s *stage) fail(err error) {
	s.Status, s.err = "failed", err
	if !errors.As(err, &s.Mistakes) {
		s.Problem, s.Places = fault.Of(err).Detail, fault.Of(err).Places
	}
}

// readOffline reads the configuration as far as its schema goes.
func (p *program) readOffline() (*settings, error) {
	doc, err := p.document()
	if err != nil {
		return nil, err
	}
	if err := checkDrivers(p.drivers); err != nil {
		return nil, err
	}
	return doc.read(p.drivers, p.env, nil)
}

// connect opens everything, asks whether it answers and whether its tables fit,
// and closes it again. It returns warnings too.
func (p *program) connect(ctx context.Context, doc *document) (warnings []string, err error) {
	opened := &closers{}
	var s *served
	if _, err := p.wire(ctx, doc, opened, func(ready *served) { s = ready }); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	if err := s.store.Ping(ctx); err != nil {
		return nil, err
	}
	return s.tables.inspect(ctx, s.api.Schemas())
}
