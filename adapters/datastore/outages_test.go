package datastore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// TestOutages loses the server in every way there is. What is asked meanwhile is
// fault.Unavailable, or ends with its context; what is asked afterwards succeeds without a
// restart, and what was acknowledged is there.
func TestOutages(t *testing.T) {
	emulator := servers.Datastore(t)
	for name, begin := range map[string]func(*servers.Faults){
		"cut":               (*servers.Faults).Cut,
		"reset":             (*servers.Faults).Reset,
		"hang":              (*servers.Faults).Hang,
		"answers cut short": func(f *servers.Faults) { f.Lose(40) },
	} {
		t.Run(name, func(t *testing.T) {
			faults := servers.FaultsTo(t, emulator)
			s, err := Open(t.Context(), Config{Emulator: faults.Address, Namespace: rand.Text()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			o := outage{t: t, store: s, of: planned(t)}
			if err := s.Ensure(t.Context(), []*schema.Collection{o.of}); err != nil {
				t.Fatal(err)
			}
			if err := o.write(time.Minute); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				begin(faults)
				failed := 0
				for range 3 {
					for _, err := range []error{o.write(time.Second), o.read(time.Second)} {
						switch {
						case err == nil:
						case fault.KindOf(err) != fault.Unavailable && !errors.Is(err, context.DeadlineExceeded):
							t.Errorf("got %v, want it unavailable", err)
						default:
							failed++
						}
					}
				}
				if failed == 0 {
					t.Error("nothing failed, so nothing was tested")
				}
				faults.Restore()
				err := o.write(90 * time.Second)                    // a lost transaction keeps its locks for 60 s
				for tries := 0; err != nil && tries < 10; tries++ { // of the connections that are broken
					err = o.write(90 * time.Second)
				}
				if err == nil {
					err = o.read(10 * time.Second)
				}
				if err != nil {
					t.Errorf("after it: %v", err)
				}
			}
		})
	}
}

// An outage writes one record, and reads it.
type outage struct {
	t            *testing.T
	store        *Store
	of           *schema.Collection
	last         int64 // that was written
	acknowledged int64
}

func (o *outage) write(within time.Duration) error {
	ctx, cancel := context.WithTimeout(o.t.Context(), within)
	defer cancel()
	o.last++
	fields := make([]record.Value, len(o.of.Fields))
	fields[0], fields[5] = record.String("a"), record.Int(o.last)
	_, err := o.store.Apply(ctx, []repository.Mutation{{Op: repository.Put, Collection: o.of, ID: "a", Revision: "r", Fields: fields}})
	if err == nil {
		o.acknowledged = o.last
	}
	return err
}

// read returns an error, too, if what was acknowledged is not there.
func (o *outage) read(within time.Duration) error {
	ctx, cancel := context.WithTimeout(o.t.Context(), within)
	defer cancel()
	rows, err := o.store.Get(ctx, query.View{Collection: o.of, Needs: []int{5}}, []record.ID{"a"})
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0].Values[0].AsInt() < o.acknowledged {
		o.t.Errorf("%v is there, and %d was acknowledged", rows, o.acknowledged)
	}
	return nil
}

// What is too much at once is no quota that may be raised, or free again later.
func TestTooMuch(t *testing.T) {
	much := status.Error(codes.ResourceExhausted, "gRPC message exceeds maximum size 4194304: 13501673")
	if err := fail(t.Context(), "op", much); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v, want %s", err, fault.TooLarge)
	}
	quota := status.Error(codes.ResourceExhausted, "the quota of reads is used up")
	if err := fail(t.Context(), "op", quota); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v, want %s", err, fault.Unavailable)
	}
}

// A transaction that took too long, or that others came between, is begun anew: it is no
// mistake of the caller.
func TestLostTransaction(t *testing.T) {
	for text, want := range map[string]codes.Code{
		"The referenced transaction has expired or is no longer valid.": codes.Aborted,
		"Transaction is invalid or closed.":                             codes.Aborted,
		"The entity is too big.":                                        codes.InvalidArgument,
	} {
		if got := codeOf(status.Error(codes.InvalidArgument, text)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// TestAnswerCutOff: what gRPC returns of an answer that is cut off, which is no status at some places, is an outage.
func TestAnswerCutOff(t *testing.T) {
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, fmt.Errorf("commit: %w", io.EOF), status.Error(codes.Unavailable, "EOF")} {
		if got := classify("test", err); got.Kind != fault.Unavailable || got.Code != "unreachable" {
			t.Errorf("%v is %v, want %s", err, got, fault.Unavailable)
		}
		if got := unsent("test", err); !errors.Is(got, fault.Unavailable) && !errors.Is(got, err) {
			t.Errorf("unsent, %v is %v", err, got)
		}
	}
	if got := classify("test", status.Error(codes.Unknown, "odd")); got.Kind != fault.Internal {
		t.Errorf("what nobody knows is %v, want %s", got, fault.Internal)
	}
}
