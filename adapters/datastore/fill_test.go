package datastore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// A fill that ended in between goes on behind what it had committed, and not with what
// another one is about; once it is done, nothing of it is left. It ends at a text that
// is too long for the index that is filled in. The first entity shows who was there:
// it loses the property again, as none does otherwise.
func TestFillGoesOn(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	text := schema.FieldSpec{Name: "text", Type: "string"}
	before := notes(t, 0, text)
	ensure(t, s, before)
	rows := make([]record.Record, 2*fillRows+1)
	for i := range rows {
		id := fmt.Sprintf("%03d", i)
		rows[i] = record.Record{ID: record.ID(id), Revision: "run-1", Fields: []record.Value{record.String(id), record.String("x")}}
	}
	rows[fillRows+1].Fields[1] = record.String(strings.Repeat("x", maxIndexed+1))
	if _, err := s.Load(t.Context(), repository.Load{Collection: before, Rows: rows, Run: "run-"}); err != nil {
		t.Fatal(err)
	}
	first := s.key("notes", "000")
	has := func(key *datastore.Key, name string) bool {
		t.Helper()
		var stored datastore.PropertyList
		if err := s.client.Get(t.Context(), key, &stored); err != nil {
			t.Fatal(err)
		}
		for _, p := range stored {
			if p.Name == name {
				return true
			}
		}
		return false
	}

	text.Max = "100"
	stars := schema.FieldSpec{Name: "stars", Type: "int"}
	wanted := notes(t, 0, text, stars)
	if err := s.Ensure(t.Context(), []*schema.Collection{wanted}); !errors.Is(err, fault.Conflict) {
		t.Fatalf("Ensure over a long text: %v, want %s", err, fault.Conflict)
	}
	if !has(first, "stars") || has(s.key("notes", "200"), "stars") {
		t.Fatal("it did not end in between")
	}
	if _, err := s.client.Put(t.Context(), first, &datastore.PropertyList{{Name: "text", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	put(t, s, before, string(rows[fillRows+1].ID), record.String("x"))
	ensure(t, s, wanted)
	if has(first, "stars") || !has(s.key("notes", "200"), "stars") {
		t.Error("the second fill begins at the first entity, or does not come to the last one")
	}
	if err := s.client.Get(t.Context(), s.key(progressKind, "notes"), &progress{}); !errors.Is(err, datastore.ErrNoSuchEntity) {
		t.Errorf("when it is done, how far it was is still there: %v", err)
	}

	// How far another one was says nothing of this one.
	if _, err := s.client.Put(t.Context(), s.key(progressKind, "notes"), &progress{Wanted: "{}", Last: s.key("notes", "200")}); err != nil {
		t.Fatal(err)
	}
	ensure(t, s, notes(t, 0, text, stars, schema.FieldSpec{Name: "more", Type: "int"}))
	if !has(first, "more") {
		t.Error("another fill does not begin at the first entity")
	}
}
