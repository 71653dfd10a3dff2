package bootstrap

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A losing store may lose its tables, and counts how often it is asked.
type losing struct {
	repository.Store
	lost  bool
	asked int
}

func (l *losing) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	l.asked++
	if l.lost {
		return repository.Page{}, fault.New(fault.Conflict, "test", "there is no table db.internal")
	}
	return l.Store.Find(ctx, q)
}

// TestFitting: that the tables fit is believed for a while, that they do not is not.
func TestFitting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
			t.Fatal(err)
		}
		l := &losing{Store: store}
		f := &fitting{store: l, collections: []*schema.Collection{c}}
		for range 3 {
			if err := f.ping(t.Context()); err != nil || l.asked != 1 {
				t.Errorf("ping = %v, having asked %d times", err, l.asked)
			}
		}
		l.lost = true
		time.Sleep(fittingFor)
		for i := range 3 {
			if err := f.ping(t.Context()); !errors.Is(err, fault.Conflict) || l.asked != 2+i {
				t.Errorf("without a table ping = %v, having asked %d times", err, l.asked)
			}
		}
		l.lost = false
		if err := f.ping(t.Context()); err != nil {
			t.Errorf("with it again ping = %v", err)
		}
	})
}

// TestReadinessListsPorts: the full readyz has each port that can be asked, and the tables.
func TestReadinessListsPorts(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("CURSORS", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	r, _, admin := serveFor(t, strings.Replace(reloadable, "service: {", "secrets: {driver: env}\nservice: {cursor_key: \"secret://CURSORS\", ", 1))
	status, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
	for _, want := range []string{
		`{"name":"repository","driver":"memory","needed":true,"status":"ok"`, `{"name":"migrations","driver":"memory","needed":true,"status":"ok"`,
		`{"name":"secrets","driver":"env","needed":false,"status":"ok"`, `{"name":"cache","driver":"memory","needed":false,"status":"ok"`,
	} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d %s\nwant %s", status, body, want)
		}
	}
}
