package cachetest

import (
	"strings"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

const neverFails = "It never fails a read: what it cannot find out is not cached."

var coherentFaultCases = []CoherentCase{
	{Name: "Fault/Get", Clause: neverFails, Run: faultGet},
	{Name: "Fault/Set", Clause: neverFails, Run: faultSet},
	{Name: "Fault/Delete", Clause: afterPublish, Run: faultDelete},
	{Name: "Fault/Full", Clause: neverFails, Run: faultFull},
	{Name: "Fault/Forgets", Clause: neverFails, Run: faultForgets},
	{Name: "Fault/Closed", Clause: neverFails, Run: faultClosed},
	{Name: "Fault/Done", Clause: neverFails, Run: faultDone},
	{Name: "Fault/Foreign", Clause: neverFails, Run: faultForeign},
	{Name: "Fault/NotAcknowledged", Clause: "The write is acknowledged only if Publish returned no error.", Run: faultNotAcknowledged},
	{Name: "Fault/Restart", Clause: "A Coherent cache never answers with what an acknowledged write has changed", Run: faultRestart},
}

// mayWrite writes the tag as a caller does: what it cannot fence, or publish, is
// not acknowledged. It reports whether the write was.
func (s steps) mayWrite(tag string) bool {
	s.Helper()
	fence, err := s.Fence(s.Context(), "things", []string{tag})
	return err == nil && fence.Publish(s.Context(), true) == nil
}

func faultGet(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	below.fail(true, "Get")
	found := s.Look(s.Context(), k)
	if found.State == cache.Hit {
		s.Errorf("Look is a Hit, though the cache does not answer")
	}
	s.fill(k, found.Lease, "old")
	acknowledged := s.mayWrite("all")
	below.fail(false, "Get")
	if acknowledged {
		s.stale(k)
	}
}

// faultSet has the cache fail to replace what it keeps.
func faultSet(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	below.fail(true, "Set")
	if !s.mayWrite("all") {
		return
	}
	s.fill(k, s.Look(s.Context(), k).Lease, "new")
	if found := s.Look(s.Context(), k); found.State == cache.Hit && string(found.Value) == "old" {
		s.Errorf("Look is a Hit of what was kept before the write, because it could not be replaced")
	}
	below.fail(false, "Set")
	if found := s.Look(s.Context(), k); found.State == cache.Hit && string(found.Value) == "old" {
		s.Errorf("Look is a Hit of what was kept before the write, once the cache works again")
	}
}

// faultDelete has the cache fail to remove what it keeps, and in the end
// everything: a write that is acknowledged all the same is one that was seen.
func faultDelete(t contract.T, over Over) {
	for _, methods := range [][]string{{"Delete"}, {"Delete", "Set"}, {"Delete", "Set", "Get"}} {
		s, below := begin(t, over)
		k := key("one", "all")
		s.keep(k, "old")
		below.fail(true, methods...)
		acknowledged := s.mayWrite("all")
		below.fail(false, methods...)
		if acknowledged {
			s.stale(k)
		}
	}
}

func faultFull(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	below.fail(true, "full")
	s.write("all")
	s.fill(k, s.lease(k), "new")
	s.lease(k)
	below.fail(false, "full")
	s.keep(k, "new")
	s.hit(k, "new")
}

// faultForgets has the cache forget everything at every moment of a write.
func faultForgets(t contract.T, over Over) {
	for _, order := range interleaved("LF", "AP", "x") {
		s, below := begin(t, over)
		k := key("one", "all")
		s.keep(k, "old")
		var lease cache.Lease
		var publish func(bool)
		for _, step := range order {
			switch step {
			case 'L':
				lease = s.Look(s.Context(), k).Lease
			case 'F':
				s.fill(k, lease, "old")
			case 'A':
				publish = s.fence("all")
			case 'P':
				publish(true)
			case 'x':
				below.forget()
			}
		}
		found := s.Look(s.Context(), k)
		if found.State == cache.Hit && strings.Index(order, "L") < strings.Index(order, "P") {
			s.Errorf("order %s: Look is a Hit of what was read before a write", order)
		}
	}
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "1")
	below.forget()
	s.keep(k, "2")
	s.hit(k, "2")
}

// faultClosed closes the cache below, as the end of a process does while its
// last requests are answered.
func faultClosed(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	_ = below.Close()
	found := s.Look(s.Context(), k)
	if found.State == cache.Hit {
		s.Errorf("Look is a Hit, though the cache is closed")
	}
	s.fill(k, found.Lease, "old")
	s.mayWrite("all")
}

// faultDone has callers who went away before each step.
func faultDone(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	gone := ended(s.Context())
	if found := s.Look(gone, k); found.State == cache.Hit && string(found.Value) != "old" {
		s.Errorf("Look with a context that is done is a Hit of %q", found.Value)
	}
	fence, err := s.Fence(gone, "things", []string{"all"})
	if err != nil {
		return // nothing is written, and it may be said
	}
	s.fenced(k)
	s.Fill(gone, k, s.Look(gone, k).Lease, []byte("old"), long)
	if err := fence.Publish(gone, true); err != nil {
		s.Logf("publishing with a context that is done: %v", err)
	}
	s.stale(k)
}

// faultForeign has the cache keep, under every key that it knows, what a
// Coherent never put there, as one of another version would.
func faultForeign(t contract.T, over Over) {
	for _, foreign := range []string{"", "x", "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "{}", "something much longer than what any header would take"} {
		s, below := begin(t, over)
		k := key("one", "all")
		s.keep(k, "value")
		below.mu.Lock()
		for name := range below.kept {
			below.kept[name] = entry{[]byte(foreign), time.Now().Add(long)}
		}
		below.mu.Unlock()
		if found := s.Look(s.Context(), k); found.State == cache.Hit {
			s.Errorf("Look is a Hit of %q, because the cache keeps the octets %q, which nobody filled", found.Value, foreign)
		}
	}
}

// faultNotAcknowledged has the cache fail between the fence and its end.
func faultNotAcknowledged(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	fence, err := s.Fence(s.Context(), "things", []string{"all"})
	if err != nil {
		s.Fatalf("Fence: %v", err)
	}
	below.fail(true, "Get", "Set", "Delete")
	acknowledged := fence.Publish(s.Context(), true) == nil
	below.fail(false, "Get", "Set", "Delete")
	if acknowledged {
		s.stale(k)
	}
}

// faultRestart begins anew over a cache that outlived the process: what was
// written in the meantime is not known, so nothing of before may be believed.
func faultRestart(t contract.T, over Over) {
	s, below := begin(t, over)
	k, never := key("one", "all"), key("two", "never written")
	s.keep(k, "old")
	late := s.lease(never)
	s.write("all")

	again := steps{t, over(below)}
	again.stale(k)
	again.fill(never, late, "old") // a lease from another life
	again.stale(never)
	again.write("all")
	again.keep(k, "new")
	again.hit(k, "new")
}
