package core_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// TestEveryMethodIsGated calls every method that takes a principal as nobody,
// on a collection that nobody may touch, and lets none of them through. A method
// that takes no principal must be listed with its reason.
func TestEveryMethodIsGated(t *testing.T) {
	ungated := map[string]string{
		"Sweep":   "removes what has expired for whoever runs the process; it answers no caller",
		"Schemas": "tells the process itself what to store; it answers no caller",
		"Served":  "tells the process itself what it was configured with; it answers no caller",
	}
	api := newAPI(t, newStore(t))
	value := reflect.ValueOf(api)
	gated := 0
	for i := range value.NumMethod() {
		name := value.Type().Method(i).Name
		method := value.Method(i)
		takesPrincipal := false
		args := make([]reflect.Value, method.Type().NumIn())
		for j := range args {
			in := method.Type().In(j)
			switch {
			case in == reflect.TypeFor[context.Context]():
				args[j] = reflect.ValueOf(t.Context())
			case in == reflect.TypeFor[policy.Principal]():
				args[j] = reflect.ValueOf(nobody)
				takesPrincipal = true
			case in.Kind() == reflect.String:
				args[j] = reflect.ValueOf("notes").Convert(in)
			default:
				args[j] = onNotes(in)
			}
		}
		if !takesPrincipal {
			if ungated[name] == "" {
				t.Errorf("%s takes no principal, and nothing says why", name)
			}
			continue
		}
		gated++
		if name == "Job" { // of a job that is not the caller's own there is none, whoever asks
			err, _ := method.Call(args)[1].Interface().(error)
			wantFault(t, err, fault.NotFound, "unknown-job")
			continue
		}
		checkRefused(t, name, method.Call(args))
	}
	if gated < 8 {
		t.Errorf("only %d methods were called as nobody", gated)
	}
}

// onNotes returns a zero value of the type, speaking of the collection notes
// where it has a field for that.
func onNotes(in reflect.Type) reflect.Value {
	v := reflect.New(in).Elem()
	if in.Kind() == reflect.Struct {
		if field := v.FieldByName("Collection"); field.IsValid() && field.Kind() == reflect.String {
			field.SetString("notes")
		}
	}
	return v
}

func checkRefused(t *testing.T, name string, results []reflect.Value) {
	t.Helper()
	last := results[len(results)-1]
	if last.Type() != reflect.TypeFor[error]() {
		for _, d := range results[0].Interface().([]core.Description) {
			if d.Collection.Name == "notes" {
				t.Errorf("%s as nobody describes notes", name)
			}
		}
		return
	}
	err, _ := last.Interface().(error)
	if fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("%s as nobody: got %v, want %q", name, err, fault.Unauthenticated)
	}
}

func TestGateTellsNobodyFromSomebody(t *testing.T) {
	api := newAPI(t, newStore(t))
	body := []byte(`{"asin":"B1","title":"T","category_id":12}`)
	for _, tt := range []struct {
		name string
		who  policy.Principal
		want fault.Kind
	}{
		{"nobody", nobody, fault.Unauthenticated},
		{"somebody without the right", stranger, fault.Forbidden},
		{"an administrator", admin, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.Create(t.Context(), tt.who, "products", [][]byte{body}, core.How{})
			if got := fault.KindOf(err); got != tt.want {
				t.Errorf("got %v, want kind %q", err, tt.want)
			}
		})
	}
}

func TestUnknownCollectionHintsOnlyAtWhatIsReadable(t *testing.T) {
	api := newAPI(t, newStore(t))
	_, err := api.List(t.Context(), nobody, "product", core.ListRequest{})
	wantFault(t, err, fault.NotFound, "unknown-collection")
	if hint := fault.Of(err).Hint; hint != "did you mean products?" {
		t.Errorf("got hint %q", hint)
	}
	_, err = api.List(t.Context(), nobody, "note", core.ListRequest{})
	wantFault(t, err, fault.NotFound, "unknown-collection")
	if hint := fault.Of(err).Hint; hint != "" {
		t.Errorf("the hint %q names what nobody may read", hint)
	}
	for _, system := range []string{"_keys", "_jobs", ""} {
		_, err = api.List(t.Context(), operator, system, core.ListRequest{})
		wantFault(t, err, fault.NotFound, "unknown-collection")
	}
}
