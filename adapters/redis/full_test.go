package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// TestEvicting refuses to be shared what may forget a fence, says what would be right,
// and serves one instance all the same.
func TestEvicting(t *testing.T) {
	server := single(t, "--maxmemory", "64mb")
	hand, c := direct(t, server.Address), openTest(t, patient(Config{Addrs: []string{server.Address}}))
	for policy, refused := range map[string]bool{
		"allkeys-lru": true, "allkeys-lfu": true, "allkeys-random": true,
		"volatile-lru": false, "volatile-lfu": false, "volatile-random": false, "volatile-ttl": false, "noeviction": false,
	} {
		do(t, hand, "CONFIG", "SET", "maxmemory-policy", policy)
		_, err := c.Identity(t.Context())
		if !refused && err != nil {
			t.Errorf("with %s Identity = %v", policy, err)
		}
		if refused {
			wantCode(t, "with "+policy+" Identity", err, fault.Refused, "evicts")
			if f := fault.Of(err); f != nil && f.Hint == "" {
				t.Errorf("with %s nothing says what would be right", policy)
			}
		}
	}
	do(t, hand, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	do(t, hand, "CONFIG", "SET", "maxmemory", "0")
	if _, err := c.Identity(t.Context()); err != nil {
		t.Errorf("with all the memory there is Identity = %v", err)
	}
}

// TestMode refuses a cluster that is taken for a server.
func TestMode(t *testing.T) {
	addrs, _, _ := startCluster(t)
	_, err := openTest(t, patient(Config{Addrs: addrs[:1]})).Identity(t.Context())
	wantCode(t, "Identity of a node of a cluster", err, fault.Refused, "cluster")
	c, err := Open(t.Context(), patient(Config{Addrs: []string{single(t).Address}, Cluster: true}))
	if err == nil {
		defer c.Close()
		_, err = c.Identity(t.Context())
	}
	if fault.KindOf(err) == "" || fault.KindOf(err) == fault.Internal {
		t.Errorf("a server taken for a cluster = %v", err)
	}
}

// TestFencesStayInFullMemory fills a server that may forget what has an end until it
// has forgotten most of it: fences stay.
func TestFencesStayInFullMemory(t *testing.T) {
	server := single(t, "--maxmemory", "8mb", "--maxmemory-policy", "volatile-lru")
	session, _ := bound(t, openTest(t, patient(Config{Addrs: []string{server.Address}})))
	const values, fences = 3000, 300
	for i := range fences {
		if err := session.Fence(t.Context(), "goods", []string{fmt.Sprint("tag", i)}, "f"); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for i := range values {
		if err := session.Fill(t.Context(), "goods", fmt.Sprint("name", i), make([]byte, 10_000), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	// That the epoch is known may have been forgotten, as all that was used in one second
	// is equally old. Nobody but a test makes it known again.
	if err := session.Announce(t.Context(), []string{"goods"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range values {
		marks, err := session.Read(t.Context(), "goods", []string{fmt.Sprint("tag", i%fences)}, fmt.Sprint("name", i))
		if err != nil {
			t.Fatal(err)
		}
		if marks.Tags[0] != "!f" {
			t.Fatalf("the mark of a fenced tag is %q", marks.Tags[0])
		}
		if marks.Value != nil {
			kept++
		}
	}
	if kept == 0 || kept == values {
		t.Errorf("of %d values %d are kept, so that nothing was tested", values, kept)
	}
}
