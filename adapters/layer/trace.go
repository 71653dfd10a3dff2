// Package layer makes ports out of ports: the same contract, with something
// added on the way. Start at [Trace].
package layer

import (
	"context"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Trace returns store with every call told to the observer, as an operation of
// the port "repository" with the name of the method and of the collection.
// Capabilities and Close are not told. If the store has a method System() string, that is
// the system of the operations.
func Trace(store repository.Store, observer telemetry.Observer) repository.Store {
	return traced{Store: store, observer: observer, system: systemOf(store)}
}

// systemOf returns which system is asked by what is behind a port, or nothing.
func systemOf(port any) string {
	if asking, ok := port.(interface{ System() string }); ok {
		return asking.System()
	}
	return ""
}

type traced struct {
	repository.Store
	observer telemetry.Observer
	system   string
}

func (t traced) start(ctx context.Context, name, collection string) (context.Context, func(error)) {
	return t.observer.Start(ctx, telemetry.Op{Port: "repository", Name: name, Collection: collection, System: t.system})
}

func (t traced) Get(ctx context.Context, view query.View, ids []record.ID) (_ []record.Row, err error) {
	ctx, end := t.start(ctx, "Get", view.Collection.Name)
	defer func() { end(err) }()
	return t.Store.Get(ctx, view, ids)
}

func (t traced) Find(ctx context.Context, q query.Query) (_ repository.Page, err error) {
	ctx, end := t.start(ctx, "Find", q.Collection.Name)
	defer func() { end(err) }()
	return t.Store.Find(ctx, q)
}

func (t traced) Aggregate(ctx context.Context, a query.Aggregation) (_ []query.Group, err error) {
	ctx, end := t.start(ctx, "Aggregate", a.Collection.Name)
	defer func() { end(err) }()
	return t.Store.Aggregate(ctx, a)
}

// Apply is told with the collection of the first mutation: the others are what
// goes along with it.
func (t traced) Apply(ctx context.Context, batch []repository.Mutation) (_ []repository.Outcome, err error) {
	collection := ""
	if len(batch) > 0 && batch[0].Collection != nil {
		collection = batch[0].Collection.Name
	}
	ctx, end := t.start(ctx, "Apply", collection)
	defer func() { end(err) }()
	return t.Store.Apply(ctx, batch)
}

func (t traced) Load(ctx context.Context, load repository.Load) (_ repository.Loaded, err error) {
	ctx, end := t.start(ctx, "Load", load.Collection.Name)
	defer func() { end(err) }()
	return t.Store.Load(ctx, load)
}

func (t traced) Ensure(ctx context.Context, collections []*schema.Collection) (err error) {
	ctx, end := t.start(ctx, "Ensure", "")
	defer func() { end(err) }()
	return t.Store.Ensure(ctx, collections)
}

func (t traced) Ping(ctx context.Context) (err error) {
	ctx, end := t.start(ctx, "Ping", "")
	defer func() { end(err) }()
	return t.Store.Ping(ctx)
}

// Identify is what says who presents a credential.
type Identify = func(context.Context, auth.Credential) (policy.Principal, error)

// TraceGate returns identify with every call told to the observer, as an operation of the port
// "gate": what of it asks an authenticator, a cache or the store is told within.
func TraceGate(identify Identify, observer telemetry.Observer) Identify {
	return func(ctx context.Context, credential auth.Credential) (_ policy.Principal, err error) {
		ctx, end := observer.Start(ctx, telemetry.Op{Port: "gate", Name: "Identify"})
		defer func() { end(err) }()
		return identify(ctx, credential)
	}
}

// TraceAuth returns authenticator with every call of Authenticate told to the
// observer, as an operation of the port "auth".
func TraceAuth(authenticator auth.Authenticator, observer telemetry.Observer) auth.Authenticator {
	return tracedAuth{Authenticator: authenticator, observer: observer}
}

type tracedAuth struct {
	auth.Authenticator
	observer telemetry.Observer
}

// Epoch is that of the authenticator, so that Remember sees it.
func (t tracedAuth) Epoch(ctx context.Context) uint64 { return epochOf(ctx, t.Authenticator) }

func (t tracedAuth) Authenticate(ctx context.Context, credential auth.Credential) (_ policy.Principal, err error) {
	ctx, end := t.observer.Start(ctx, telemetry.Op{Port: "auth", Name: "Authenticate"})
	defer func() { end(err) }()
	return t.Authenticator.Authenticate(ctx, credential)
}
