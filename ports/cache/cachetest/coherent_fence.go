package cachetest

import (
	"strconv"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

const (
	unsettled = "Settled says that what the store made of the write is known; if not, the tags stay fenced for as long as the store may still commit it."
	equal     = "Leases of one key are equal only if none of its tags was fenced between them, so whoever holds an equal one may share what the other reads."
)

var coherentFenceCases = []CoherentCase{
	{Name: "Fence/Two", Clause: ends, Run: fenceTwo},
	{Name: "Fence/SharedTags", Clause: between, Run: fenceSharedTags},
	{Name: "Fence/TagTwice", Clause: ends, Run: fenceTagTwice},
	{Name: "Fence/Begins", Clause: "Fence begins a write of what depends on the tags.", Run: fenceBegins},
	{Name: "Fence/NothingStored", Clause: "whether it was stored or not", Run: fenceNothingStored},
	{Name: "Fence/Unsettled", Clause: unsettled, Run: fenceUnsettled},
	{Name: "Fence/UnsettledAmongOthers", Clause: unsettled, Run: fenceUnsettledAmongOthers},
	{Name: "Fence/ManyTags", Clause: afterPublish, Run: fenceManyTags},
}

var coherentLeaseCases = []CoherentCase{
	{Name: "Lease/Differs", Clause: equal, Run: leaseDiffers},
	{Name: "Lease/Permits", Clause: "A Lease is the permission to fill a key with what is read from now on.", Run: leasePermits},
	{Name: "Lease/AfterManyOthers", Clause: fillClause, Run: leaseAfterManyOthers},
}

// fenceTwo has two writes of one tag at once, that end in either order.
func fenceTwo(t contract.T, over Over) {
	for _, reversed := range []bool{false, true} {
		s, _ := begin(t, over)
		k := key("one", "all")
		first := s.fence("all")
		second := s.fence("all")
		if reversed {
			first, second = second, first
		}
		first(true)
		s.fenced(k)
		second(true)
		s.keep(k, "new")
		s.hit(k, "new")
	}
}

// fenceSharedTags has two writes with one tag in common, named in opposite
// orders: neither waits for the other, and the end of one is not that of both.
func fenceSharedTags(t contract.T, over Over) {
	s, _ := begin(t, over)
	left, shared, right := key("left", "l"), key("shared", "m"), key("right", "r")
	one := s.fence("l", "m")
	two := s.fence("r", "m")
	three := s.fence("m", "l")
	one(true)
	s.fenced(left)
	s.fenced(shared)
	s.fenced(right)
	three(true)
	s.keep(left, "left")
	s.fenced(shared)
	two(true)
	for _, k := range []cache.Key{shared, right} {
		s.keep(k, k.Text)
		s.hit(k, k.Text)
	}
	s.hit(left, "left")
}

// fenceTagTwice names a tag more than once, in a write and in a key.
func fenceTagTwice(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all", "all")
	s.keep(k, "old")
	s.hit(k, "old")
	publish := s.fence("all", "other", "all")
	s.fenced(k)
	publish(true)
	s.stale(k)
	s.keep(k, "new")
	s.hit(k, "new")
}

// fenceBegins has one write of many tags: all of them are fenced at once.
func fenceBegins(t contract.T, over Over) {
	s, _ := begin(t, over)
	tags := many("record", 500)
	for _, tag := range tags {
		s.keep(key("of "+tag, tag), "old")
	}
	publish := s.fence(tags...)
	for _, tag := range tags {
		s.fenced(key("of "+tag, tag))
	}
	publish(true)
	for _, tag := range tags {
		s.stale(key("of "+tag, tag))
		s.keep(key("of "+tag, tag), "new")
		s.hit(key("of "+tag, tag), "new")
	}
}

// fenceNothingStored ends a write that stored nothing, also one whose caller
// went away: the tags are as usable as before.
func fenceNothingStored(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	fence, err := s.Fence(s.Context(), "things", []string{"all"})
	if err != nil {
		s.Fatalf("Fence: %v", err)
	}
	if err := fence.Publish(ended(s.Context()), true); err != nil {
		s.Logf("publishing with a context that is done: %v", err)
		s.stale(k)
		return
	}
	s.keep(k, "as it was")
	s.hit(k, "as it was")
}

func fenceUnsettled(t contract.T, over Over) {
	s, _ := begin(t, over)
	k, kept := key("never kept", "all"), key("kept", "all")
	s.keep(kept, "old")
	lease := s.lease(k)
	s.fence("all")(false)
	s.fenced(k)
	s.fenced(kept)
	s.fill(k, lease, "old")
	s.fill(k, s.Look(s.Context(), k).Lease, "old")
	s.fenced(k)
}

// fenceUnsettledAmongOthers has writes that are settled after one that is not:
// they end their own fences alone.
func fenceUnsettledAmongOthers(t contract.T, over Over) {
	s, _ := begin(t, over)
	k, other := key("one", "all"), key("two", "other")
	before := s.fence("all", "other")
	s.fence("all")(false)
	before(true)
	s.write("all")
	time.Sleep(moment)
	s.fenced(k)
	s.keep(other, "new")
	s.hit(other, "new")
}

// fenceManyTags writes a very great number of other tags after one: what a
// cache remembers of tags may be bounded, but what it forgets must not come to
// life again.
func fenceManyTags(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	s.write("all")
	s.writeMany(20_000)
	s.stale(k)
	s.keep(k, "new")
	open := s.fence("all")
	s.writeMany(20_000)
	s.fenced(k)
	open(true)
	s.stale(k)
}

// leaseDiffers compares leases before and after writes of one tag, or another,
// of the key.
func leaseDiffers(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("page", "record", "scope", "collection")
	seen := map[cache.Lease]string{s.lease(k): "the beginning"}
	for i, written := range []string{"record", "scope", "collection", "scope", "record", "record"} {
		s.write(written)
		lease := s.lease(k)
		if before, ok := seen[lease]; ok {
			s.Errorf("the lease after a write of %s is equal to that after %s", written, before)
		}
		seen[lease] = "write " + strconv.Itoa(i) + ", of " + written
	}
}

// leasePermits has several leases at once: each permits to fill.
func leasePermits(t contract.T, over Over) {
	s, _ := begin(t, over)
	one, two := key("one", "all"), key("two", "all")
	first, other, second := s.lease(one), s.lease(two), s.lease(one)
	s.fill(two, other, "2")
	s.fill(one, first, "1")
	s.fill(one, second, "1")
	s.hit(one, "1")
	s.hit(two, "2")
	s.write("all")
	s.keep(one, "1")
	s.hit(one, "1")
}

// leaseAfterManyOthers keeps a lease while its tag, and then a very great number
// of others, are written.
func leaseAfterManyOthers(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	late := s.lease(k)
	s.write("all")
	s.writeMany(20_000)
	s.fill(k, late, "old")
	s.stale(k)
	if s.lease(k) == late {
		s.Errorf("the lease after a write of its tag, and of many others, is equal to that before")
	}
}

// writeMany writes n tags that nothing else uses, a hundred at a time.
func (s steps) writeMany(n int) {
	s.Helper()
	tags := many("other", n)
	for i := 0; i < n; i += 100 {
		fence, err := s.Fence(s.Context(), "things", tags[i:i+100])
		if err != nil {
			s.Fatalf("Fence: %v", err)
		}
		if err := fence.Publish(s.Context(), true); err != nil {
			s.Fatalf("publishing: %v", err)
		}
	}
}

// many returns n tags.
func many(name string, n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = name + " " + strconv.Itoa(i)
	}
	return tags
}
