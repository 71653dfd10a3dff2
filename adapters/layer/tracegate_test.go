package layer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// TestTraceGate: a credential that is presented is told, as is what is asked because of it
// within; who presents it is not.
func TestTraceGate(t *testing.T) {
	var lines []string
	told := newNotebook("n", &lines)
	down := fault.New(fault.Unavailable, "test", "down")
	var failure error
	within := layer.TraceAuth(&slow{}, told)
	identify := layer.TraceGate(func(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
		if ctx.Value(told) == nil {
			t.Error("what is asked is not within what was told")
		}
		if _, err := within.Authenticate(ctx, credential); err != nil {
			t.Error(err)
		}
		return policy.Principal{Subject: "c4n4ry"}, failure
	}, told)
	for _, failure = range []error{nil, down} {
		who, err := identify(t.Context(), auth.Credential{Token: "c4n4ry"})
		if who.Subject != "c4n4ry" || !errors.Is(err, failure) {
			t.Errorf("identify = %v, %v", who, err)
		}
	}
	want := []string{
		"n start gate/Identify/ ", "n start auth/Authenticate/ ", "n end auth/Authenticate/ ", "n end gate/Identify/ ",
		"n start gate/Identify/ ", "n start auth/Authenticate/ ", "n end auth/Authenticate/ ", "n end gate/Identify/ unavailable",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}
