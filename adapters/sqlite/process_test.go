package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// childEnv tells the test binary to be another process on the database that
// childPath names.
const (
	childEnv  = "PORTOLAN_SQLITE_TEST_CHILD"
	childPath = "PORTOLAN_SQLITE_TEST_PATH"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "count":
		err = countUp(os.Getenv(childPath))
	case "write":
		err = writeUntilKilled(os.Getenv(childPath))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+role, childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func counters(name string) *schema.Collection {
	c, err := schema.New(schema.Spec{Name: name, ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "n", Type: "int"},
	}, Indexes: [][]string{{"n"}}})
	if err != nil {
		panic(err)
	}
	return c
}

func counter1(c *schema.Collection, id, n int64, rev string) repository.Mutation {
	return repository.Mutation{Op: repository.Put, Collection: c, ID: record.ID(strconv.FormatInt(id, 10)),
		Revision: record.Revision(rev), Fields: []record.Value{record.Int(id), record.Int(n)}}
}

const rounds = 60

// countUp adds one to the same record, time after time, each time at the
// revision that it has read.
func countUp(path string) error {
	ctx, c := context.Background(), counters("counters")
	store, err := Open(ctx, Config{Path: path, Synchronous: "normal"})
	if err != nil {
		return err
	}
	if err := store.Ensure(ctx, []*schema.Collection{c}); err != nil {
		return err
	}
	_, err = store.Apply(ctx, []repository.Mutation{{Op: repository.Check, Collection: c, ID: "1", If: repository.Absent}, counter1(c, 1, 0, "0")})
	if err != nil && !errors.Is(err, fault.Exists) {
		return err
	}
	for done := 0; done < rounds; {
		rows, err := store.Get(ctx, query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
		if err != nil {
			return err
		}
		n := rows[0].Values[0].AsInt() + 1
		next := counter1(c, 1, n, strconv.FormatInt(n, 10))
		next.If = repository.At(rows[0].Revision)
		switch _, err := store.Apply(ctx, []repository.Mutation{next}); {
		case err == nil:
			done++
		case !errors.Is(err, fault.Stale):
			return err
		}
	}
	return store.Close()
}

// TestProcesses lets processes make the same tables and count up the same
// record at once.
func TestProcesses(t *testing.T) {
	path := testPath(t)
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			if err := child(t, "count", path).Run(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	store, c := openTest(t, path), counters("counters")
	rows, err := store.Get(t.Context(), query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("Get: got %d rows and %v, want 1", len(rows), err)
	}
	if got := rows[0].Values[0].AsInt(); got != 3*rounds {
		t.Errorf("the count of three processes: got %d, want %d", got, 3*rounds)
	}
}

// writeUntilKilled writes pairs of records, and says each that is acknowledged.
func writeUntilKilled(path string) error {
	ctx, left, right := context.Background(), counters("lefts"), counters("rights")
	store, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	if err := store.Ensure(ctx, []*schema.Collection{left, right}); err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		if _, err := store.Apply(ctx, []repository.Mutation{counter1(left, n, n, "r"), counter1(right, n, n, "r")}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKilled kills a process while it writes. All that it had acknowledged is
// there, and nothing is there by half.
func TestKilled(t *testing.T) {
	for round := range 3 {
		path := testPath(t)
		cmd := child(t, "write", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acknowledged, _ = strconv.Atoi(lines.Text())
			if acknowledged == 20*(round+1) {
				_ = cmd.Process.Kill() // what it still says is read to the end
			}
		}
		_ = cmd.Wait() // by the signal
		store := openTest(t, path)
		lefts, rights := ids(t, store, counters("lefts")), ids(t, store, counters("rights"))
		if lefts < acknowledged || lefts != rights {
			t.Errorf("acknowledged %d: got %d and %d records, want as many of both, and no fewer", acknowledged, lefts, rights)
		}
	}
}

func ids(t *testing.T, store *Store, c *schema.Collection) int {
	t.Helper()
	groups, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Count}}})
	if err != nil {
		t.Fatal(err)
	}
	return int(groups[0].Measures[0].AsInt())
}
