package postgres

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"context"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// scripted is a server that answers each question with the row that answer returns. It
// says of itself what says has. It returns how to connect to it.
func scripted(t *testing.T, says map[string]string, answer func(text string) []string) *pgx.ConnConfig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := converse(pgproto3.NewBackend(conn, conn), says, answer); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
					t.Log(err)
				}
			}()
		}
	}()
	config, err := pgx.ParseConfig("postgres://me@" + listener.Addr().String() + "/shop?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func converse(client *pgproto3.Backend, says map[string]string, answer func(text string) []string) error {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range says {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	for {
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := client.Flush(); err != nil {
			return err
		}
		message, err := client.Receive()
		if err != nil {
			return err
		}
		question, ok := message.(*pgproto3.Query)
		if !ok {
			return nil
		}
		row := answer(question.String)
		var described pgproto3.RowDescription
		var values pgproto3.DataRow
		for _, value := range row {
			described.Fields = append(described.Fields, pgproto3.FieldDescription{Name: []byte("v"), DataTypeOID: 25})
			values.Values = append(values.Values, []byte(value))
		}
		client.Send(&described)
		client.Send(&values)
		client.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	}
}

// TestSampleTime: a sample is as old as its question, however late its answer is.
func TestSampleTime(t *testing.T) {
	var asked time.Time
	config := scripted(t, nil, func(string) []string {
		asked = time.Now()
		time.Sleep(20 * time.Millisecond)
		return []string{"1000", "0000000A", "8192", "16777216", "system", "database", "schemas", "7:7:"}
	})
	s := sampler{config: func(context.Context) (*pgx.ConnConfig, error) { return config, nil }}
	defer s.close(t.Context())
	of, one, err := s.sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if one.at.After(asked) {
		t.Errorf("the sample is of %v behind its question", one.at.Sub(asked))
	}
	if want := (identity{"system", "10", "database", "schemas"}); of != want || one.lsn != 1000 || one.end != 1000 || one.seen != "7:7:" {
		t.Errorf("got %v of %v", one, of)
	}
}

// TestFollow says which connections are made, and which are used, by what the server says
// when it is connected to and when it is asked again.
func TestFollow(t *testing.T) {
	const place, timeline, receivers, system, database, schemas = 0, 1, 2, 3, 4, 5
	standing := map[string]string{"server_encoding": "UTF8", "in_hot_standby": "on"}
	for _, tt := range []struct {
		name   string
		column int
		says   string
		want   error
	}{
		{"a replica", place, "1000", nil},
		{"one of another cluster", system, "other", errForeign},
		{"one of another database", database, "other", errDatabase},
		{"one that looks elsewhere", schemas, "other", errApart},
		{"one of another timeline", timeline, "2", errApart},
		{"one that receives nothing", receivers, "0", errDeaf},
		{"one that does not know its place", place, "", errMute},
		{"one that is ahead", place, "1001", errAhead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right := []string{"1000", "1", "1", "system", "database", "schemas"}
			wrong := []string{"1000", "1", "1", "system", "database", "schemas"}
			wrong[tt.column] = tt.says
			var s samples
			sampled := func() { // of a primary that is at 1000
				s.add(identity{"system", "1", "database", "schemas"}, sample{time.Now(), 1000, 1000, "7:7:"})
			}
			connect := func(rows ...[]string) (*follower, error) {
				conn, err := pgx.ConnectConfig(t.Context(), scripted(t, standing, func(text string) []string {
					if !strings.Contains(text, "pg_last_wal_replay_lsn") {
						t.Errorf("it is asked %s", text)
					}
					row := rows[0]
					rows = append(rows[1:], row)
					return row
				}))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
				if err := s.follow(t.Context(), conn); err != nil {
					return nil, err
				}
				return conn.PgConn().CustomData()[followerOf].(*follower), nil
			}
			if _, err := connect(right); !errors.Is(err, errUnheard) {
				t.Errorf("before the primary was asked: got %v", err)
			}
			sampled()
			meets := func(f *follower, every time.Duration) (bool, error) {
				return f.meets(t.Context(), &s, need{called: time.Now(), stale: time.Hour}, every)
			}
			f, err := connect(wrong)
			if err == nil {
				if ok, err := meets(f, time.Hour); ok || err != nil {
					t.Errorf("before the primary was asked behind it: got %t, %v", ok, err)
				}
				sampled()
				var ok bool
				if ok, err = meets(f, time.Hour); ok != (tt.want == nil) {
					t.Errorf("behind that: got %t, %v", ok, err)
				}
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("connected: got %v, want %v", err, tt.want)
			}

			s = samples{}
			sampled()
			if f, err = connect(right, wrong); err != nil {
				t.Fatal(err)
			}
			sampled()
			if ok, err := meets(f, time.Hour); !ok || err != nil {
				t.Errorf("before it is asked again: got %t, %v", ok, err)
			}
			_, err = meets(f, 0)
			if err == nil {
				sampled()
				_, err = meets(f, time.Hour)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("asked again: got %v, want %v", err, tt.want)
			}
			if tt.want != nil && !strays(tt.want) {
				t.Error("the connection is used again")
			}
		})
	}
}

// TestPatience: the replica may take little of the time that there is.
func TestPatience(t *testing.T) {
	for _, tt := range []struct{ left, longest, least, most time.Duration }{
		{0, time.Minute, waitsFor, waitsFor},
		{0, time.Second, time.Second, time.Second},
		{time.Hour, time.Minute, waitsFor, waitsFor},
		{4 * time.Second, time.Minute, 900 * time.Millisecond, time.Second},
	} {
		ctx, r := t.Context(), &replica{longest: tt.longest}
		if tt.left > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, tt.left)
			defer cancel()
		}
		if got := r.patience(ctx); got < tt.least || got > tt.most {
			t.Errorf("of %v, with a statement_timeout of %v, the replica gets %v, want %v", tt.left, tt.longest, got, tt.most)
		}
	}
}
