package repositorytest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Positions of the fields of [things].
const (
	fieldID = iota
	fieldInt
	fieldText
	fieldFloat
	fieldDecimal
	fieldBool
	fieldTime
	fieldBytes
	fieldTags
	fieldCounts
	fieldJSON
	fieldLong
)

// things is a collection with a string id and a field of every type. Its text
// is short enough for every store to order by, its long one is not.
var things = sync.OnceValue(func() *schema.Collection {
	return built(schema.Spec{
		Name: "things", ID: "id",
		Fields: []schema.FieldSpec{
			{Name: "id", Type: "string"},
			{Name: "whole", Type: "int"},
			{Name: "text", Type: "string", Max: "200"},
			{Name: "real", Type: "float"},
			{Name: "price", Type: "decimal", Precision: 18, Scale: 2},
			{Name: "flag", Type: "bool"},
			{Name: "at", Type: "time"},
			{Name: "octets", Type: "bytes"},
			{Name: "tags", Type: "list", Items: "string"},
			{Name: "counts", Type: "list", Items: "int"},
			{Name: "doc", Type: "json"},
			{Name: "long", Type: "string"},
		},
		Indexes: [][]string{
			{"whole", "text desc"}, {"text"}, {"real"}, {"price"}, {"flag"}, {"at"},
			{"whole desc"}, {"whole"}, {"text desc"},
		},
	})
})

// numbers is a collection with an int id.
var numbers = sync.OnceValue(func() *schema.Collection {
	return built(schema.Spec{
		Name: "numbers", ID: "id",
		Fields:  []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "name", Type: "string", Max: "100"}},
		Indexes: [][]string{{"name"}},
	})
})

// built returns the collection that spec describes. The suite's are right, or
// no case means anything.
func built(spec schema.Spec) *schema.Collection {
	c, err := schema.New(spec)
	if err != nil {
		panic(fmt.Sprintf("repositorytest: the collection %s: %v", spec.Name, err))
	}
	return c
}

// A set gives a thing a value other than null.
type set map[int]record.Value

// thing returns the record of things with the id, at revision r1, with the values.
func thing(id string, values set) record.Record {
	fields := make([]record.Value, len(things().Fields))
	fields[fieldID] = record.String(id)
	for field, v := range values {
		fields[field] = v
	}
	return record.Record{ID: record.ID(id), Revision: "r1", Fields: fields}
}

// wholes returns the things of the given ids, whose whole numbers count from 1 on.
func wholes(ids ...string) []record.Record {
	records := make([]record.Record, len(ids))
	for i, id := range ids {
		records[i] = thing(id, set{fieldInt: record.Int(int64(i + 1))})
	}
	return records
}

// number returns the record of numbers with the id and name.
func number(id int64, name string) record.Record {
	return record.Record{
		ID: record.ID(strconv.FormatInt(id, 10)), Revision: "r1",
		Fields: []record.Value{record.Int(id), record.String(name)},
	}
}

// numbered returns n things whose ids are in their order.
func numbered(n int) []record.Record {
	records := make([]record.Record, n)
	for i := range records {
		records[i] = thing(fmt.Sprintf("id%05d", i), set{fieldInt: record.Int(int64(i))})
	}
	return records
}

// revised returns a copy of r at the revision, with some other values.
func revised(r record.Record, revision record.Revision, values set) record.Record {
	r.Revision, r.Fields = revision, slices.Clone(r.Fields)
	for field, v := range values {
		r.Fields[field] = v
	}
	return r
}

// put returns the mutation that stores r.
func put(c *schema.Collection, r record.Record) repository.Mutation {
	return repository.Mutation{Op: repository.Put, Collection: c, ID: r.ID, Revision: r.Revision, Fields: r.Fields}
}

// putIf is put under a precondition.
func putIf(c *schema.Collection, r record.Record, condition repository.Precondition) repository.Mutation {
	m := put(c, r)
	m.If = condition
	return m
}

// remove returns the mutation that deletes the record under a precondition.
func remove(c *schema.Collection, id record.ID, condition repository.Precondition) repository.Mutation {
	return repository.Mutation{Op: repository.Delete, Collection: c, ID: id, If: condition}
}

// check returns the mutation that only requires the precondition.
func check(c *schema.Collection, id record.ID, condition repository.Precondition) repository.Mutation {
	return repository.Mutation{Op: repository.Check, Collection: c, ID: id, If: condition}
}

// everything is the view of all fields, encoded and decoded, of what matches.
func everything(c *schema.Collection, filter query.Expr) query.View {
	return query.View{Collection: c, Filter: filter, Fields: c.All(), Needs: c.All()}
}

// byID is the order by id.
func byID(c *schema.Collection) []query.Key { return []query.Key{{Field: c.ID}} }

// eq is the filter field = v.
func eq(field int, v record.Value) query.Expr { return comparison(query.Eq, field, v) }

func comparison(op query.Op, field int, values ...record.Value) query.Expr {
	return query.Expr{Op: op, Field: field, Values: values}
}
