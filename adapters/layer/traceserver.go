package layer

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// TraceServer returns server with what requests ask its Sessions told to the observer, as
// operations of the port "cache" with the name of the method. What instances ask every second
// to stay in step is not told: Identity, Ping, Announce and Renew.
// A method System of server is as that of the store of [Trace].
func TraceServer(server cache.Server, observer telemetry.Observer) cache.Server {
	return tracedServer{Server: server, observer: observer, system: systemOf(server)}
}

type tracedServer struct {
	cache.Server
	observer telemetry.Observer
	system   string
}

func (t tracedServer) Bind(identity, epoch string) cache.Session {
	return tracedSession{Session: t.Server.Bind(identity, epoch), of: t}
}

type tracedSession struct {
	cache.Session
	of tracedServer
}

func (t tracedSession) start(ctx context.Context, name, collection string) (context.Context, func(error)) {
	return t.of.observer.Start(ctx, telemetry.Op{Port: "cache", Name: name, Collection: collection, System: t.of.system})
}

func (t tracedSession) Read(ctx context.Context, collection string, tags []string, name string) (marks cache.Marks, err error) {
	ctx, end := t.start(ctx, "Read", collection)
	defer func() { end(err) }()
	return t.Session.Read(ctx, collection, tags, name)
}

func (t tracedSession) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) (marks []string, first bool, err error) {
	ctx, end := t.start(ctx, "Lease", collection)
	defer func() { end(err) }()
	return t.Session.Lease(ctx, collection, tags, name, token, within)
}

func (t tracedSession) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) (err error) {
	ctx, end := t.start(ctx, "Fill", collection)
	defer func() { end(err) }()
	return t.Session.Fill(ctx, collection, name, value, ttl)
}

func (t tracedSession) Fence(ctx context.Context, collection string, tags []string, fence string) (err error) {
	ctx, end := t.start(ctx, "Fence", collection)
	defer func() { end(err) }()
	return t.Session.Fence(ctx, collection, tags, fence)
}

func (t tracedSession) Lift(ctx context.Context, collection string, tags, fences []string) (err error) {
	ctx, end := t.start(ctx, "Lift", collection)
	defer func() { end(err) }()
	return t.Session.Lift(ctx, collection, tags, fences)
}
