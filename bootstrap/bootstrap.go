// Package bootstrap wires the program together: it reads the configuration,
// opens the adapters that it names, and runs a command over them. Start at
// [Main]; the table of drivers is in drivers.go, and what is opened from what in
// ports.go. It is the only package that knows fx.
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/portolan-io/portolan/core/fault"
)

// Exit codes of the program.
const (
	exitOK      = 0
	exitFailed  = 1 // what was asked could not be done
	exitUsage   = 2 // the command line is not understood
	exitRejects = 3 // an import finished, but rejected rows
)

// Main runs the command that args, without the name of the program, ask for,
// and returns the exit code: 0 if it was done, 1 if it failed, 2 if the command
// line is wrong, 3 if an import finished with rejected rows. What a command
// produces goes to out; logs, progress and errors go to standard error.
//
// The drivers given are added to those that are part of the program. A first
// interrupt stops the command in good order, a second one at once.
func Main(args []string, out io.Writer, drivers ...Driver) int {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release) // from then on signals have their usual effect
	p := &program{out: out, err: os.Stderr, env: os.LookupEnv, drivers: append(builtin(), drivers...)}
	return p.run(ctx, args)
}

// A program is one run of the command line.
type program struct {
	out, err io.Writer
	env      environment
	drivers  []Driver

	configPath string // --config
	json       bool   // --json
}

// run runs the command and reports what went wrong.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.err != nil {
			p.report(exit.err)
		}
		return exit.code
	}
	p.report(err)
	return exitFailed
}

// An exitError ends the program with a code of its own. Without err there is
// nothing more to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// report writes an error as a person reads it: mistakes a line each, a fault
// as its sentence and what would help.
func (p *program) report(err error) {
	var wrong mistakes
	var classified *fault.Error
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(p.err, wrong.Error())
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(p.err, "portolan: stopped")
	case errors.As(err, &classified):
		fmt.Fprintf(p.err, "portolan: %s\n", classified.Detail)
		for _, place := range classified.Places {
			fmt.Fprintf(p.err, "  %s: %s\n", place.Pointer, place.Detail)
		}
		if classified.Hint != "" {
			fmt.Fprintf(p.err, "  %s\n", classified.Hint)
		}
		if cause := classified.Cause; cause != nil {
			fmt.Fprintf(p.err, "  because: %v\n", cause)
		}
	default:
		fmt.Fprintf(p.err, "portolan: %v\n", err)
	}
}

// wire opens what the task needs. task is a function whose parameters are
// taken from the graph; it is the one thing that fx invokes. If anything fails,
// what was opened is closed again; else that is the caller's duty.
func (p *program) wire(ctx context.Context, doc *document, opened *closers, task any) error {
	return p.wireIn(ctx, doc, opened, surroundings{}, task)
}

// wireIn is wire for a configuration that may follow another one.
func (p *program) wireIn(ctx context.Context, doc *document, opened *closers, in surroundings, task any) error {
	app := fx.New(
		graph(ctx, doc, p.drivers, p.env, opened),
		fx.Supply(logTo{p.err}, in),
		fx.Invoke(task),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }), // a failure is returned, and told once
	)
	if err := app.Err(); err != nil {
		return errors.Join(dig.RootCause(err), opened.close(ctx))
	}
	return nil
}

// with opens what the configuration describes, makes the storage fit it, does
// the task and closes everything again.
func (p *program) with(ctx context.Context, task func(context.Context, *served) error) (err error) {
	doc, err := p.document()
	if err != nil {
		return err
	}
	opened := &closers{}
	var s *served
	if err := p.wire(ctx, doc, opened, func(ready *served) { s = ready }); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	if err := s.store.Ensure(ctx, s.api.Schemas()); err != nil {
		return err
	}
	return task(ctx, s)
}
