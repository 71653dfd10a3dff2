package bootstrap

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// forgetful is a store that finds nothing.
type forgetful struct{ repository.Store }

func openForgetful(ctx context.Context, _ struct{}) (forgetful, error) {
	store, err := memory.Open(ctx, memory.Config{})
	return forgetful{store}, err
}

func (forgetful) Get(context.Context, query.View, []record.ID) ([]record.Row, error) { return nil, nil }

// eternal is a store that says it is durable, and makes no place for the suite.
type eternal struct{ repository.Store }

func openEternal(ctx context.Context, _ struct{}) (eternal, error) {
	store, err := memory.Open(ctx, memory.Config{})
	return eternal{store}, err
}

func (s eternal) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: true}
}

// TestContractCommand proves what a configuration names, and tells of what is wrong.
func TestContractCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newProgram(t, append(builtin(), Repository("forgetful", openForgetful), Repository("eternal", openEternal))...)
	with := func(repository string) string { return strings.Replace(right, "{driver: memory}", repository, 1) }

	write(t, "portolan.yaml", with("{driver: sqlite, sqlite: {path: a.db}}")+"\ncache: {driver: memory}\nlimit: {driver: memory}\nlimits: {}\n")
	out := c.must(t, "contract", "--report", "report.json")
	if !strings.Contains(out, "repository sqlite ") || !strings.Contains(out, "cache      memory ") || !strings.Contains(out, "limit      memory ") || strings.Count(out, ", 0 failed") != 3 {
		t.Errorf("SQLite and memory: %s", out)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 3 { // the configuration, the report, and a.db
		t.Errorf("the suite left %v, %v", left, err)
	}
	var reports []contract.Report
	text, err := os.ReadFile("report.json")
	if err == nil {
		err = json.Unmarshal(text, &reports)
	}
	if err != nil || len(reports) != 3 || reports[0].Passed != len(reports[0].Cases) || reports[0].Passed < 80 || reports[1].Passed < 20 || reports[2].Passed != len(reports[2].Cases) || reports[2].Passed < 15 {
		t.Errorf("the report is %.300s, %v", text, err)
	}

	write(t, "portolan.yaml", with("{driver: forgetful}"))
	code, out, _ := c.do(t, "contract")
	if code != exitFailed || !strings.Contains(out, `repository Get/Matching failed, which proves "Get returns the records`) {
		t.Errorf("a store that finds nothing: exit code %d, %.300s", code, out)
	}

	write(t, "portolan.yaml", with("{driver: eternal}"))
	code, _, errs := c.do(t, "contract")
	if code != exitFailed || !strings.Contains(errs, "the driver eternal has no place for the suite apart from its records") {
		t.Errorf("a store without Scratch: exit code %d, %s", code, errs)
	}
}
