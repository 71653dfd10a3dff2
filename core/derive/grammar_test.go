package derive

import (
	"os"
	"strings"
	"testing"
)

// The published grammar has every function and operator of derived fields.
func TestGrammarHasEveryFunction(t *testing.T) {
	published, err := os.ReadFile("../../docs/query.abnf")
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []map[string]function{functions, arithmetic} {
		for name := range known {
			if !strings.Contains(string(published), `%s"`+name+`"`) {
				t.Errorf("docs/query.abnf does not have %q", name)
			}
		}
	}
}
