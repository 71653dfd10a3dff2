package core_test

import (
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

// TestUploadPlaces: nobody takes the places of the others, and there are only so
// many in all. What is discarded gives its place back.
func TestUploadPlaces(t *testing.T) {
	uploads := newUploads(t, newAPI(t, newStore(t)), t.TempDir())
	receive := func(who int) (*core.Upload, error) {
		return uploads.Receive(t.Context(), policy.Principal{Issuer: "test", Subject: fmt.Sprint(who), Roles: []string{"admin"}}, "notes", ingest.CSV)
	}
	var all []*core.Upload
	for who, want := range []int{3, 3, 3, 1, 0} {
		got := 0
		for range 4 {
			up, err := receive(who)
			if err != nil {
				wantFault(t, err, fault.Unavailable, "too-many-imports")
				continue
			}
			all = append(all, up)
			got++
		}
		if got != want {
			t.Errorf("caller %d got %d places, want %d", who, got, want)
		}
	}
	all[0].Discard()
	all[0].Discard()
	if _, err := receive(0); err != nil {
		t.Error(err)
	}
	if _, err := receive(4); err == nil {
		t.Error("a place that was given back once was given twice")
	}
}
