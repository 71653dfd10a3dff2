package layer

import (
	"context"

	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// TraceSecrets returns source with every call of Secret told to the observer, as an
// operation of the port "secrets". The name of a secret is not told, and Close is not.
func TraceSecrets(source secrets.Source, observer telemetry.Observer) secrets.Source {
	return tracedSecrets{Source: source, observer: observer}
}

type tracedSecrets struct {
	secrets.Source
	observer telemetry.Observer
}

func (t tracedSecrets) Secret(ctx context.Context, ref secrets.Ref) (value string, err error) {
	ctx, end := t.observer.Start(ctx, telemetry.Op{Port: "secrets", Name: "Secret"})
	defer func() { end(err) }()
	return t.Source.Secret(ctx, ref)
}
