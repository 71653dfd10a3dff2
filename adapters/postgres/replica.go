package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
)

// A replica is a second pool, for reads that may be stale. It may be away, behind, or
// the replica of somebody else by now: then the primary is read.
type replica struct {
	pool    *pgxpool.Pool
	places  chan struct{} // holds one for each reading, of which there are as many as connections
	sampler sampler
	samples samples
	writes  writes
	every   time.Duration // between samples, and between two questions to one connection at least
	longest time.Duration // that the server works on one statement

	rests    atomic.Pointer[time.Time] // until when the replica is left alone
	answered atomic.Int64              // readings that it answered
	declined atomic.Int64              // readings that may be stale, and are the primary's all the same

	stop    context.CancelFunc
	running sync.WaitGroup
}

const (
	sampleEvery = 250 * time.Millisecond
	waitsFor    = 2 * time.Second        // how long a reading waits for the replica at most
	joinWithin  = 200 * time.Millisecond // how long a reading waits for a connection; one that takes longer serves the next
	meetWithin  = 500 * time.Millisecond // how long a connection may take to say how far it is, or to notice that nobody waits
	dialWithin  = 2 * time.Second        // how long a new connection may take
	restsFor    = time.Second            // for how long the replica is left alone after a failure
)

// newReplica makes the pool of the replica. It returns an error if the replica is
// plainly the wrong one, and not if it, or the primary, does not answer now.
func newReplica(ctx context.Context, cfg Config, primary *pgxpool.Pool) (*replica, error) {
	dsn, err := cfg.ReplicaDSN(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, unfit(errReplicaDSN)
	}
	r := &replica{places: make(chan struct{}, cfg.MaxConns), every: cfg.every, longest: cfg.StatementTimeout}
	if r.every == 0 {
		r.every = sampleEvery
	}
	r.sampler.config = func(ctx context.Context) (*pgx.ConnConfig, error) {
		config := primary.Config().ConnConfig
		return config, cfg.credentials(ctx, config)
	}
	cfg.arrange(config)
	config.ConnConfig.ConnectTimeout = dialWithin
	config.ConnConfig.BuildContextWatcherHandler = cancelling(meetWithin)
	config.BeforeConnect = cfg.replicaCredentials
	config.AfterConnect = r.samples.follow
	if r.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := r.first(ctx); err != nil {
		r.sampler.close(ctx)
		r.pool.Close()
		return nil, err
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.running.Go(func() { r.watch(ctx) })
	return r, nil
}

// first asks both servers, and returns what can only be a mistake.
func (r *replica) first(ctx context.Context) error {
	if err := r.sample(ctx); refusal(err) {
		return unfit(err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := r.pool.Acquire(ctx)
	if err == nil {
		conn.Release()
	}
	if refusal(err) {
		return unfit(err)
	}
	return nil
}

// sample asks the primary. What was connected to replicas of another one is closed.
func (r *replica) sample(ctx context.Context) error {
	of, one, err := r.sampler.sample(ctx)
	if err == nil && r.samples.add(of, one) {
		r.pool.Reset()
	}
	return err
}

// watch samples until ctx is done.
func (r *replica) watch(ctx context.Context) {
	ticks := time.NewTicker(r.every)
	defer ticks.Stop()
	defer r.sampler.close(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_ = r.sample(ctx) // without samples the replica is not read
		}
	}
}

// close waits for what is running.
func (r *replica) close() {
	if r == nil {
		return
	}
	r.stop()
	r.running.Wait()
	r.pool.Close()
}

// read does the reading on the replica if that shows what is needed. It reports whether
// it did; else the reading is the primary's.
func (r *replica) read(ctx context.Context, how gormstore.Reading, do func(*session) error) (done bool, err error) {
	if r == nil || how.Stale <= 0 || how.Collection == nil {
		return false, nil
	}
	n := need{called: time.Now(), stale: how.Stale, wrote: r.writes.last(how.Collection)}
	if done, err = r.attempt(ctx, n, do); done {
		r.answered.Add(1)
	} else {
		r.declined.Add(1)
	}
	return done, err
}

// attempt is read, without counting.
func (r *replica) attempt(ctx context.Context, n need, do func(*session) error) (done bool, err error) {
	if until := r.rests.Load(); until != nil && time.Now().Before(*until) || !n.meets(r.samples.newest()) {
		return false, nil
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default:
		return false, nil
	}
	began, patience := time.Now(), r.patience(ctx)
	conn, err := r.acquire(ctx, min(joinWithin, patience))
	if err != nil {
		r.rest(ctx, err)
		return false, nil
	}
	defer conn.Release()
	on := conn.Conn().PgConn()
	f, ok := on.CustomData()[followerOf].(*follower)
	if !ok {
		return false, nil
	}
	// Who reads has the caller's context, so it is the connection that ends in time.
	late := time.AfterFunc(patience-time.Since(began), func() { _ = on.Conn().SetDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	meets, err := f.meets(ctx, &r.samples, n, r.every)
	if err == nil && meets {
		err = do(sessionOn(on))
	}
	if !standsBy(on) { // what it showed may not be the primary's
		err = errLeads
	}
	if !late.Stop() || outdated(err) || strays(err) {
		hangUp(ctx, on)
	}
	switch {
	case err == nil:
		return meets, nil
	case refuses(err):
		return true, err
	}
	r.rest(ctx, err)
	return false, nil
}

// hangUp ends a connection that is not to be used again, even if ctx is done.
func hangUp(ctx context.Context, on *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), meetWithin)
	defer cancel()
	_ = on.Close(ctx) // whatever it says
}

// acquire waits for a connection a little. One that is still being made then is there
// for a later reading.
func (r *replica) acquire(ctx context.Context, within time.Duration) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return r.pool.Acquire(ctx)
}

// patience returns how long a reading waits for the replica: a quarter of the time that
// is left, so that one that does not answer leaves the primary most of it.
func (r *replica) patience(ctx context.Context) time.Duration {
	most := min(waitsFor, r.longest)
	if deadline, ok := ctx.Deadline(); ok {
		return min(time.Until(deadline)/4, most)
	}
	return most
}

// rest leaves the replica alone for a while, unless the error says nothing of the next
// reading: the replay of a change came in the way, the reader did not like a row, or
// nobody waits any more.
func (r *replica) rest(ctx context.Context, err error) {
	var refused *pgconn.PgError
	var own *fault.Error
	switch {
	case errors.As(err, &own), ctx.Err() != nil:
	case errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01"):
	default:
		until := time.Now().Add(restsFor)
		r.rests.Store(&until)
	}
}

// refuses reports whether the error is an answer: the query asks for too much.
func refuses(err error) bool {
	var own *fault.Error
	return errors.As(err, &own) && own.Kind == fault.Refused
}
