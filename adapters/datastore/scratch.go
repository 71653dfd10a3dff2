package datastore

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/ports/repository"
)

// Scratch opens a store in a new namespace of the same database, of which everything is
// deleted when it is closed.
func (s *Store) Scratch(ctx context.Context) (repository.Store, error) {
	cfg := s.cfg
	cfg.Namespace = "portolan-contract-" + rand.Text()
	made, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &scratch{Store: made, from: s}, nil
}

// A scratch is a store that is removed when it is closed.
type scratch struct {
	*Store
	from *Store
	once sync.Once
	err  error
}

// Close closes the store and deletes all that is in it.
func (s *scratch) Close() error {
	s.once.Do(func() { s.err = errors.Join(s.Store.Close(), s.from.empty(context.Background(), s.cfg.Namespace)) })
	return s.err
}

// empty deletes all entities of the kinds that were made in the namespace.
func (s *Store) empty(ctx context.Context, namespace string) error {
	kinds, err := s.client.GetAll(ctx, datastore.NewQuery(columnsKind).Namespace(namespace).KeysOnly(), nil)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := s.remove(ctx, datastore.NewQuery(kind.Name).Namespace(namespace)); err != nil {
			return err
		}
	}
	return errors.Join(
		s.remove(ctx, datastore.NewQuery(progressKind).Namespace(namespace)),
		s.remove(ctx, datastore.NewQuery(columnsKind).Namespace(namespace)),
	)
}

// remove deletes what the query finds, some at a time.
func (s *Store) remove(ctx context.Context, q *datastore.Query) error {
	for {
		keys, err := s.client.GetAll(ctx, q.KeysOnly().Limit(maxWrites), nil)
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := s.client.DeleteMulti(ctx, keys); err != nil {
			return err
		}
	}
}
