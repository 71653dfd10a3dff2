package test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// goOf runs the go command in the directory of another module, and returns what it
// printed.
func goOf(t *testing.T, module string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestThirdParty is what somebody does who has an adapter of their own, in a module
// of their own: its tests run the suites, and its program proves it where it is
// configured, and serves from it.
func TestThirdParty(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what builds and tests another module; make test runs it")
	}
	out := goOf(t, "thirdparty", "test", "-count=1", "-v", "-run", "^(TestContract|TestDurable)$", "./...")
	for suite, cases := range map[string]int{"TestContract": len(repositorytest.Cases()), "TestDurable": len(repositorytest.DurableCases())} {
		if passed := strings.Count(out, "--- PASS: "+suite+"/"); passed != cases {
			t.Errorf("%d cases of %s passed, want %d", passed, suite, cases)
		}
	}
	own := filepath.Join(t.TempDir(), "portolan-bolt")
	goOf(t, "thirdparty", "build", "-o", own, ".")
	dir := t.TempDir()
	config := write(t, dir, "bolt.yaml", read(t, "thirdparty/bolt.yaml"))

	proof := exec.CommandContext(t.Context(), own, "contract", "--config", config, "--json")
	proof.Dir, proof.Stderr = dir, os.Stderr
	report, err := proof.Output()
	var reports []contract.Report
	if err == nil {
		err = json.Unmarshal(report, &reports)
	}
	if err != nil || len(reports) != 1 || reports[0].Driver != "bolt" || reports[0].Failed > 0 || reports[0].Passed != len(repositorytest.Cases()) {
		t.Errorf("contract --json: %v, %.500s", err, report)
	}
	if !t.Failed() {
		t.Logf("%d cases of the suites, and %d again by contract", len(repositorytest.Cases())+len(repositorytest.DurableCases()), reports[0].Passed)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 { // the configuration and the records
		t.Errorf("contract left %v, %v", left, err)
	}
	for _, round := range []string{"", "again "} {
		t.Run(round+"serve", func(t *testing.T) { serveNotes(t, own, dir, round) })
	}
}

// serveNotes writes and reads over the program; the second time it finds what the
// first has written.
func serveNotes(t *testing.T, own, dir, round string) {
	url := serveAs(t, own, dir, "bolt.yaml")
	if round == "" {
		ask(t, http.MethodPost, url+"/v1/notes", `[{"id":"a","stars":1},{"id":"b","stars":5},{"id":"c","stars":4}]`, http.StatusCreated)
	}
	got, _ := ask(t, http.MethodGet, url+"/v1/notes?$filter=stars%20gt%203&$select=id&$orderby=id%20desc", "", http.StatusOK)
	if want := `{"value":[{"id":"c"},{"id":"b"}]}`; got != want {
		t.Errorf("the list is %s, want %s", got, want)
	}
	if refused, _ := ask(t, http.MethodGet, url+"/v1/notes?$orderby=stars", "", http.StatusUnprocessableEntity); !strings.Contains(refused, "query-needs-index") {
		t.Errorf("the order that bolt cannot give is refused by %s", refused)
	}
}
