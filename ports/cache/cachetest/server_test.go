package cachetest_test

import (
	"testing"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
)

// A sharedServer is a Line to a server of its own, to which things can be done.
type sharedServer struct {
	cache.Server
	shared *cachetest.Shared
}

func (s sharedServer) Replace(contract.T)         { s.shared.Restart() }
func (s sharedServer) Empty(contract.T)           { s.shared.Flush() }
func (s sharedServer) Full(_ contract.T, is bool) { s.shared.Full(is) }

func openShared(t contract.T) sharedServer {
	shared := cachetest.NewShared()
	line := shared.Line(nil)
	t.Cleanup(func() { _ = line.Close() })
	return sharedServer{line, shared}
}

// TestSharedIsRight runs the suite over the server that the broken ones are made of.
func TestSharedIsRight(t *testing.T) {
	cachetest.RunServer(t, func(t *testing.T) cache.Server { return openShared(t) })
}

// TestServerClauses compares the suite with the contract.
func TestServerClauses(t *testing.T) {
	lines, err := contract.Disagreements("../server.go", cachetest.ServerCases(), cachetest.ServerDescriptions()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}

// TestBrokenServersAreCaught runs over each broken server the case that must catch
// it, and shows that no case passes whatever the server does.
func TestBrokenServersAreCaught(t *testing.T) {
	cases := make(map[string]cachetest.ServerCase)
	for _, c := range cachetest.ServerCases() {
		if _, twice := cases[c.Name]; twice {
			t.Errorf("two cases are called %s", c.Name)
		}
		cases[c.Name] = c
	}
	caught := make(map[string]bool)
	for _, b := range brokenServers {
		caught[b.caught] = true
		t.Run(b.name, func(t *testing.T) {
			c, ok := cases[b.caught]
			if !ok {
				t.Fatalf("there is no case %s", b.caught)
			}
			failing := contract.Failing(t.Context(), []cachetest.ServerCase{c}, func(t contract.T) cache.Server { return b.with(openShared(t)) })
			if len(failing) == 0 {
				t.Errorf("the case %s does not fail", b.caught)
			}
		})
	}
	for name := range cases {
		if !caught[name] {
			t.Errorf("the case %s catches no broken server", name)
		}
	}
}
