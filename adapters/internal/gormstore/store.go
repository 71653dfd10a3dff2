// Package gormstore is what the SQL adapters have in common: how queries are
// written as SQL, how rows become records, and how a batch is applied. An
// adapter gives it a [Dialect] and an [Engine]. Start at [Store]; text.go and
// filter.go print, shape.go keeps what was printed, and find.go, aggregate.go,
// apply.go, load.go and ensure.go are the contract's methods.
//
// gorm makes the connections, quotes names, writes parameters, looks at tables
// and changes them. Everything else runs kept text on the driver.
package gormstore

import (
	"context"
	"errors"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// A Store is a repository.Store over an engine. It serves every query itself.
type Store struct {
	dialect *Dialect
	engine  Engine
	tables  sync.Map // *schema.Collection → *table
}

var _ repository.Store = (*Store)(nil)

// New returns a store, which closes the engine when it is closed.
func New(dialect *Dialect, engine Engine) *Store {
	return &Store{dialect: dialect, engine: engine}
}

// Capabilities returns that the store serves every query and is durable; an
// adapter that is not says so itself.
func (s *Store) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: true}
}

var ping = Statement{Text: "SELECT 1"}

// Ping runs the least of statements.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ready(ctx, "Ping"); err != nil {
		return err
	}
	err := s.engine.Read(ctx, Reading{}, func(session Session) error {
		return session.Query(ctx, &ping, nil, func(Cells) (bool, error) { return true, nil })
	})
	return s.fail(ctx, "Ping", err)
}

// Close closes the engine.
func (s *Store) Close() error { return s.engine.Close() }

// op names an operation of the adapter.
func (s *Store) op(method string) string { return s.dialect.Name + "." + method }

// ready returns the error of a done ctx or of a closed store. Each method that
// the contract names begins with it, so that no other error comes first.
func (s *Store) ready(ctx context.Context, method string) error {
	err := ctx.Err()
	if err == nil && s.engine.Closed() {
		err = ErrClosed
	}
	return s.fail(ctx, method, err)
}

// fail returns err as the contract wants it.
func (s *Store) fail(ctx context.Context, method string, err error) error {
	var classified *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return err
	case errors.Is(err, ErrClosed):
		return fault.New(fault.Unavailable, s.op(method), "%s", ErrClosed).Coded("closed")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return s.dialect.Classify(s.op(method), err)
}
