package layer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/ports/secrets"
)

// vault is a source of one secret.
type vault struct{}

func (vault) Secret(_ context.Context, ref secrets.Ref) (string, error) {
	if ref.Name != "c4n4ry-name" {
		return "", errStale
	}
	return "c4n4ry-value", nil
}

func (vault) Close() error { return nil }

// TestTraceSecrets shows that asking for a secret is told, and neither its name nor its value.
func TestTraceSecrets(t *testing.T) {
	var lines []string
	source := layer.TraceSecrets(vault{}, newNotebook("n", &lines))
	if value, err := source.Secret(t.Context(), secrets.Ref{Name: "c4n4ry-name"}); value != "c4n4ry-value" || err != nil {
		t.Errorf("the secret is %q, %v", value, err)
	}
	if _, err := source.Secret(t.Context(), secrets.Ref{Name: "other"}); err != errStale { //nolint:errorlint // the source's own, not wrapped
		t.Errorf("Secret = %v, want the source's error", err)
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	want := []string{"n start secrets/Secret/ ", "n end secrets/Secret/ ", "n start secrets/Secret/ ", "n end secrets/Secret/ stale"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
	if told := strings.Join(lines, ""); strings.Contains(told, "c4n4ry") {
		t.Errorf("a secret was told: %s", told)
	}
}
