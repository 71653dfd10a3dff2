package repositorytest

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

var lifecycleCases = []Case{
	{Name: "Lifecycle/Ping", Clause: "Ping returns nil if the store answers.", Run: lifecyclePing},
	{Name: "Lifecycle/Closed", Clause: quotes(
		"After Close every method but Close and Capabilities returns fault.Unavailable.", beforeOthers,
		"Close lets go of everything the store holds."), Run: lifecycleClosed},
	{Name: "Lifecycle/CloseTwice", Clause: "Calling it again does nothing.", Run: lifecycleCloseTwice},
	{Name: "Lifecycle/Capabilities", Clause: quotes("Capabilities returns what the store can do.", "It never changes.", "A nil Split serves every query."), Run: lifecycleCapabilities},
}

func lifecyclePing(t T, s repository.Store) {
	for range 3 {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v", err)
		}
	}
}

func lifecycleClosed(t T, s repository.Store) {
	store(t, s, things(), thing("a", nil))
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for name, call := range allCalls(s) {
		wantKind(t, name+" after Close", call(t.Context()), fault.Unavailable)
	}
	s.Capabilities()
}

func lifecycleCloseTwice(t T, s repository.Store) {
	for range 3 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	wantKind(t, "Ping after Close", s.Ping(t.Context()), fault.Unavailable)
}

func lifecycleCapabilities(t T, s repository.Store) {
	before := s.Capabilities()
	store(t, s, things(), thing("a", nil))
	after := s.Capabilities()
	if before.Durable != after.Durable || before.Replica != after.Replica || (before.Split == nil) != (after.Split == nil) {
		t.Errorf("the capabilities have changed from %+v to %+v", before, after)
	}
	if before.Split != nil {
		return
	}
	records := odd()
	store(t, s, things(), records...)
	for _, filter := range comparisons(fieldLong, records) {
		wantMatching(t, s, append(records, thing("a", nil)), filter)
	}
}
