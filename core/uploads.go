package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Uploads are imports whose sources callers send. Each is kept in a file until
// it is imported, by [Uploads.Work], as a job that anybody may end at any moment
// and a later process goes on with. It is safe for concurrent use.
type Uploads struct {
	serving atomic.Pointer[serving]
	most    atomic.Int64
	spool   *spool
	queue   chan received // what was received; there is room for every place
	pause   time.Duration // before what failed for want of the store is tried again
	broken  func(job string, err error)
	warn    func(job, what string, err error)

	mu     sync.Mutex
	held   map[record.ID]*os.File // the locked files of what is received, waits or is imported; nil while one is made
	places map[caller]int         // how many of its uploads are received, wait or are imported
	warned time.Time              // when somebody was told last that the store is away
}

// CodeTooManyImports is the code of an upload for which there is no place.
const CodeTooManyImports = "too-many-imports"

// A caller is whose uploads are counted: all that nobody in particular sends are
// those of one.
type caller struct{ issuer, subject string }

// received is an upload that waits to be imported, and whose place it takes.
type received struct {
	id record.ID
	by caller
}

// UploadsConfig is what Uploads are made from.
type UploadsConfig struct {
	API *API

	// Dir is where the files are; it is made if it is not there. Only with the same
	// Dir does a later process go on with what an earlier one accepted. Empty is a
	// new directory among the temporary files, which is made when it is needed, and
	// removed by Close.
	Dir string

	MaxOctets int64 // of one source; 0 is DefaultMaxUpload

	// Broken is told of jobs that failed by a defect, with the cause that callers
	// are not told; nil is not.
	Broken func(job string, err error)

	// Warn is told of jobs whose file is lost, and, at most once a minute, of one
	// that waits for the store; nil is not. What is a sentence about the job.
	Warn func(job, what string, err error)
}

// DefaultMaxUpload is the most octets of one upload, if nothing else is said.
const DefaultMaxUpload = 1 << 30

const (
	uploadWorkers = 2
	uploadPlaces  = 10 // uploads at once in all: those that are imported, wait, or are being received
	callerPlaces  = 3  // of these, those of one caller
)

// NewUploads returns Uploads whose directory is ready. Nothing is imported
// before Work is called.
func NewUploads(config UploadsConfig) (*Uploads, error) {
	spool, err := openSpool(config.Dir)
	if err != nil {
		return nil, err
	}
	if config.Broken == nil {
		config.Broken = func(string, error) {}
	}
	if config.Warn == nil {
		config.Warn = func(string, string, error) {}
	}
	u := &Uploads{
		spool: spool, pause: time.Second, broken: config.Broken, warn: config.Warn,
		queue: make(chan received, uploadPlaces), held: make(map[record.ID]*os.File), places: make(map[caller]int),
	}
	u.Serve(config.API, config.MaxOctets, nil)
	return u, nil
}

// A serving is by what uploads are received and imported.
type serving struct {
	api   *API
	enter func() (leave func(), ok bool) // nil: the API is there for as long as the Uploads
	over  chan struct{}                  // closed when another one serves
}

// Serve has all that is received and imported from now on go by api, which serves the same
// store, and sources have most octets at most. What is being imported goes on by it behind
// the rows that are being stored.
//
// What uses the API calls enter before, and leave when it is done. If enter is not ok the
// API is not to be used any more, because another one serves.
func (u *Uploads) Serve(api *API, most int64, enter func() (leave func(), ok bool)) {
	if most <= 0 {
		most = DefaultMaxUpload
	}
	u.most.Store(most)
	if former := u.serving.Swap(&serving{api: api, enter: enter, over: make(chan struct{})}); former != nil {
		close(former.over)
	}
}

// use returns by what to work now, and what to call when that is done.
func (u *Uploads) use(ctx context.Context) (by *serving, leave func(), err error) {
	for ctx.Err() == nil {
		s := u.serving.Load()
		if s.enter == nil {
			return s, func() {}, nil
		}
		if leave, ok := s.enter(); ok {
			return s, leave, nil
		}
		sleep(ctx, time.Millisecond) // another one is about to serve
	}
	return nil, nil, ctx.Err()
}

// api returns that by which is received now. Who receives is within a request, for which
// the API is there.
func (u *Uploads) api() *API { return u.serving.Load().api }

// MaxOctets returns the most octets of one upload, decompressed.
func (u *Uploads) MaxOctets() int64 { return u.most.Load() }

// Close lets go of all files, and removes those that no later process can use.
// Work must have returned; an Upload that is being received comes to nothing.
// Calling it again does nothing.
func (u *Uploads) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	for id, file := range u.held {
		if file == nil {
			continue
		}
		if u.api().store.Capabilities().Durable && !u.spool.own {
			errs = append(errs, file.Close()) // which unlocks it
		} else {
			errs = append(errs, discard(file))
		}
		delete(u.held, id)
	}
	return errors.Join(append(errs, u.spool.close())...)
}

// An Upload is one source while it is received. It belongs to one goroutine,
// which ends it with Submit or Discard.
type Upload struct {
	u      *Uploads
	a      *API
	c      *collection
	who    policy.Principal
	by     caller
	job    job
	file   *os.File // nil once it is submitted or discarded, and of a repetition
	hash   hash.Hash
	failed error
	full   error // of a repetition: why it would have no place
}

// Receive begins an upload for the collection. The caller needs the rights of
// [API.Import], and nothing is to be read from whoever lacks them. As many at
// once as there can be, in all or of one caller, are fault.Unavailable with the
// code too-many-imports.
func (u *Uploads) Receive(_ context.Context, who policy.Principal, collection string, format ingest.Format) (*Upload, error) {
	a := u.api()
	c, err := a.importGate(who, collection)
	if err != nil {
		return nil, err
	}
	by := caller{who.Issuer, who.Subject}
	if err := u.enter(by); err != nil {
		return nil, err
	}
	now := a.now().UTC().Truncate(time.Microsecond) // as it is stored
	id := record.NewUUID(now)
	u.hold(id, nil) // before anybody can find the file
	file, err := u.spool.create(id)
	if err != nil {
		u.release(id)
		u.leave(by)
		return nil, err
	}
	u.hold(id, file)
	return &Upload{u: u, a: a, c: c, who: who, by: by, file: file, hash: sha256.New(), job: job{
		id: id, collection: c.Name, source: file.Name(), run: string(record.NewRevision(now)), state: JobQueued,
		rejected: map[string]int64{}, started: now, updated: now, kind: kindUpload, format: format, owner: a.importer(who, c),
	}}, nil
}

// Repeat is Receive for who finds no place, as full says, and may only want to know
// what an upload with the same Key and Route of once was answered: it reports whether
// there was one. The Upload then keeps nothing of what is written, and its Submit
// stores nothing.
func (u *Uploads) Repeat(ctx context.Context, who policy.Principal, collection string, once *Once, full error) (*Upload, bool, error) {
	a := u.api()
	c, err := a.importGate(who, collection)
	if err != nil {
		return nil, false, err
	}
	claim, err := a.newClaim(who, c, once)
	if err != nil {
		return nil, false, err
	}
	_, same, err := a.lookUp(ctx, claim)
	if reused := fault.KindOf(err) == fault.Refused; !same && !reused { // of which source it was is known when this one is read
		return nil, false, err
	}
	return &Upload{u: u, a: a, c: c, who: who, hash: sha256.New(), full: full}, true, nil
}

// Write takes the next octets of the source. More than MaxOctets in all are
// fault.TooLarge with the code body-too-large.
func (up *Upload) Write(p []byte) (int, error) {
	if up.failed == nil && up.job.total+int64(len(p)) > up.u.MaxOctets() {
		up.failed = fault.New(fault.TooLarge, "core.Upload", "the source is larger than %d octets", up.u.MaxOctets()).
			Coded("body-too-large").Hinting("import it in parts")
	}
	if up.failed != nil {
		return 0, up.failed
	}
	n, err := len(p), error(nil)
	if up.full == nil {
		n, err = up.file.Write(p)
	}
	up.hash.Write(p[:n])
	up.job.total += int64(n)
	if err != nil {
		up.failed = unspooled(err)
	}
	return n, up.failed
}

// Octets returns how many octets were written.
func (up *Upload) Octets() int64 { return up.job.total }

// Digest returns the SHA-256 of what was written.
func (up *Upload) Digest() [32]byte { return [32]byte(up.hash.Sum(nil)) }

// Job returns the job as Submit stores it.
func (up *Upload) Job() (Job, error) { return up.job.shown() }

// Submit stores the job of what was written, and lets it be imported. If once is
// not nil, its answer is stored with the job, and who asks again gets that answer
// and no further job. The upload is over then, also if there is an error, after
// which there is no job.
func (up *Upload) Submit(ctx context.Context, once *Once) (Written, error) {
	defer up.Discard()
	if up.failed != nil {
		return Written{}, up.failed
	}
	if up.full != nil {
		return up.a.once(ctx, up.who, up.c, How{Once: once}, func(How) (Written, error) { return Written{}, up.full })
	}
	if err := up.file.Sync(); err != nil {
		return Written{}, unspooled(err)
	}
	up.u.spool.sync()
	up.job.digest = hex.EncodeToString(up.hash.Sum(nil))
	written, err := up.a.once(ctx, up.who, up.c, How{Once: once}, func(how How) (Written, error) {
		var written Written
		batch, err := how.claim.put(ctx, &written)
		if err != nil {
			return Written{}, err
		}
		stored := up.job.put(record.NewRevision(up.job.started), up.job.started)
		stored.If = repository.Absent
		rests := relied(up.who)
		first, behind := len(batch), len(batch)+len(rests)
		batch = append(append(batch, rests...), stored)
		return written, up.a.reliably(ctx, up.who, batch[first:behind], func() error {
			_, err := up.a.store.Apply(ctx, batch)
			return how.claim.explain(err)
		})
	})
	if err == nil && !written.Repeated {
		up.file = nil
		up.u.queue <- received{up.job.id, up.by} // there is room for every place
	}
	return written, err
}

// enter takes a place for an upload of the caller.
func (u *Uploads) enter(by caller) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := 0
	for _, n := range u.places {
		taken += n
	}
	switch {
	case u.places[by] >= callerPlaces:
		return fault.New(fault.Unavailable, "core.Receive", "%d imports of yours are received, wait or run already", callerPlaces).
			Coded(CodeTooManyImports).Hinting("send it again when one of them has ended")
	case taken >= uploadPlaces:
		return fault.New(fault.Unavailable, "core.Receive", "%d imports are received, wait or run already", uploadPlaces).
			Coded(CodeTooManyImports).Hinting("send it again when one of them has ended")
	}
	u.places[by]++
	return nil
}

// leave gives the place back.
func (u *Uploads) leave(by caller) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.places[by]--; u.places[by] == 0 {
		delete(u.places, by)
	}
}

func (u *Uploads) hold(id record.ID, file *os.File) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held[id] = file
}

// Discard ends an upload that came to nothing, and removes its file. After
// Submit it does nothing.
func (up *Upload) Discard() {
	if up.file == nil {
		return
	}
	up.file = nil
	up.u.release(up.job.id)
	up.u.leave(up.by)
}
