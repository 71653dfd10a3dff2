package datastore

import (
	"crypto/rand"
	"strings"
	"testing"

	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// properties are those of an entity as they go over the wire.
type properties map[string]*pb.Value

// A program writes and reads entities past the client, as those do that have another one.
type program struct {
	store *Store
	to    pb.DatastoreClient
}

func beside(t *testing.T, s *Store) program {
	t.Helper()
	conn, err := grpc.NewClient(s.cfg.Emulator, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return program{s, pb.NewDatastoreClient(conn)}
}

// project is that of an emulator.
const project = "portolan"

func (p program) key(kind, name string) *pb.Key {
	return &pb.Key{
		PartitionId: &pb.PartitionId{ProjectId: project, NamespaceId: p.store.cfg.Namespace},
		Path:        []*pb.Key_PathElement{{Kind: kind, IdType: &pb.Key_PathElement_Name{Name: name}}},
	}
}

func (p program) put(t *testing.T, kind, name string, has properties) {
	t.Helper()
	_, err := p.to.Commit(t.Context(), &pb.CommitRequest{
		ProjectId: project, Mode: pb.CommitRequest_NON_TRANSACTIONAL,
		Mutations: []*pb.Mutation{{Operation: &pb.Mutation_Upsert{Upsert: &pb.Entity{Key: p.key(kind, name), Properties: has}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p program) get(t *testing.T, kind, name string) properties {
	t.Helper()
	got, err := p.to.Lookup(t.Context(), &pb.LookupRequest{ProjectId: project, Keys: []*pb.Key{p.key(kind, name)}})
	if err != nil || len(got.GetFound()) != 1 {
		t.Fatalf("looked up: %v, %v", got, err)
	}
	return got.GetFound()[0].GetEntity().GetProperties()
}

// add counts the property up in a transaction, and reports whether that was done.
func (p program) add(t *testing.T, kind, name, property string) bool {
	t.Helper()
	begun, err := p.to.BeginTransaction(t.Context(), &pb.BeginTransactionRequest{ProjectId: project})
	if err != nil {
		return false
	}
	found, err := p.to.Lookup(t.Context(), &pb.LookupRequest{
		ProjectId: project, Keys: []*pb.Key{p.key(kind, name)},
		ReadOptions: &pb.ReadOptions{ConsistencyType: &pb.ReadOptions_Transaction{Transaction: begun.GetTransaction()}},
	})
	if err != nil {
		return false
	}
	e := found.GetFound()[0].GetEntity()
	v := e.GetProperties()[property]
	v.ValueType = &pb.Value_IntegerValue{IntegerValue: v.GetIntegerValue() + 1}
	_, err = p.to.Commit(t.Context(), &pb.CommitRequest{
		ProjectId: project, Mode: pb.CommitRequest_TRANSACTIONAL, TransactionSelector: &pb.CommitRequest_Transaction{Transaction: begun.GetTransaction()},
		Mutations: []*pb.Mutation{{Operation: &pb.Mutation_Upsert{Upsert: e}}},
	})
	return err == nil
}

// same reports what is otherwise than wanted.
func (p properties) same(t *testing.T, what string, want properties) {
	t.Helper()
	for name, v := range want {
		if !proto.Equal(p[name], v) {
			t.Errorf("%s: %s is %.200s, want %.200s", what, name, prototext.MarshalOptions{}.Format(p[name]), prototext.MarshalOptions{}.Format(v))
		}
	}
	if len(p) != len(want) {
		t.Errorf("%s: there are %d properties, want %d", what, len(p), len(want))
	}
}

func integer(n int64) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_IntegerValue{IntegerValue: n}}
}

func double(n float64) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_DoubleValue{DoubleValue: n}}
}

func text(s string) *pb.Value { return &pb.Value{ValueType: &pb.Value_StringValue{StringValue: s}} }

func blob(s string) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_BlobValue{BlobValue: []byte(s)}}
}

func array(items ...*pb.Value) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_ArrayValue{ArrayValue: &pb.ArrayValue{Values: items}}}
}

func within(has properties) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_EntityValue{EntityValue: &pb.Entity{Properties: has}}}
}

// bare is the value without an index, and meant is the value with a meaning.
func bare(v *pb.Value) *pb.Value {
	v.ExcludeFromIndexes = true
	return v
}

func meant(meaning int32, v *pb.Value) *pb.Value {
	v.Meaning = meaning
	return v
}

// write puts the record with its values after a change of them, at the revision that it
// has, and returns it as it is read then.
func write(t *testing.T, s *Store, c *schema.Collection, id record.ID, change func(values []record.Value)) error {
	t.Helper()
	row := only(t, s, c, id)
	change(row.Values)
	done, err := s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: id, Revision: "ours", Fields: row.Values, If: repository.At(row.Revision)}})
	if err != nil {
		return err
	}
	if now := only(t, s, c, id); now.Revision != done[0].Revision {
		t.Errorf("the revision of %s is %s once it is read, want %s as it was written", id, now.Revision, done[0].Revision)
	}
	return nil
}

func only(t *testing.T, s *Store, c *schema.Collection, id record.ID) record.Row {
	t.Helper()
	rows, err := s.Get(t.Context(), query.View{Collection: c, Needs: c.All()}, []record.ID{id})
	if err != nil || len(rows) != 1 {
		t.Fatalf("get of %s: %v, %v", id, rows, err)
	}
	return rows[0]
}

// What a write of another field leaves as it is stays so to the bit: its octets, what is
// meant by it, whether it and each of its items has an index, and the type of a number.
func TestForeignStaysAsItIs(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	theirs, other := theirs(t, "string",
		schema.FieldSpec{Name: "n", Type: "int"}, schema.FieldSpec{Name: "whole", Type: "int"}, schema.FieldSpec{Name: "part", Type: "float"},
		schema.FieldSpec{Name: "note", Type: "string"}, schema.FieldSpec{Name: "marks", Type: "list", Items: "float"}), beside(t, s)
	has := properties{
		"n": integer(1), "whole": double(3), "part": integer(2), "note": bare(meant(15, text("known"))), "marks": array(integer(1), bare(double(2))),
		"zipped": bare(meant(22, blob("x\x9c\x03\x00\x00\x00\x00\x01"))),
		"text":   bare(meant(15, text("unknown"))),
		"user":   meant(20, within(properties{"email": bare(text("a@b")), "auth_domain": bare(text("g"))})),
		"mixed":  array(text("i"), bare(text(strings.Repeat("x", 2000))), meant(2, text("url"))),
		"inner":  within(properties{"zipped": bare(meant(22, blob("x"))), "n": integer(1)}),
		"empty":  array(),
		"owner":  {ValueType: &pb.Value_KeyValue{KeyValue: other.key("users", "me")}},
	}
	other.put(t, "kept", "a", has)
	ensure(t, s, theirs)
	want := other.get(t, "kept", "a")
	want.same(t, "as it was put", has)

	if err := write(t, s, theirs, "a", func(values []record.Value) { values[1] = record.Int(2) }); err != nil {
		t.Fatal(err)
	}
	want["n"] = integer(2)
	other.get(t, "kept", "a").same(t, "after a write of n", want)

	_, err := s.Load(t.Context(), repository.Load{Collection: theirs, Run: "run", Rows: []record.Record{{ID: "a", Revision: "run1", Fields: only(t, s, theirs, "a").Values}}})
	if err != nil {
		t.Fatal(err)
	}
	other.get(t, "kept", "a").same(t, "after a load of what is there", want)

	// Of several in a batch each gets what is its own, and what is deleted is gone.
	other.put(t, "kept", "c", properties{"n": integer(1)})
	changed := only(t, s, theirs, "a").Values
	changed[1], changed[4] = record.Int(4), record.String("new")
	_, err = s.Apply(t.Context(), []repository.Mutation{
		{Op: repository.Put, Collection: theirs, ID: "b", Revision: "r", Fields: []record.Value{record.String("b"), record.Int(1), record.Null, record.Null, record.Null, record.Null}},
		{Op: repository.Delete, Collection: theirs, ID: "c"},
		{Op: repository.Put, Collection: theirs, ID: "a", Revision: "r", Fields: changed},
	})
	if err != nil {
		t.Fatal(err)
	}
	want["n"], want["note"] = integer(4), bare(meant(15, text("new")))
	other.get(t, "kept", "a").same(t, "after a write in a batch", want)
	other.get(t, "kept", "b").same(t, "a new one", properties{"n": integer(1)})
}

// What a write changes stays what it was as far as it can: a number of its type if it is
// exact in it, what is meant by a value of the same type, and whether there is an index.
func TestForeignChanges(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	long := strings.Repeat("x", maxIndexed+1)
	list := func(items ...record.Value) record.Value { return record.List(items) }
	for _, tt := range []struct {
		name  string
		field schema.FieldSpec
		was   *pb.Value
		v     record.Value
		want  *pb.Value
	}{
		{"a double as an int", schema.FieldSpec{Type: "int"}, double(3), record.Int(4), double(4)},
		{"a double as an int that no double is", schema.FieldSpec{Type: "int"}, double(3), record.Int(maxWhole + 1), integer(maxWhole + 1)},
		{"an integer as a whole float", schema.FieldSpec{Type: "float"}, integer(3), record.Float(4), integer(4)},
		{"an integer as a part of one", schema.FieldSpec{Type: "float"}, integer(3), record.Float(4.5), double(4.5)},
		{"an integer as a float beyond what is exact", schema.FieldSpec{Type: "float"}, integer(3), record.Float(2 * maxWhole), double(2 * maxWhole)},
		{"an integer as an int", schema.FieldSpec{Type: "int"}, bare(integer(3)), record.Int(4), bare(integer(4))},
		{"what is meant", schema.FieldSpec{Type: "int"}, meant(13, integer(3)), record.Int(4), meant(13, integer(4))},
		{"what was meant by another type", schema.FieldSpec{Type: "float"}, meant(13, integer(3)), record.Float(4.5), double(4.5)},
		{"null", schema.FieldSpec{Type: "string"}, bare(meant(15, text("a"))), record.Null, bare(&pb.Value{ValueType: &pb.Value_NullValue{}})},
		{"octets with an index", schema.FieldSpec{Type: "bytes"}, blob("a"), record.Bytes([]byte("b")), blob("b")},
		{"compressed octets", schema.FieldSpec{Type: "bytes"}, bare(meant(22, blob("a"))), record.Bytes([]byte("b")), bare(meant(22, blob("b")))},
		{"a text that becomes too long for its index", schema.FieldSpec{Type: "string"}, text("a"), record.String(long), bare(text(long))},
		{
			"an array of doubles", schema.FieldSpec{Type: "list", Items: "int"}, array(double(1), double(2)),
			list(record.Int(2), record.Int(5)), array(double(2), double(5)),
		},
		{
			"items with and without an index", schema.FieldSpec{Type: "list", Items: "string"}, array(meant(2, text("a")), bare(text("a")), bare(text("b"))),
			list(record.String("a"), record.String("a"), record.String("c"), record.String("b"), record.String("")),
			array(meant(2, text("a")), bare(text("a")), meant(2, text("c")), bare(text("b")), meant(2, text(""))),
		},
		{
			"an item that is too long for an index", schema.FieldSpec{Type: "list", Items: "string"}, array(text("a")),
			list(record.String("a"), record.String(long)), array(text("a"), bare(text(long))),
		},
		{"an array in the place of null", schema.FieldSpec{Type: "list", Items: "string"}, bare(&pb.Value{ValueType: &pb.Value_NullValue{}}), list(record.String("a")), array(bare(text("a")))},
		{"an array that becomes empty", schema.FieldSpec{Type: "list", Items: "string"}, array(bare(text("a"))), list(), array()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.cfg.Namespace = rand.Text()
			tt.field.Name = "v"
			c, other := theirs(t, "string", tt.field), beside(t, s)
			other.put(t, "kept", "a", properties{"v": tt.was})
			ensure(t, s, c)
			if err := write(t, s, c, "a", func(values []record.Value) { values[1] = tt.v }); err != nil {
				t.Fatal(err)
			}
			other.get(t, "kept", "a").same(t, "after it", properties{"v": tt.want})
		})
	}
}

// What another program writes between the reads and the commit of a write is not lost:
// what stays comes from the transaction itself.
func TestForeignBesideAnotherWriter(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c, other := theirs(t, "string", schema.FieldSpec{Name: "n", Type: "int"}), beside(t, s)
	other.put(t, "kept", "a", properties{"n": integer(0), "hidden": meant(13, integer(0))})
	ensure(t, s, c)
	const times = 10
	counted := make(chan int64)
	go func() {
		var n int64
		for range times {
			if other.add(t, "kept", "a", "hidden") {
				n++
			}
		}
		counted <- n
	}()
	for i := range times {
		_, err := s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "a", Revision: "r", Fields: []record.Value{record.String("a"), record.Int(int64(i))}}})
		if err != nil {
			t.Error(err)
		}
	}
	n := <-counted
	if n == 0 {
		t.Error("the other program wrote nothing")
	}
	other.get(t, "kept", "a").same(t, "after both", properties{"n": integer(times - 1), "hidden": meant(13, integer(n))})
}
