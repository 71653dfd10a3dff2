package redis

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// TestConfig has what cannot be right: the error names the key, and has no secret.
func TestConfig(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := []string{"127.0.0.1:1"}
	for _, tt := range []struct {
		names string
		cfg   Config
	}{
		{"url", Config{}},
		{"url", Config{URL: secrets.Fixed("redis://u:secret@127.0.0.1:1"), Addrs: at}},
		{"url", Config{URL: secrets.Fixed("redis://u:secret%@127.0.0.1:1")}},
		{"url", Config{URL: secrets.Fixed("http://u:secret@127.0.0.1:1")}},
		{"url", Config{URL: secrets.Fixed("")}},
		{"url", Config{URL: secrets.Fixed("redis://u:secret@127.0.0.1:1/2?pool_size=9")}},
		{"url", Config{URL: secrets.Fixed("redis://127.0.0.1:1/2"), Cluster: true}},
		{"addrs", Config{Addrs: []string{"127.0.0.1"}}},
		{"addrs", Config{Addrs: []string{""}}},
		{"addrs", Config{Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}}},
		{"addrs", Config{Sentinel: &Sentinel{Master: "shop"}}},
		{"addrs", Config{Sentinel: &Sentinel{Master: "shop", Addrs: []string{"x"}}}},
		{"master", Config{Sentinel: &Sentinel{Addrs: at}}},
		{"sentinel", Config{Addrs: at, Sentinel: &Sentinel{Master: "shop", Addrs: at}}},
		{"sentinel", Config{Cluster: true, Sentinel: &Sentinel{Master: "shop", Addrs: at}}},
		{"db", Config{Addrs: at, DB: -1}},
		{"db", Config{Addrs: at, DB: 1, Cluster: true}},
		{"prefix", Config{Addrs: at, Prefix: "a{b}"}},
		{"prefix", Config{Addrs: at, Prefix: "a*"}},
		{"prefix", Config{Addrs: at, Prefix: strings.Repeat("x", 101)}},
		{"max_conns", Config{Addrs: at, MaxConns: -1}},
		{"acquire_timeout", Config{Addrs: at, AcquireTimeout: -1}},
		{"dial_timeout", Config{Addrs: at, DialTimeout: time.Microsecond}},
		{"timeout", Config{Addrs: at, Timeout: -time.Second}},
		{"ca_file", Config{Addrs: at, TLS: true, CAFile: "no such file"}},
		{"ca_file", Config{Addrs: at, TLS: true, CAFile: noPEM}},
		{"ca_file", Config{Addrs: at, CAFile: noPEM}},
	} {
		_, err := Open(t.Context(), tt.cfg)
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("got %v, want a %s that names %s", err, fault.Invalid, tt.names)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

// answered is an error that Redis answered with.
type answered string

func (e answered) Error() string { return string(e) }
func (answered) RedisError()     {}

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code string
	}{
		{answered("OOM command not allowed when used memory > 'maxmemory'."), "out-of-memory"},
		{answered("ERR Error running script (call to f_0123): @user_script:7: -OOM command not allowed when used memory > 'maxmemory'."), "out-of-memory"},
		{answered("ERR Error running script (call to f_0123): @user_script:7: @user_script: 7: -READONLY You can't write against a read only replica."), "read-only"},
		{answered("READONLY You can't write against a read only replica. script: 0123, on @user_script:3."), "read-only"},
		{answered("LOADING Redis is loading the dataset in memory"), "starting"},
		{answered("BUSY Redis is busy running a script."), "busy"},
		{answered("CLUSTERDOWN Hash slot not served"), "cluster-down"},
		{answered("MOVED 3999 127.0.0.1:6381"), "moved"},
		{answered("ASK 3999 127.0.0.1:6381"), "moved"},
		{answered("TRYAGAIN Multiple keys request during rehashing of slot"), "moved"},
		{answered("WRONGPASS invalid username-password pair or user is disabled."), "login-refused"},
		{answered("NOAUTH Authentication required."), "login-refused"},
		{answered("NOPERM this user has no permissions to run the 'set' command"), "not-allowed"},
		{answered("ERR max number of clients reached"), "connections-exhausted"},
		{answered("ERR unknown command"), "refused"},
		{goredis.ErrPoolTimeout, "connections-exhausted"},
		{goredis.ErrClosed, "closed"},
		{io.EOF, unreachable},
		{fmt.Errorf("wrapped: %w", answered("OOM command not allowed")), "out-of-memory"},
	} {
		if f := classify("op", tt.err); f.Kind != fault.Unavailable || f.Code != tt.code || f.Op != "op" {
			t.Errorf("%v is %s with the code %s, want %s with the code %s", tt.err, f.Kind, f.Code, fault.Unavailable, tt.code)
		}
	}
}

// TestKeys has texts that are easily taken for one another: no two keys are the same,
// and those of a collection have one hash tag, which no other has.
func TestKeys(t *testing.T) {
	seen := make(map[string]string)
	tags := make(map[string]string)
	for _, epoch := range []string{"", "1", "11", "1:", "e", "1:e"} {
		for _, collection := range []string{"", "a", "a}", "a%7D", "{a", "a:b", "}1:1"} {
			base := newNamer("p", epoch).base(collection)
			tag, _, _ := strings.Cut(strings.TrimPrefix(base, "{"), "}")
			if other, ok := tags[tag]; ok && other != collection {
				t.Errorf("the collections %q and %q share the hash tag %q", collection, other, tag)
			}
			tags[tag] = collection
			for _, kind := range []byte{ofEpoch, ofTag, ofName, ofLease} {
				for _, name := range []string{"", "t", "e", "1", ":"} {
					if kind == ofEpoch && name != "" {
						continue
					}
					is, made := fmt.Sprintf("%q %q %c %q", epoch, collection, kind, name), key(base, kind, name)
					if other, ok := seen[made]; ok {
						t.Errorf("%s and %s have the key %q", is, other, made)
					}
					seen[made] = is
				}
			}
		}
	}
}

// TestWanted shows that what reads asks for the very keys that everything else uses.
func TestWanted(t *testing.T) {
	n := newNamer("p", "epoch")
	tags := []string{"one", "", "three"}
	want := append(keys(n.base("goods"), ofEpoch, "", tags), key(n.base("goods"), ofName, "name"))
	got := n.wanted("goods", tags, "name")
	if len(got) != 1+len(want) || got[0] != "MGET" || got[1] != want[0] {
		t.Fatalf("got %v, want MGET %q", got, want)
	}
	for i, arg := range got[2:] {
		if text := *arg.(*string); text != want[1+i] {
			t.Errorf("key %d is %q, want %q", 1+i, text, want[1+i])
		}
	}
}
