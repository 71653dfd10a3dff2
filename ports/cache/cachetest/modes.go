package cachetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// An Agreed is a Modes with the store that it stands on.
type Agreed struct {
	cache.Modes
	Store repository.Store

	// Hold makes a process known that writes the store and is no member, until
	// release is called.
	Hold func(ctx context.Context) (release func(context.Context) error, err error)
}

// A ModesCase proves one clause of the contract of cache.Modes.
type ModesCase = contract.Case[Agreed]

// RunModes runs the suite over the Modes that open returns, each over a store that
// has seen none. What open opens it also closes, with t.Cleanup.
func RunModes(t *testing.T, open func(t *testing.T) Agreed) {
	t.Helper()
	contract.Run(t, ModesCases(), open)
}

// ModesCases returns the cases of the suite.
func ModesCases() []ModesCase { return slices.Clone(modesCases) }

var modesCases = []ModesCase{
	{Name: "Modes/First", Clause: "Before the first Switch the mode is the zero Mode.", Run: modesFirst},
	{Name: "Modes/Read", Clause: "Read returns the mode as it is.", Run: modesRead},
	{Name: "Modes/ReadSees", Clause: "Read sees every Switch that returned before it was called.", Run: modesReadSees},
	{Name: "Modes/Switch", Clause: "Switch makes next the mode if that is still was, and reports whether it did.", Run: modesSwitch},
	{Name: "Modes/SwitchOnce", Clause: "Of several Switches from one mode to others exactly one succeeds.", Run: modesSwitchOnce},
	{Name: "Modes/SwitchEnds", Clause: "A Switch to On ends all memberships: when it has returned true, nothing is stored any more whose batch has the Witness of one.", Run: modesSwitchEnds},
	{Name: "Modes/SwitchEndsWriting", Clause: "when it has returned true, nothing is stored any more whose batch has the Witness of one.", Run: modesSwitchEndsWriting},
	{Name: "Modes/SwitchBesideOthers", Clause: "It does not succeed while a process that is no member may write.", Run: modesSwitchBesideOthers},
	{Name: "Modes/Join", Clause: "Join makes this process one that writes in the mode, if that is still so, and reports whether it is.", Run: modesJoin},
	{Name: "Modes/Expel", Clause: "Expel ends a membership: when it has returned, nothing is stored any more whose batch has its Witness.", Run: modesExpel},
	{Name: "Modes/ExpelWriting", Clause: "It waits for a batch that is being stored.", Run: modesExpelWriting},
	{Name: "Modes/ExpelTwice", Clause: "A membership that has ended is no error.", Run: modesExpelTwice},
}

// modeOf returns a mode of the state in a new epoch.
func modeOf(state cache.ModeState) cache.Mode {
	mode := cache.Mode{State: state, Epoch: "epoch-" + rand.Text(), Collections: []string{"orders", "products"}}
	if state == cache.On {
		mode.Server = "a server"
	}
	return mode
}

func same(a, b cache.Mode) bool {
	return a.State == b.State && a.Epoch == b.Epoch && a.Server == b.Server && slices.Equal(a.Collections, b.Collections)
}

func wantMode(t contract.T, m Agreed, want cache.Mode) {
	t.Helper()
	if got, err := m.Read(t.Context()); err != nil || !same(got, want) {
		t.Errorf("Read: %+v, %v; want %+v", got, err, want)
	}
}

// become switches from one mode to another.
func become(t contract.T, m Agreed, was, next cache.Mode) {
	t.Helper()
	if switched, err := m.Switch(t.Context(), was, next); err != nil || !switched {
		t.Fatalf("Switch from %+v to %+v: %v, %v", was, next, switched, err)
	}
}

// beginMode switches from nothing to a mode of the state, and returns that.
func beginMode(t contract.T, m Agreed, state cache.ModeState) cache.Mode {
	t.Helper()
	first := modeOf(state)
	become(t, m, cache.Mode{}, first)
	return first
}

func join(t contract.T, m Agreed, at cache.Mode) cache.Member {
	t.Helper()
	member, joined, err := m.Join(t.Context(), at)
	if err != nil || !joined || member.ID == "" || len(member.Witness) == 0 {
		t.Fatalf("Join: %+v, %v, %v", member, joined, err)
	}
	return member
}

// stores reports whether a batch with the witness is stored.
func stores(t contract.T, m Agreed, member cache.Member) bool {
	t.Helper()
	_, err := m.Store.Apply(t.Context(), slices.Clone(member.Witness))
	var failed *repository.BatchError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("a batch with a witness: %v", err)
	}
	return err == nil
}

func modesFirst(t contract.T, m Agreed) { wantMode(t, m, cache.Mode{}) }

func modesRead(t contract.T, m Agreed) {
	was := cache.Mode{}
	for _, state := range []cache.ModeState{cache.Idle, cache.On, cache.Down} {
		next := modeOf(state)
		become(t, m, was, next)
		wantMode(t, m, next)
		was = next
	}
	idle := cache.Mode{State: cache.Idle, Epoch: was.Epoch, Collections: was.Collections}
	become(t, m, was, idle)
	wantMode(t, m, idle)
	none := modeOf(cache.On)
	none.Collections = nil
	become(t, m, idle, none)
	wantMode(t, m, none)
}

func modesReadSees(t contract.T, m Agreed) {
	var latest atomic.Int64 // the number of the last mode that is there for sure
	var all sync.WaitGroup
	const last = 50
	modes := make([]cache.Mode, last+1)
	number := make(map[string]int64, last)
	for i := 1; i <= last; i++ {
		modes[i] = modeOf(cache.Idle)
		number[modes[i].Epoch] = int64(i)
	}
	for range 4 {
		all.Go(func() {
			for latest.Load() < last {
				least := latest.Load()
				got, err := m.Read(t.Context())
				if err != nil || number[got.Epoch] < least {
					t.Errorf("Read: mode %d, %v; want %d or a later one", number[got.Epoch], err, least)
					return
				}
				time.Sleep(time.Millisecond / 2)
			}
		})
	}
	for i := 1; i <= last; i++ {
		if switched, err := m.Switch(t.Context(), modes[i-1], modes[i]); err != nil || !switched {
			t.Errorf("Switch: %v, %v", switched, err)
		}
		latest.Store(int64(i))
		time.Sleep(time.Millisecond)
	}
	all.Wait()
}

func modesSwitch(t contract.T, m Agreed) {
	first := beginMode(t, m, cache.Idle)
	next := modeOf(cache.On)
	for _, was := range []cache.Mode{{}, modeOf(cache.Idle), modeOf(cache.On)} {
		if switched, err := m.Switch(t.Context(), was, next); err != nil || switched {
			t.Errorf("Switch from what is not the mode: %v, %v", switched, err)
		}
	}
	wantMode(t, m, first)
	become(t, m, first, next)
	if switched, err := m.Switch(t.Context(), first, modeOf(cache.Down)); err != nil || switched {
		t.Errorf("Switch from what was the mode before: %v, %v", switched, err)
	}
	wantMode(t, m, next)
}

func modesSwitchOnce(t contract.T, m Agreed) {
	was := cache.Mode{}
	for range 5 {
		var next [8]cache.Mode
		var won atomic.Int64
		var winner atomic.Int64
		var all sync.WaitGroup
		for i := range next {
			next[i] = modeOf(cache.Idle)
			all.Go(func() {
				switched, err := m.Switch(t.Context(), was, next[i])
				if err != nil && fault.KindOf(err) != fault.Unavailable {
					t.Errorf("Switch: %v", err)
				}
				if switched {
					won.Add(1)
					winner.Store(int64(i))
				}
			})
		}
		all.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("%d of %d Switches succeeded", n, len(next))
		}
		was = next[winner.Load()]
		wantMode(t, m, was)
	}
}

func modesSwitchEnds(t contract.T, m Agreed) {
	was := beginMode(t, m, cache.Idle)
	for range 2 {
		var members []cache.Member
		for _, state := range []cache.ModeState{cache.Down, cache.Idle, cache.On} {
			members = append(members, join(t, m, was), join(t, m, was))
			if !stores(t, m, members[len(members)-1]) {
				t.Errorf("in its mode a member stored nothing")
			}
			next := modeOf(state)
			become(t, m, was, next)
			was = next
		}
		for _, member := range members {
			if stores(t, m, member) {
				t.Errorf("after a Switch to On a member of a mode before stored something")
			}
		}
	}
}

// modesSwitchEndsWriting has members join and write all the while.
func modesSwitchEndsWriting(t contract.T, m Agreed) {
	var over sync.Map // epochs from which a Switch has returned
	var now atomic.Pointer[cache.Mode]
	first := beginMode(t, m, cache.Idle)
	now.Store(&first)
	var done atomic.Bool
	var stored atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for !done.Load() {
				at := *now.Load()
				member, joined, err := m.Join(t.Context(), at)
				for err == nil && joined && !done.Load() {
					_, ended := over.Load(at.Epoch)
					if _, err = m.Store.Apply(t.Context(), slices.Clone(member.Witness)); err == nil && ended {
						t.Errorf("a member of a mode from which a Switch had returned stored something")
						return
					}
					stored.Add(1)
				}
			}
		})
	}
	for range 15 {
		time.Sleep(3 * time.Millisecond)
		was, next := *now.Load(), modeOf(cache.On)
		switched, err := m.Switch(t.Context(), was, next)
		if err != nil {
			continue // there were ever more members
		}
		if !switched {
			t.Errorf("nobody else switches, but a Switch did not succeed")
			break
		}
		over.Store(was.Epoch, true)
		now.Store(&next)
	}
	done.Store(true)
	all.Wait()
	if stored.Load() == 0 {
		t.Errorf("nothing was stored, so nothing is shown")
	}
}

func modesSwitchBesideOthers(t contract.T, m Agreed) {
	beginMode(t, m, cache.Idle)
	release, err := m.Hold(t.Context())
	if err != nil {
		t.Fatalf("Hold: %v", err)
	}
	held, err := m.Read(t.Context())
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if switched, err := m.Switch(t.Context(), held, modeOf(cache.On)); err != nil || switched {
		t.Errorf("Switch to On beside another writer: %v, %v", switched, err)
	}
	idle := modeOf(cache.Idle)
	become(t, m, held, idle)
	if err := release(t.Context()); err != nil {
		t.Fatalf("release: %v", err)
	}
	become(t, m, idle, modeOf(cache.On))
}

func modesJoin(t contract.T, m Agreed) {
	for _, at := range []cache.Mode{{}, modeOf(cache.Idle)} {
		if _, joined, err := m.Join(t.Context(), at); err != nil || joined {
			t.Errorf("Join of what is not the mode: %v, %v", joined, err)
		}
	}
	first := beginMode(t, m, cache.On)
	one, two := join(t, m, first), join(t, m, first)
	if one.ID == two.ID {
		t.Errorf("two members are called %s", one.ID)
	}
	become(t, m, first, modeOf(cache.Down))
	if _, joined, err := m.Join(t.Context(), first); err != nil || joined {
		t.Errorf("Join of a mode that is over: %v, %v", joined, err)
	}
}

func modesExpel(t contract.T, m Agreed) {
	first := beginMode(t, m, cache.On)
	one, two := join(t, m, first), join(t, m, first)
	if err := m.Expel(t.Context(), one.ID); err != nil {
		t.Fatalf("Expel: %v", err)
	}
	if stores(t, m, one) {
		t.Errorf("a member that was expelled stored something")
	}
	if !stores(t, m, two) {
		t.Errorf("another member stored nothing")
	}
	wantMode(t, m, first)
	if !stores(t, m, join(t, m, first)) {
		t.Errorf("who joined again stored nothing")
	}
}

// modesExpelWriting expels members while they write: what they began before is
// stored before Expel returns, or never.
func modesExpelWriting(t contract.T, m Agreed) {
	first := beginMode(t, m, cache.Idle)
	for range 10 {
		member := join(t, m, first)
		var expelled atomic.Bool
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					late := expelled.Load()
					_, err := m.Store.Apply(t.Context(), slices.Clone(member.Witness))
					switch {
					case err != nil:
						return
					case late:
						t.Errorf("a member stored something after Expel had returned")
						return
					}
				}
			})
		}
		time.Sleep(2 * time.Millisecond)
		if err := m.Expel(t.Context(), member.ID); err != nil {
			t.Errorf("Expel: %v", err)
		}
		expelled.Store(true)
		all.Wait()
	}
}

func modesExpelTwice(t contract.T, m Agreed) {
	member := join(t, m, beginMode(t, m, cache.Idle))
	for range 2 {
		if err := m.Expel(t.Context(), member.ID); err != nil {
			t.Errorf("Expel: %v", err)
		}
	}
	if err := m.Expel(t.Context(), "member-nobody"); err != nil {
		t.Errorf("Expel of nobody: %v", err)
	}
}
