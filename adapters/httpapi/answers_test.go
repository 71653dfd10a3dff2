package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/ports/telemetry"
)

// answers is an observer of what requests were answered with.
type answers struct{ got []telemetry.Answer }

func (a *answers) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	answer := telemetry.AnswerOf(ctx)
	return ctx, func(error) {
		if op.Port == "http" {
			a.got = append(a.got, *answer)
		}
	}
}

func (a *answers) Close(context.Context) error { return nil }

// TestObserversSeeTheAnswer shows that the status is there when an operation ends.
func TestObserversSeeTheAnswer(t *testing.T) {
	watching := &answers{}
	f := newFixture(t, func(c *Config) { c.Observer = watching })
	f.do(t, http.MethodGet, "/v1/categories", "")
	f.do(t, http.MethodGet, "/v1/nowhere", "")
	f.do(t, "BREW", "/v1/categories", "")
	want := []telemetry.Answer{{Status: 200, Scheme: "http"}, {Status: 404, Scheme: "http"}, {Status: 405, Scheme: "http"}}
	if diff := cmp.Diff(want, watching.got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
