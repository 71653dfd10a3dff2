package datastore

import (
	"crypto/rand"
	"testing"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// A scratch store leaves nothing behind.
func TestScratch(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	made, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := planned(t)
	if err := made.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	fields := make([]record.Value, len(c.Fields))
	fields[0] = record.String("a")
	if _, err := made.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "a", Revision: "r", Fields: fields}}); err != nil {
		t.Fatal(err)
	}
	namespace := made.(*scratch).cfg.Namespace
	if n := entitiesIn(t, s, namespace); n != 2 {
		t.Errorf("%d entities are there before the end, want 2", n)
	}
	for range 2 {
		if err := made.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := entitiesIn(t, s, namespace); n != 0 {
		t.Errorf("%d entities are left, want none", n)
	}
}

// entitiesIn returns how many there are of the records, and of their columns.
func entitiesIn(t *testing.T, s *Store, namespace string) (n int) {
	t.Helper()
	for _, kind := range []string{"products", columnsKind} {
		keys, err := s.client.GetAll(t.Context(), datastore.NewQuery(kind).Namespace(namespace).KeysOnly(), nil)
		if err != nil {
			t.Fatal(err)
		}
		n += len(keys)
	}
	return n
}
