package datastore

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// A write that the client does not take, or that what is stored forbids, was not sent:
// it is none of which nobody knows what is stored.
func TestUnsent(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c, other := planned(t), beside(t, s)
	ensure(t, s, c)
	put := func(c *schema.Collection, id string) error {
		fields := make([]record.Value, len(c.Fields))
		fields[0] = record.String(id)
		_, err := s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: record.ID(id), Revision: "r", Fields: fields}})
		return err
	}
	if err := put(c, "a"); err != nil {
		t.Fatal(err)
	}
	has := other.get(t, c.TableName(), "a")
	has["extra"] = array(text("i"), bare(text(strings.Repeat("x", 2000))))
	other.put(t, c.TableName(), "a", has)
	if err := put(c, "a"); !errors.Is(err, fault.Invalid) || fault.Of(err).Code != "refused" {
		t.Errorf("a write that the client does not take: %v, want %s with the code refused", err, fault.Invalid)
	}

	other.put(t, "kept", "a", properties{"n": text("five")})
	seen := theirs(t, "string", schema.FieldSpec{Name: "n", Type: "int"})
	ensure(t, s, seen)
	if err := put(seen, "a"); !errors.Is(err, fault.Conflict) || fault.Of(err).Code != "stored-value" {
		t.Errorf("a write over a value of another type: %v, want %s with the code stored-value", err, fault.Conflict)
	}
}
