package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
)

// codeOf returns the code of an error, or "ok".
func codeOf(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.Of(err).Code
}

// TestEveryKindHasAnOutcome keeps the one map complete, and every status an error.
func TestEveryKindHasAnOutcome(t *testing.T) {
	for _, kind := range fault.Kinds {
		o, ok := outcomes[kind]
		if !ok || o.status < 400 || o.status > 599 || o.title == "" {
			t.Errorf("%s: got %+v, want a status and a title", kind, o)
		}
	}
	if len(outcomes) != len(fault.Kinds) {
		t.Errorf("there are %d outcomes for %d kinds", len(outcomes), len(fault.Kinds))
	}
}

// TestProblemsKeepTheCause sees to it that nothing beneath an error shows, of
// whatever kind it is.
func TestProblemsKeepTheCause(t *testing.T) {
	const secret = "dial tcp 10.1.2.3: SELECT password FROM users"
	errs := []error{errors.New(secret)}
	for _, kind := range fault.Kinds {
		errs = append(errs, fault.New(kind, "secretpkg.Op", "a detail").Because(errors.New(secret)))
	}
	for _, err := range errs {
		body, status := problemOf(fault.Of(err), "/v1/x", "id")
		for _, leaked := range []string{"10.1.2.3", "SELECT", "secretpkg"} {
			if strings.Contains(string(body), leaked) {
				t.Errorf("%v: the body tells %s: %s", fault.KindOf(err), leaked, body)
			}
		}
		var got problem
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if got.Status != status || got.Type != problemURN+got.Code || got.Title == "" || got.Detail == "" || got.RequestID != "id" {
			t.Errorf("incomplete: %s", body)
		}
	}
}

// TestInternalDetailsAreKept sees to it that what a defect says of itself stays in the log.
func TestInternalDetailsAreKept(t *testing.T) {
	body, status := problemOf(fault.New(fault.Internal, "x", "index 3 of 2 in plan of users"), "/", "id")
	if status != http.StatusInternalServerError || strings.Contains(string(body), "users") {
		t.Errorf("got %d %s", status, body)
	}
}
