package repository_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestPreconditionCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		p       repository.Precondition
		exists  bool
		current record.Revision
		want    fault.Kind
	}{
		{"zero", repository.Precondition{}, true, "r1", ""},
		{"zero", repository.Precondition{}, false, "", ""},
		{"Always", repository.Always, true, "r1", ""},
		{"Absent", repository.Absent, true, "r1", fault.Exists},
		{"Absent", repository.Absent, false, "", ""},
		{"Present", repository.Present, true, "r1", ""},
		{"Present", repository.Present, false, "", fault.NotFound},
		{"At r1", repository.At("r1"), true, "r1", ""},
		{"At r1", repository.At("r1"), true, "R1", fault.Stale},
		{"At r1", repository.At("r1"), false, "", fault.Stale},
		{"At nothing", repository.At(""), false, "", fault.Stale},
	} {
		err := tt.p.Check("test", tt.exists, tt.current)
		if got := fault.KindOf(err); got != tt.want {
			t.Errorf("%s of a record that exists (%t) at %q = %v, want %q", tt.name, tt.exists, tt.current, err, tt.want)
		}
	}
	if revision, ok := repository.At("r1").Revision(); revision != "r1" || !ok {
		t.Errorf("At(r1).Revision() = %q, %t", revision, ok)
	}
	if revision, ok := repository.Present.Revision(); revision != "" || ok {
		t.Errorf("Present.Revision() = %q, %t", revision, ok)
	}
}

func TestCheckBatch(t *testing.T) {
	a, b := &schema.Collection{Name: "a"}, &schema.Collection{Name: "b"}
	mutation := func(op repository.Op, c *schema.Collection, id record.ID) repository.Mutation {
		return repository.Mutation{Op: op, Collection: c, ID: id}
	}
	many := make([]repository.Mutation, repository.MaxBatch+1)
	for i := range many {
		many[i] = mutation(repository.Put, a, record.ID(fmt.Sprint(i)))
	}
	for _, tt := range []struct {
		name  string
		batch []repository.Mutation
		want  fault.Kind
		index int // of a BatchError; -1 if it is none
	}{
		{"nothing", nil, "", -1},
		{"as many as there may be", many[:repository.MaxBatch], "", -1},
		{"one too many", many, fault.TooLarge, -1},
		{"one id in two collections", []repository.Mutation{mutation(repository.Put, a, "x"), mutation(repository.Put, b, "x")}, "", -1},
		{"Checks and a Put", []repository.Mutation{mutation(repository.Check, a, "x"), mutation(repository.Put, a, "x"), mutation(repository.Check, a, "x")}, "", -1},
		{"two Puts", []repository.Mutation{mutation(repository.Put, a, "x"), mutation(repository.Put, a, "y"), mutation(repository.Put, a, "x")}, fault.Invalid, 2},
		{"a Delete and a Put", []repository.Mutation{mutation(repository.Delete, a, "x"), mutation(repository.Put, a, "x")}, fault.Invalid, 1},
	} {
		err := repository.CheckBatch("test", tt.batch)
		if got := fault.KindOf(err); got != tt.want {
			t.Errorf("CheckBatch of %s = %v, want %q", tt.name, err, tt.want)
		}
		index := -1
		if failed := (*repository.BatchError)(nil); errors.As(err, &failed) {
			index = failed.Index
		}
		if index != tt.index {
			t.Errorf("CheckBatch of %s fails at %d, want %d", tt.name, index, tt.index)
		}
	}
}
