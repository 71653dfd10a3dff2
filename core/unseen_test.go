package core_test

import (
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A condition is answered alike for a record that the caller may not read and for one
// that is not there: else it would tell which ids exist.
func TestConditionsTellNothingOfWhatIsHidden(t *testing.T) {
	api := newAPI(t, newStore(t))
	theirs := string(create(t, api, "notes", `{"owner":"bolt","text":"mine"}`)[0].ID)
	body := []byte(`{"owner":"acme","text":"taken"}`)
	for _, cond := range []core.Condition{{}, {Exists: true}, {Revisions: []record.Revision{"r"}}} {
		how := core.How{If: cond}
		for _, id := range []string{theirs, "01a1f9ac-3bf4-7c15-837f-09e7f360dcdf"} {
			if cond.Exists || cond.Revisions != nil {
				_, err := api.Replace(t.Context(), acme, "notes", id, body, how)
				wantFault(t, err, fault.Stale, "missing")
				wantFault(t, api.Delete(t.Context(), acme, "notes", id, how), fault.Stale, "missing")
			} else {
				wantFault(t, api.Delete(t.Context(), acme, "notes", id, how), fault.NotFound, core.CodeUnknownRecord)
			}
			_, err := api.Patch(t.Context(), acme, "notes", id, body, how)
			wantFault(t, err, fault.NotFound, core.CodeUnknownRecord)
		}
	}
	got, err := api.Get(t.Context(), admin, "notes", theirs, core.GetRequest{Select: "text"})
	if err != nil || string(got.JSON) != `{"text":"mine"}` {
		t.Errorf("the record is %s, %v", got.JSON, err)
	}
}
