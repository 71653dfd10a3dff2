package cachetest

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

const (
	afterPublish = "whoever asks after a write's Publish returned gets nothing that was read before that write."
	between      = "in between nobody is answered from the cache, or fills it, by these tags."
	ends         = "Publish ends the write, and is called exactly once, whether it was stored or not."
)

var coherentOrderCases = []CoherentCase{
	{Name: "Order/FillFencePublish", Clause: afterPublish, Run: orderFillFencePublish},
	{Name: "Order/FenceFillPublish", Clause: afterPublish, Run: orderFenceFillPublish},
	{Name: "Order/FencePublishFill", Clause: fillClause, Run: orderFencePublishFill},
	{Name: "Order/LookWhileFenced", Clause: between, Run: orderLookWhileFenced},
	{Name: "Order/FillByAnEmptyLease", Clause: "An empty Lease permits nothing.", Run: orderEmptyLease},
	{Name: "Order/OldLeaseNewEntry", Clause: fillClause, Run: orderOldLeaseNewEntry},
	{Name: "Order/AnyTag", Clause: lookClause, Run: orderAnyTag},
	{Name: "Order/SlowSet", Clause: afterPublish, Run: orderSlowSet},
	{Name: "Order/All", Clause: "A write fences the tags that it changes before it commits, and publishes after; in between nobody is answered from the cache, or fills it, by these tags.", Run: orderAll},
}

func orderFillFencePublish(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	s.keep(k, "old")
	publish := s.fence("all")
	s.fenced(k)
	publish(true)
	s.stale(k)
	s.keep(k, "new")
	s.hit(k, "new")
}

func orderFenceFillPublish(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	lease := s.lease(k)
	publish := s.fence("all")
	s.fill(k, lease, "old")
	s.fenced(k)
	publish(true)
	s.stale(k)
}

func orderFencePublishFill(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	lease := s.lease(k)
	s.write("all")
	s.fill(k, lease, "old")
	s.stale(k)
}

// orderLookWhileFenced looks during a write, and fills with what it got then.
func orderLookWhileFenced(t contract.T, over Over) {
	s, _ := begin(t, over)
	k, fresh := key("one", "all"), key("never kept", "all")
	s.keep(k, "old")
	publish := s.fence("all")
	s.fenced(fresh)
	found := s.Look(s.Context(), k)
	s.fill(k, found.Lease, "old")
	s.fenced(k)
	publish(true)
	s.fill(k, found.Lease, "old")
	s.stale(k)
}

func orderEmptyLease(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	s.fill(k, "", "unasked")
	s.lease(k)
	s.write("all")
	s.fill(k, "", "unasked")
	s.stale(k)
}

// orderOldLeaseNewEntry fills late, when others have filled with what is new.
func orderOldLeaseNewEntry(t contract.T, over Over) {
	s, _ := begin(t, over)
	k := key("one", "all")
	late := s.lease(k)
	s.write("all")
	s.keep(k, "new")
	s.fill(k, late, "old")
	if found := s.Look(s.Context(), k); found.State == cache.Hit && string(found.Value) == "old" {
		s.Errorf("a fill with a lease from before the write replaced what was read after it")
	}
}

// orderAnyTag writes one of several tags at a time, wherever it stands.
func orderAnyTag(t contract.T, over Over) {
	s, _ := begin(t, over)
	tags := []string{"record", "scope", "collection"}
	for _, written := range tags {
		k := key("page", tags...)
		s.keep(k, "old")
		publish := s.fence("something else", written)
		s.fenced(k)
		publish(true)
		s.stale(k)

		lease := s.lease(k)
		s.write(written, "something else")
		s.fill(k, lease, "old")
		s.stale(k)
	}
}

// orderSlowSet has the cache keep a value only after the write during which it
// was filled: whatever was looked at before, the value must not be a Hit.
func orderSlowSet(t contract.T, over Over) {
	s, below := begin(t, over)
	k := key("one", "all")
	lease := s.lease(k)
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	below.mu.Lock()
	below.hold = func() { entered <- struct{}{}; <-leave }
	below.mu.Unlock()

	filled, written := make(chan struct{}), make(chan struct{})
	go func() { defer close(filled); s.fill(k, lease, "old") }()
	<-entered
	go func() { // a fence may wait for a fill that is under way
		defer close(written)
		fence, err := s.Fence(s.Context(), "things", []string{"all"})
		if err != nil {
			s.Errorf("Fence: %v", err)
			return
		}
		if err := fence.Publish(s.Context(), true); err != nil {
			s.Errorf("publishing: %v", err)
		}
	}()
	select {
	case <-written:
	case <-time.After(moment):
	}
	close(leave)
	s.soon("a fill or a write", func() { <-filled; <-written })
	s.stale(k)
}

// orderAll goes through every order of two writes and a fill whose parts keep
// their own order, over tags that the writes have or do not have in common.
func orderAll(t contract.T, over Over) {
	for _, second := range []string{"all", "other"} {
		for _, order := range interleaved("LF", "AP", "BQ") {
			s, _ := begin(t, over)
			run(s, order, second)
		}
	}
}

// run does the steps of an order: L looks and F fills, A and B fence, P and Q
// publish. It keeps book of what may be believed, and compares.
func run(s steps, order, second string) {
	k := key("page", "all", "other")
	var publish [2]func(bool)
	var found cache.Found
	open, begun, granted := 0, 0, -1
	for _, step := range order {
		switch step {
		case 'L':
			if found = s.Look(s.Context(), k); found.State == cache.Miss && open == 0 {
				granted = begun
			} else if open > 0 && found.State != cache.Fenced {
				s.Errorf("order %s: Look = state %d while a tag is fenced", order, found.State)
			}
		case 'F':
			s.fill(k, found.Lease, "read")
		case 'A':
			publish[0], open, begun = s.fence("all"), open+1, begun+1
		case 'B':
			publish[1], open, begun = s.fence(second), open+1, begun+1
		case 'P', 'Q':
			publish[(step - 'P')](true)
			open--
		}
	}
	if after := s.Look(s.Context(), k); after.State == cache.Hit && granted != begun {
		s.Errorf("order %s: Look is a Hit of what was read before a write", order)
	} else if after.State != cache.Hit && granted == begun {
		s.Errorf("order %s: Look = state %d of what was filled after all writes, want a Hit", order, after.State)
	}
}

// interleaved returns every text that has the octets of each part in their order.
func interleaved(parts ...string) []string {
	var all []string
	empty := true
	for i, part := range parts {
		if part == "" {
			continue
		}
		empty = false
		rest := append([]string(nil), parts...)
		rest[i] = part[1:]
		for _, text := range interleaved(rest...) {
			all = append(all, part[:1]+text)
		}
	}
	if empty {
		return []string{""}
	}
	return all
}

// ended returns ctx as it is when a caller has gone away.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
