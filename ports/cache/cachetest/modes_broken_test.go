package cachetest_test

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// A lasting store says that it outlives the process, so that others may write it.
type lasting struct{ repository.Store }

func (l lasting) Capabilities() repository.Capabilities {
	can := l.Store.Capabilities()
	can.Durable = true
	return can
}

// agreed returns a Modes that is right, but for what change does to it.
func agreed(t contract.T, change func(right cache.Modes) cache.Modes) cachetest.Agreed {
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = store.Close() })
	api, err := core.New(core.Config{Store: lasting{store}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatalf("%v", err)
	}
	return cachetest.Agreed{Modes: change(core.NewMembers(store, nil)), Store: store, Hold: func(ctx context.Context) (func(context.Context) error, error) {
		return api.Hold(ctx, policy.Principal{Local: true})
	}}
}

// A brokenModes does what its functions say, where it has them.
type brokenModes struct {
	cache.Modes
	read   func(context.Context) (cache.Mode, error)
	change func(ctx context.Context, was, next cache.Mode) (bool, error)
	join   func(context.Context, cache.Mode) (cache.Member, bool, error)
	expel  func(context.Context, string) error
}

func (b brokenModes) Read(ctx context.Context) (cache.Mode, error) {
	if b.read != nil {
		return b.read(ctx)
	}
	return b.Modes.Read(ctx)
}

func (b brokenModes) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	if b.change != nil {
		return b.change(ctx, was, next)
	}
	return b.Modes.Switch(ctx, was, next)
}

func (b brokenModes) Join(ctx context.Context, at cache.Mode) (cache.Member, bool, error) {
	if b.join != nil {
		return b.join(ctx, at)
	}
	return b.Modes.Join(ctx, at)
}

func (b brokenModes) Expel(ctx context.Context, member string) error {
	if b.expel != nil {
		return b.expel(ctx, member)
	}
	return b.Modes.Expel(ctx, member)
}

// wrongModes are ways to be wrong, and a case that must see each.
var wrongModes = []struct {
	name, catcher string
	change        func(right cache.Modes) cache.Modes
}{
	{"begins with something", "Modes/First", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, read: func(ctx context.Context) (cache.Mode, error) {
			mode, err := right.Read(ctx)
			if mode.Epoch == "" {
				mode.State = cache.On
			}
			return mode, err
		}}
	}},
	{"forgets the server", "Modes/Read", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, read: func(ctx context.Context) (cache.Mode, error) {
			mode, err := right.Read(ctx)
			mode.Server = ""
			return mode, err
		}}
	}},
	{"reads what was once", "Modes/ReadSees", func(right cache.Modes) cache.Modes {
		var kept cache.Mode
		return brokenModes{Modes: right, read: func(ctx context.Context) (cache.Mode, error) {
			var err error
			if kept.Epoch == "" {
				kept, err = right.Read(ctx)
			}
			return kept, err
		}}
	}},
	{"switches from anything", "Modes/Switch", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, change: func(ctx context.Context, _, next cache.Mode) (bool, error) {
			was, err := right.Read(ctx)
			if err != nil {
				return false, err
			}
			return right.Switch(ctx, was, next)
		}}
	}},
	{"says that it switched", "Modes/SwitchOnce", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, change: func(ctx context.Context, was, next cache.Mode) (bool, error) {
			_, err := right.Switch(ctx, was, next)
			return true, err
		}}
	}},
	{"has members without a witness that ends", "Modes/SwitchEnds", immortal},
	{"has members that write on", "Modes/SwitchEndsWriting", immortal},
	{"has members that nobody can expel", "Modes/Expel", immortal},
	{"expels nobody", "Modes/ExpelWriting", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, expel: func(context.Context, string) error { return nil }}
	}},
	{"joins what is over", "Modes/Join", func(right cache.Modes) cache.Modes {
		return brokenModes{Modes: right, join: func(ctx context.Context, _ cache.Mode) (cache.Member, bool, error) {
			at, err := right.Read(ctx)
			if err != nil {
				return cache.Member{}, false, err
			}
			return right.Join(ctx, at)
		}}
	}},
	{"expels once", "Modes/ExpelTwice", func(right cache.Modes) cache.Modes {
		gone := make(map[string]bool)
		return brokenModes{Modes: right, expel: func(ctx context.Context, member string) error {
			if gone[member] {
				return context.Canceled
			}
			gone[member] = true
			return right.Expel(ctx, member)
		}}
	}},
}

// immortal gives each member the witness that the mode was there once.
func immortal(right cache.Modes) cache.Modes {
	return brokenModes{Modes: right, join: func(ctx context.Context, at cache.Mode) (cache.Member, bool, error) {
		member, joined, err := right.Join(ctx, at)
		for i := range member.Witness {
			member.Witness[i].If = repository.Always
		}
		return member, joined, err
	}}
}

func TestBrokenModes(t *testing.T) {
	for _, wrong := range wrongModes {
		t.Run(wrong.name, func(t *testing.T) {
			var cases []cachetest.ModesCase
			for _, c := range cachetest.ModesCases() {
				if c.Name == wrong.catcher {
					cases = append(cases, c)
				}
			}
			if len(contract.Failing(t.Context(), cases, func(t contract.T) cachetest.Agreed { return agreed(t, wrong.change) })) == 0 {
				t.Errorf("the case %s does not fail", wrong.catcher)
			}
			if failing := contract.Failing(t.Context(), cases, func(t contract.T) cachetest.Agreed {
				return agreed(t, func(right cache.Modes) cache.Modes { return right })
			}); len(failing) > 0 {
				t.Errorf("the case %s fails over what is right", wrong.catcher)
			}
		})
	}
}

// modesDescriptions are the sentences that promise nothing.
var modesDescriptions = []string{
	"Modes keeps, where the records are, whether the instances of a service may answer from the [Server] that they share",
	"A Modes is safe for concurrent use.",
	"Its errors are those of a repository.Store.",
	"The store decides that, never the server: what the store says outlives every server, and a write can check it in its own transaction.",
}

func TestModesClauses(t *testing.T) {
	lines, err := contract.Disagreements("../mode.go", cachetest.ModesCases(), modesDescriptions...)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
