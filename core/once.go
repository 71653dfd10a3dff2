package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// OnceFor is how long a write with [Once] is remembered.
const OnceFor = 24 * time.Hour

// MaxAnswer is the most octets that a write with [Once] may answer: as base64
// they fit into one record of the weakest store, with room for its other fields.
const MaxAnswer = 700_000

// digestBytes is how many octets the digest of a write has.
const digestBytes = sha256.Size

// MaxOnceKey is the most octets of Once.Key.
const MaxOnceKey = 255

// CodeInProgress is the code of a write that is refused because one with its key is
// being done. To repeat it in a second tells what that came to.
const CodeInProgress = "idempotency-in-progress"

// onceSchema keeps what writes with Once answered, until it expires.
var onceSchema = system(schema.Spec{
	Name: "_idempotency",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "64"},
		{Name: "digest", Type: "bytes", Required: true, Max: "32"},
		{Name: "answer", Type: "bytes", Required: true, Max: strconv.Itoa(MaxAnswer)},
		{Name: "created", Type: "time", Required: true},
		{Name: "expires", Type: "time", Required: true},
	},
	Indexes: [][]string{{"expires"}},
})

// Positions of onceSchema's fields.
const (
	onceID = iota
	onceDigest
	onceAnswer
	onceCreated
	onceExpires
)

// once does a write at most once, if how asks for that: it answers what the same
// write answered before, or lets do write. The gate was passed before.
//
// Whatever do stores, it must store in one batch that begins with the mutations
// of how.claim.put, and hand the batch's error to how.claim.explain: then the
// answer is stored if and only if the write is, and of two instances that do the
// same write at once one fails by its first mutation and answers what the other
// stored. A write that is refused stores nothing, and may be asked for again.
func (a *API) once(ctx context.Context, who policy.Principal, c *collection, how How, do func(How) (Written, error)) (Written, error) {
	if how.Once == nil || how.DryRun {
		how.Once = nil // a trial neither uses the key nor is answered from what was stored
		return do(how)
	}
	claim, err := a.newClaim(who, c, how.Once)
	if err != nil {
		return Written{}, err
	}
	release, ok := a.running.begin(claim.id)
	if !ok {
		return Written{}, inProgress()
	}
	defer release()
	if before, found, err := a.lookUp(ctx, claim); err != nil || found {
		return before, err
	}
	how.claim = claim
	written, err := do(how)
	if err == nil || fault.Of(err).Code == codeUnpublished { // what others may not see yet is not acknowledged
		return written, err
	}
	// Another instance may have done it meanwhile, or this one has, and only did
	// not learn it.
	if twin, found, mismatch := a.lookUp(ctx, claim); found || fault.KindOf(mismatch) == fault.Refused {
		return twin, mismatch
	}
	if errors.Is(err, errTaken) {
		return Written{}, inProgress()
	}
	return Written{}, err
}

// A claim is a key under which a write is being done. A nil claim is that of a
// write without one.
type claim struct {
	once   *Once
	id     record.ID
	digest []byte
	closed *closing // nil: what is stored may be read by whoever has the store
	now    time.Time
	stored record.Revision         // of the key's record, once this claim has stored it
	before repository.Precondition // of the key's record: that there is none, or that it is still the expired one
}

// newClaim returns the claim of the caller's key. What the caller may see of
// the collection is part of the digest: the same subject with fewer rights, as by
// another API key, is not shown what it was shown with more.
func (a *API) newClaim(who policy.Principal, c *collection, once *Once) (*claim, error) {
	switch {
	case !who.Known():
		return nil, fault.New(fault.Unauthenticated, "core.once", "an idempotency key needs a credential: without one nobody can tell whose key it is").
			Coded("idempotency-key-of-nobody").Hinting("send a credential, or leave the key out")
	case once.Key == "" || len(once.Key) > MaxOnceKey:
		return nil, fault.New(fault.Invalid, "core.once", "an idempotency key has 1 to %d octets", MaxOnceKey).Coded("bad-idempotency-key")
	}
	var named []byte
	for _, part := range []string{who.Issuer, who.Subject, once.Route, once.Key} {
		named = binary.BigEndian.AppendUint64(named, uint64(len(part))) // so that no two lists of parts are one text
		named = append(named, part...)
	}
	id := sha256.Sum256(named)
	asked := append([]byte(nil), once.Digest[:]...)
	if read, ok := c.access.For(who, c.Collection, policy.Read); ok {
		asked = append(asked, query.View{Collection: c.Collection, Filter: read.Where, Fields: c.visible(read)}.Canonical()...)
	}
	digest := sha256.Sum256(asked)
	now := a.now()
	name, closed := record.ID(hex.EncodeToString(id[:])), (*closing)(nil)
	if c.Guarded() {
		closed = &closing{sealer: a.sealer, id: name}
	}
	return &claim{
		once: once, id: name, digest: digest[:], closed: closed,
		now: now, stored: record.NewRevision(now), before: repository.Absent,
	}, nil
}

// lookUp returns what the write of the claim answers, and whether it is done. If
// this very claim did it, it is not repeated. An answer that has expired is none,
// and will be replaced.
func (a *API) lookUp(ctx context.Context, cl *claim) (Written, bool, error) {
	view := query.View{Collection: onceSchema, Needs: []int{onceDigest, onceAnswer, onceExpires}}
	rows, err := a.store.Get(ctx, view, []record.ID{cl.id})
	if err != nil || len(rows) == 0 {
		return Written{}, false, err
	}
	stored := rows[0].Values
	if !stored[2].AsTime().After(cl.now) {
		cl.before = repository.At(rows[0].Revision)
		return Written{}, false, nil
	}
	digest, answer, err := cl.closed.open(ctx, []byte(stored[0].AsString()), []byte(stored[1].AsString()))
	switch {
	case err != nil:
		return Written{}, false, err
	case !bytes.Equal(digest, cl.digest):
		return Written{}, false, fault.New(fault.Refused, "core.once", "the idempotency key was used for another request already").
			Coded("idempotency-key-reused").Hinting("repeat exactly that request, with the rights that it was made with, or take another key")
	}
	return Written{Answer: answer, Repeated: rows[0].Revision != cl.stored}, true, nil
}

// put asks what the write answers, notes it in written, and returns the
// mutation that stores it. A nil claim returns none.
func (cl *claim) put(ctx context.Context, written *Written) ([]repository.Mutation, error) {
	if cl == nil {
		return nil, nil
	}
	written.Answer = cl.once.Answer(*written)
	if len(written.Answer) > MaxAnswer {
		return nil, fault.New(fault.TooLarge, "core.once", "the answer has %d octets, and at most %d are kept for an idempotency key", len(written.Answer), MaxAnswer).
			Coded("answer-too-large").Hinting("send Prefer: return=minimal, or fewer records at once")
	}
	digest, answer, err := cl.closed.seal(ctx, cl.digest, written.Answer)
	if err != nil {
		return nil, err
	}
	return []repository.Mutation{{
		Op: repository.Put, Collection: onceSchema, ID: cl.id, If: cl.before, Revision: cl.stored,
		Fields: []record.Value{
			onceID: record.String(string(cl.id)), onceDigest: record.Bytes(digest), onceAnswer: record.Bytes(answer),
			onceCreated: record.Time(cl.now), onceExpires: record.Time(cl.now.Add(OnceFor)),
		},
	}}, nil
}

// explain returns the error of a batch that began with the mutations of put, as
// it is without them.
func (cl *claim) explain(err error) error {
	var failed *repository.BatchError
	if cl == nil || !errors.As(err, &failed) {
		return err
	}
	if failed.Index == 0 {
		return errTaken
	}
	return &repository.BatchError{Index: failed.Index - 1, Err: failed.Err}
}

// errTaken says that the key was taken after it was looked up. To try the write
// again would not help, so its kind is none that is tried again.
var errTaken = errors.New("the idempotency key was taken meanwhile")

func inProgress() error {
	return fault.New(fault.Conflict, "core.once", "a request with this idempotency key is being done at this moment").
		Coded(CodeInProgress).Hinting("repeat yours in a second to learn what it is answered")
}

// running is what keys this process is doing writes for. It is safe for
// concurrent use.
type running struct {
	mu  sync.Mutex
	ids map[record.ID]struct{}
}

// begin takes the key, unless it is taken. The returned function gives it back.
func (r *running) begin(id record.ID) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.ids[id]; taken {
		return nil, false
	}
	if r.ids == nil {
		r.ids = make(map[record.ID]struct{})
	}
	r.ids[id] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ids, id)
	}, true
}
