package layer

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/gather"
	"github.com/portolan-io/portolan/ports/cache"
)

// A Distributed is a cache.Coherent of one of several instances, which share a
// server for what they keep and a store for what is true. An acknowledged write of
// any of them is seen by all, also while the server is down, emptied, replaced by
// an older copy of itself, or cut off from some of them. The file is about reads;
// fencing.go is about writes, epochs.go about the mode.
//
// The store decides whether the server may be used at all: by the mode. While
// that is On, a write puts a fence on its tags at the server before it commits,
// and takes it away after; a read that finds a fence is answered by the store. What
// is kept begins with the tokens that its tags had when the lease was granted, and
// a fence throws the token of its tag away, so what was read before a write is
// never found after it. If a fence cannot be put, the mode goes Down, and nobody
// writes until nobody can rely on the old mode any more.
//
// Why nothing is found that is wrong, as long as the epoch lasts: let a read find
// a value, and a write of one of its tags be acknowledged. If the write put its
// fence in this epoch, then either it is still there, and nothing is found; or it
// was lifted before the lease of the value was granted, hence after the commit,
// and the value was read after that; or it came after, and the token that the
// value begins with is gone. If the write put its fence in another epoch, or none
// because the mode was Idle, then it was committed before this epoch began,
// because who switches the mode On ends all memberships, and with the witness of one
// that has ended nothing is stored; and this epoch began with nothing kept. A mode
// that is On for others, who do not put fences here, lets nobody write: it is ended,
// and waited out, first. No
// clock has a part in that but one: how long an epoch that has ended is relied on.
// For that see cache.Drain.
//
// A fence never expires. If its writer is gone, whoever meets it after [fenceFor]
// expels that writer from the store, and only then takes the fence away.
type Distributed struct {
	server     cache.Server
	modes      cache.Modes
	near       cache.Cache
	entered    atomic.Bool
	schemes    []scheme
	everything string
	timing     Timing
	told       func(from, to cache.Mode, why string)

	seen    atomic.Pointer[sight]
	rest    atomic.Int64 // until when the server is left alone, since started
	started time.Time
	number  atomic.Uint64 // of the last fence
	chores  chores
	figures figures

	looking  gather.Turns[cache.Found] // by the names of keys
	patience patience                  // of looks

	polling sync.Mutex // held by who asks for the mode or changes it, and for these:
	health  health
	why     string // the mode is to end
	trouble string // why the server is not used, as was told
	alone   bool   // it is to begin anew without what others keep
}

var _ cache.Coherent = (*Distributed)(nil)

// Timing is how long things last between instances. All instances have the same.
type Timing struct {
	Poll    time.Duration // how often the mode is asked for
	Rely    time.Duration // how long a reading of it is relied on
	Known   time.Duration // how long the server knows an epoch that nobody renews
	Healthy time.Duration // how long the server must answer before it is used again
	Foreign time.Duration // how long it is remembered what other versions of the service keep
	Fence   time.Duration // how long a fence may stand before its writer is taken for gone
	Look    time.Duration // how long a read waits for the server
	Write   time.Duration // how long a write waits for the server, and once more
	Rest    time.Duration // how long the server is left alone after a read had no answer
	Wait    time.Duration // how long a read waits for what another instance reads
}

// UsualTiming is what instances use.
var UsualTiming = Timing{
	Poll: 250 * time.Millisecond, Rely: cache.Rely, Known: cache.Known, Healthy: 5 * time.Second,
	Foreign: 10 * time.Minute, Fence: time.Minute,
	Look: 50 * time.Millisecond, Write: 500 * time.Millisecond, Rest: time.Second, Wait: 50 * time.Millisecond,
}

// DistributedConfig is what a [Distributed] is made of.
type DistributedConfig struct {
	Server cache.Server
	Modes  cache.Modes
	Near   cache.Cache // in this process, or nil: what the server need not send again
	Timing Timing

	// Collections are those whose answers are kept, each with a text without spaces
	// that says how its tags are made. Everything is the tag that every answer of a
	// collection depends on: it is what this instance fences in a collection whose
	// answers another one keeps under tags of another making.
	Collections map[string]string
	Everything  string

	// Told, if it is not nil, is told of every change of the mode that this instance
	// sees, and what it knows about why; and, with twice the same mode, why the server
	// is not used, whenever that changes. It must not block.
	Told func(from, to cache.Mode, why string)
}

// NewDistributed returns the cache of this instance. It starts nothing: until
// Enter nothing is found, and no write is fenced; then Run keeps it going. It closes
// neither the server nor the near cache.
func NewDistributed(config DistributedConfig) *Distributed {
	d := &Distributed{
		server: config.Server, modes: config.Modes, near: config.Near, timing: config.Timing, told: config.Told,
		schemes: schemesOf(config.Collections), everything: config.Everything, started: time.Now(),
		patience: patience{within: config.Timing.Look}, looking: gather.Turns[cache.Found]{Longest: longestLook},
	}
	if d.told == nil {
		d.told = func(cache.Mode, cache.Mode, string) {}
	}
	d.seen.Store(&sight{epoch: newEpoch(cache.Mode{State: cache.Down}, nil, nil)})
	return d
}

// longestLook is how long a look holds up the next one for the same key.
const longestLook = 100 * time.Millisecond

// Look is of cache.Coherent.
func (d *Distributed) Look(ctx context.Context, key cache.Key) cache.Found {
	now, at := d.seen.Load(), time.Now()
	if !now.reliable(at) || !now.serves(key.Collection) || len(key.Tags) == 0 || d.resting(at) || ctx.Err() != nil {
		return cache.Found{State: cache.Off}
	}
	text := name(key)
	if key.Anew {
		lease, _, state := d.lease(now, key, text) //nolint:contextcheck // of whom it is, see patience
		return cache.Found{State: state, Lease: lease}
	}
	found, _, err := d.looking.Do(ctx, text, func() (cache.Found, error) { return d.look(ctx, now, key, text), ctx.Err() })
	if err != nil {
		return cache.Found{State: cache.Off}
	}
	return found
}

// look looks for all who came while another look for the same was under way.
func (d *Distributed) look(ctx context.Context, now *sight, key cache.Key, text string) cache.Found {
	near := d.nearby(ctx, text)
	var waited time.Duration
	for pause := time.Millisecond; ; pause *= 2 {
		ask := text
		if near != nil {
			ask = ""
		}
		marks, state := d.ask(now, key, ask) //nolint:contextcheck // of whom it is, see patience
		switch {
		case state == cache.Hit && near != nil:
			if value, ok := cutHead(near, marks.Tags); ok && len(value) >= untilSize {
				return cache.Found{State: cache.Hit, Value: value[untilSize:]}
			}
			near = nil // it is old: ask for the value too
			continue
		case state == cache.Hit:
			if value, ok := cutHead(marks.Value, marks.Tags); ok && len(value) >= untilSize {
				d.keepNear(ctx, text, marks.Value, value)
				return cache.Found{State: cache.Hit, Value: value[untilSize:]}
			}
		case state == cache.Off || state == cache.Fenced:
			return cache.Found{State: state}
		}
		lease, first, state := d.lease(now, key, text) //nolint:contextcheck // likewise
		if state != cache.Miss || first || waited >= d.timing.Wait {
			return cache.Found{State: state, Lease: lease}
		}
		select { // another instance reads it
		case <-time.After(pause):
			waited += pause
		case <-ctx.Done():
			return cache.Found{State: cache.Off}
		}
		near = nil
	}
}

// ask asks the server for the marks of the key's tags, and what is kept under the
// text unless that is empty. The state is Hit if no tag is fenced and all have
// tokens; then a right value begins with these.
func (d *Distributed) ask(now *sight, key cache.Key, text string) (cache.Marks, cache.State) {
	marks, err := now.session.Read(d.patience.from(time.Now()), key.Collection, key.Tags, text)
	if !d.answered(now, err) {
		return marks, cache.Off
	}
	state := stateOf(marks.Tags)
	if state == cache.Fenced {
		d.expire(now.epoch, key.Collection, key.Tags, marks.Tags)
	}
	return marks, state
}

// lease asks the server for a lease of the key.
func (d *Distributed) lease(now *sight, key cache.Key, text string) (_ cache.Lease, first bool, state cache.State) {
	tags, first, err := now.session.Lease(d.patience.from(time.Now()), key.Collection, key.Tags, text, newToken(), 2*d.timing.Wait)
	if !d.answered(now, err) {
		return "", false, cache.Off
	}
	switch state = stateOf(tags); state {
	case cache.Fenced:
		return "", false, state
	case cache.Miss: // the server had no room for a token
		return "", false, cache.Off
	}
	return cache.Lease(appendHead([]byte(now.mode.Epoch+leaseSeparator), tags)), first, cache.Miss
}

// leaseSeparator stands in a lease between the epoch and the head.
const leaseSeparator = "/"

// answered reports whether the server answered, in the epoch that is still relied
// on, and does what else that asks for.
func (d *Distributed) answered(now *sight, err error) bool {
	switch {
	case err == nil:
		latest := d.seen.Load()
		return latest.epoch == now.epoch && latest.reliable(time.Now())
	case lost(err):
		d.chores.fall(now.epoch, err)
	default:
		d.rest.Store(int64(time.Since(d.started) + d.timing.Rest))
	}
	return false
}

// lost reports whether an error says that the epoch is over.
func lost(err error) bool {
	if !errors.Is(err, fault.Conflict) {
		return false
	}
	code := fault.Of(err).Code
	return code == cache.EpochLost || code == cache.OtherServer
}

// resting reports whether the server is left alone.
func (d *Distributed) resting(now time.Time) bool { return int64(now.Sub(d.started)) < d.rest.Load() }

// Fill is of cache.Coherent. What was fenced since the lease is not found, because
// it begins with tokens that are gone.
func (d *Distributed) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	now := d.seen.Load()
	epoch, head, ok := strings.Cut(string(lease), leaseSeparator)
	if !ok || now.mode.State != cache.On || now.mode.Epoch != epoch || ttl <= 0 {
		return
	}
	kept := make([]byte, 0, len(head)+untilSize+len(value))
	kept = binary.LittleEndian.AppendUint64(append(kept, head...), uint64(time.Now().Add(ttl).UnixMicro()))
	kept = append(kept, value...)
	ctx, cancel := context.WithTimeout(ctx, d.timing.Look)
	defer cancel()
	text := name(key)
	// What is not kept is a miss the next time.
	if now.session.Fill(ctx, key.Collection, text, kept, ttl) == nil {
		d.keepNear(ctx, text, kept, kept[len(head):])
	}
}

// untilSize is how many octets stand between the head and the value: until when
// the value may be used, in microseconds.
const untilSize = 8

// nearby returns what is kept in this process, or nil.
func (d *Distributed) nearby(ctx context.Context, text string) []byte {
	if d.near == nil {
		return nil
	}
	kept, found, err := d.near.Get(ctx, text)
	if err != nil || !found {
		return nil
	}
	return kept
}

// keepNear keeps in this process what the server keeps, for as long as that does
// by the clock of whoever filled it. Of what is kept, afterHead is what follows the
// head.
func (d *Distributed) keepNear(ctx context.Context, text string, kept, afterHead []byte) {
	if d.near == nil {
		return
	}
	until := time.UnixMicro(int64(binary.LittleEndian.Uint64(afterHead)))
	_ = d.near.Set(ctx, text, kept, min(time.Until(until), cache.TokenTTL))
}
