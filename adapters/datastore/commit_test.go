package datastore

import (
	"context"
	"crypto/rand"
	"net"
	"sync/atomic"
	"testing"

	pb "cloud.google.com/go/datastore/apiv1/datastorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// A front stands before the emulator, and says of so many commits that were done that
// the connection broke.
type front struct {
	pb.UnimplementedDatastoreServer
	to      pb.DatastoreClient
	breaks  atomic.Int32
	commits atomic.Int32
}

func (f *front) Lookup(ctx context.Context, r *pb.LookupRequest) (*pb.LookupResponse, error) {
	return f.to.Lookup(ctx, r)
}

func (f *front) RunQuery(ctx context.Context, r *pb.RunQueryRequest) (*pb.RunQueryResponse, error) {
	return f.to.RunQuery(ctx, r)
}

func (f *front) BeginTransaction(ctx context.Context, r *pb.BeginTransactionRequest) (*pb.BeginTransactionResponse, error) {
	return f.to.BeginTransaction(ctx, r)
}

func (f *front) Rollback(ctx context.Context, r *pb.RollbackRequest) (*pb.RollbackResponse, error) {
	return f.to.Rollback(ctx, r)
}

func (f *front) Commit(ctx context.Context, r *pb.CommitRequest) (*pb.CommitResponse, error) {
	f.commits.Add(1)
	done, err := f.to.Commit(ctx, r)
	if err == nil && f.breaks.Add(-1) >= 0 {
		return nil, status.Error(codes.Unavailable, "the connection broke")
	}
	return done, err
}

// Whether a commit was done of which no answer came cannot be told: it is not asked again,
// which would fail if it was.
func TestUnansweredCommit(t *testing.T) {
	conn, err := grpc.NewClient(servers.Datastore(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f := &front{to: pb.NewDatastoreClient(conn)}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterDatastoreServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	s := opened(t, Config{Emulator: listener.Addr().String(), Namespace: rand.Text()})
	c := planned(t)
	ensure(t, s, c)
	f.breaks.Store(1)
	f.commits.Store(0)
	fields := make([]record.Value, len(c.Fields))
	fields[0] = record.String("a")
	_, err = s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "a", If: repository.Absent, Revision: "r", Fields: fields}})
	if fault.KindOf(err) != fault.Unavailable || f.commits.Load() != 1 {
		t.Errorf("got %v after %d commits, want %s after one", err, f.commits.Load(), fault.Unavailable)
	}
}
