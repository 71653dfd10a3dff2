package datastore

import (
	"context"
	"reflect"
	"time"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/core/fault"
)

// This file is how entities that other programs made pass by the client. That has no
// place for the meaning of a value, nor for which items of an array have an index, and
// refuses what it could not have written itself. What is read and written of them is
// therefore taken from and put into the calls of the same transaction.

// A wire is what went over it in a transaction that writes: the entities that were
// looked up, and those that the commit is to have in the place of the client's.
type wire struct {
	heard, said map[place]map[string]*pb.Value
}

// A place is a key without an ancestor, in the namespace of the store.
type place struct {
	kind, name string
	id         int64
}

func placeOf(k *datastore.Key) place { return place{k.Kind, k.Name, k.ID} }

// placed returns the place of a key; it is none that placeOf returns if the key has an
// ancestor.
func placed(k *pb.Key) place {
	if len(k.GetPath()) != 1 {
		return place{}
	}
	last := k.GetPath()[0]
	return place{last.GetKind(), last.GetName(), last.GetId()}
}

func newWire() *wire {
	return &wire{heard: map[place]map[string]*pb.Value{}, said: map[place]map[string]*pb.Value{}}
}

type wireKey struct{}

// within returns the context of calls that go over the wire.
func (w *wire) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, wireKey{}, w)
}

// listen has the wire of a call, if it has one, hear the answer or say the question.
func listen(ctx context.Context, method string, question, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	w, _ := ctx.Value(wireKey{}).(*wire)
	if commit, ok := question.(*pb.CommitRequest); ok && w != nil {
		if err := w.say(commit); err != nil {
			return err
		}
	}
	err := invoke(ctx, method, question, answer, conn, options...)
	if looked, ok := answer.(*pb.LookupResponse); ok && w != nil && err == nil {
		for _, found := range looked.GetFound() {
			w.heard[placed(found.GetEntity().GetKey())] = found.GetEntity().GetProperties()
		}
	}
	return err
}

// say has the commit write what it is to have.
func (w *wire) say(commit *pb.CommitRequest) error {
	said := 0
	for _, mutation := range commit.GetMutations() {
		e := mutation.GetUpsert()
		if properties, ok := w.said[placed(e.GetKey())]; ok && e != nil {
			e.Properties = properties
			said++
		}
	}
	if said != len(w.said) {
		return fault.New(fault.Refused, "datastore", "of %d entities of other programs the commit has %d", len(w.said), said)
	}
	return nil
}

// valueOf returns a scalar as it goes over the wire in the place of another value, which
// may be nil. What is meant by it stays while its type does.
func valueOf(stored any, was *pb.Value, unindexed bool) *pb.Value {
	made := &pb.Value{ExcludeFromIndexes: unindexed}
	switch v := stored.(type) {
	case bool:
		made.ValueType = &pb.Value_BooleanValue{BooleanValue: v}
	case int64:
		made.ValueType = &pb.Value_IntegerValue{IntegerValue: v}
	case float64:
		made.ValueType = &pb.Value_DoubleValue{DoubleValue: v}
	case string:
		made.ValueType = &pb.Value_StringValue{StringValue: v}
	case []byte:
		made.ValueType = &pb.Value_BlobValue{BlobValue: v}
	case time.Time:
		made.ValueType = &pb.Value_TimestampValue{TimestampValue: timestamppb.New(v)}
	default:
		made.ValueType = &pb.Value_NullValue{}
	}
	if reflect.TypeOf(made.GetValueType()) == reflect.TypeOf(was.GetValueType()) {
		made.Meaning = was.GetMeaning()
	}
	return made
}

// unindexed reports whether the value has no index; of an array, whether its first item
// has none.
func unindexed(v *pb.Value) bool {
	if items := v.GetArrayValue().GetValues(); len(items) > 0 {
		return items[0].GetExcludeFromIndexes()
	}
	return v.GetExcludeFromIndexes()
}
