package postgres

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// narrow is a collection over a table whose column f is of the type.
func narrow(t *testing.T, dsn, column string, f schema.FieldSpec) *schema.Collection {
	t.Helper()
	byHand(t, dsn, "DROP TABLE IF EXISTS narrow; CREATE TABLE narrow (id text PRIMARY KEY, f "+column+")")
	f.Name = "f"
	c, err := schema.New(schema.Spec{Name: "narrow", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, f},
		Table: schema.Table{Name: "narrow", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKeeps writes values to columns that cannot hold all of them: each comes back as
// it was sent, or is refused by name.
func TestKeeps(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	decimal := func(precision, scale int) schema.FieldSpec {
		return schema.FieldSpec{Type: "decimal", Precision: precision, Scale: scale}
	}
	number, float, moment, text := schema.FieldSpec{Type: "int"}, schema.FieldSpec{Type: "float"}, schema.FieldSpec{Type: "time"}, schema.FieldSpec{Type: "string"}
	for _, tt := range []struct {
		column        string
		field         schema.FieldSpec
		kept, refused []string
	}{
		{"smallint", number, []string{"-32768", "32767", "null"}, []string{"-32769", "32768"}},
		{"integer", number, []string{"-2147483648", "2147483647"}, []string{"-2147483649", "2147483648"}},
		{"bigint", number, []string{"-9223372036854775808", "9223372036854775807"}, nil},
		{"real", float, []string{"0.5", "16777216", "-1.5"}, []string{"0.1", "16777217", "1e+300"}},
		{"double precision", float, []string{"0.1", "1e+300"}, nil},
		{"numeric", float, []string{"0.30000000000000004", "1e+300", "-123456789.12345679", "5e-324"}, nil},
		{"numeric(5,2)", decimal(10, 2), []string{"999.99", "-999.99"}, []string{"1000.00", "-1000.00"}},
		{"numeric(6,4)", decimal(10, 2), []string{"99.99", "-99.99"}, []string{"100.00"}},
		{"numeric", decimal(18, 2), []string{"9999999999999999.99"}, nil},
		{"smallint", decimal(10, 0), []string{"32767", "-32767"}, []string{"32768", "-32769"}},
		{"integer", decimal(18, 0), []string{"2147483647"}, []string{"2147483648"}},
		{"double precision", decimal(15, 3), []string{"999999999999.999", "0.001", "-123456789012.345"}, nil},
		{"real", decimal(6, 2), []string{"9999.99", "0.01"}, nil},
		{"date", moment, []string{`"2026-01-02T00:00:00Z"`}, []string{`"2026-01-02T00:00:00.000001Z"`, `"1969-12-31T12:00:00Z"`}},
		{"timestamp(0)", moment, []string{`"2026-01-02T03:04:05Z"`, `"0001-01-01T00:00:00Z"`}, []string{`"2026-01-02T03:04:05.5Z"`, `"1969-12-31T23:59:59.999999Z"`}},
		{"timestamptz(3)", moment, []string{`"2026-01-02T03:04:05.678Z"`}, []string{`"2026-01-02T03:04:05.6789Z"`}},
		{"timestamptz", moment, []string{`"2026-01-02T03:04:05.678901Z"`, `"9999-12-31T23:59:59.999999Z"`}, nil},
		{"varchar(3)", text, []string{`"äöü"`, `"a  "`}, []string{`"abcd"`, `"abc "`}},
		{"varchar", text, []string{`"abc     "`}, nil},
		{"uuid", text, []string{`"0198c9b0-0000-7000-8000-00000000000a"`}, []string{`"0198C9B0-0000-7000-8000-00000000000A"`, `"none"`}},
	} {
		t.Run(tt.column+" for "+tt.field.Type, func(t *testing.T) {
			c := narrow(t, dsn, tt.column, tt.field)
			if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
				t.Fatalf("Ensure: %v %v", err, fault.Of(err).Places)
			}
			writes := map[string]func([]record.Value) error{
				"Apply": func(fields []record.Value) error {
					_, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "x", Fields: fields}})
					return err
				},
				"Load": func(fields []record.Value) error {
					_, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: []record.Record{{ID: "x", Fields: fields}}})
					return err
				},
			}
			for how, write := range writes {
				for _, want := range tt.kept {
					want = `{"id":"x","f":` + want + `}`
					if err := write(fieldsOf(t, c, want)); err != nil {
						t.Errorf("%s of %s: %v", how, want, err)
						continue
					}
					rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"x"})
					if err != nil || len(rows) != 1 {
						t.Fatalf("Get: got %d rows, %v", len(rows), err)
					}
					if got := string(rows[0].JSON); got != want {
						t.Errorf("after %s of %s: got %s", how, want, got)
					}
				}
				for _, value := range tt.refused {
					err := write(fieldsOf(t, c, `{"id":"x","f":`+value+`}`))
					if !errors.Is(err, fault.Invalid) {
						t.Errorf("%s of %s: got %v, want it refused", how, value, err)
					} else if places := fault.Of(err).Places; len(places) != 1 || places[0].Pointer != "/f" || places[0].Code != "not-kept" {
						t.Errorf("%s of %s: got %v, want it refused at /f", how, value, err)
					}
				}
			}
		})
	}
}

func fieldsOf(t *testing.T, c *schema.Collection, text string) []record.Value {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("%s is no JSON", text)
	}
	fields, err := c.Decode([]byte(text), nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fields
}

// TestRounds refuses columns that would round most of a field's values, and says what
// fits.
func TestRounds(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	price := schema.FieldSpec{Type: "decimal", Precision: 18, Scale: 2}
	for _, tt := range []struct {
		column string
		field  schema.FieldSpec
		want   string
	}{
		{"numeric(10,1)", price, "numeric(10,1), which would round a field with scale 2: one with scale 1 fits"},
		{"numeric(10)", price, "numeric(10,0), which would round a field with scale 2: one with scale 0 fits"},
		{"integer", price, "integer, which would round a field with scale 2: one of type int fits"},
		{"double precision", price, "double precision, which would round a field with precision 18: one with precision 15 fits"},
		{"real", price, "real, which would round a field with precision 18: one with precision 6 fits, or one of type float"},
		{"bigint", schema.FieldSpec{Type: "float"}, "bigint, which would round a field of type float: one of type int fits"},
		{"numeric(10,2)", schema.FieldSpec{Type: "float"}, "numeric(10,2), which would round a field of type float: one of type decimal fits, with scale 2"},
	} {
		err := store.Ensure(t.Context(), []*schema.Collection{narrow(t, dsn, tt.column, tt.field)})
		want := []fault.Place{{Pointer: "narrow/f", Code: "column-type", Detail: "the column f of narrow is " + tt.want}}
		if fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s for %s: got %v, want %s", tt.column, tt.field.Type, err, fault.Conflict)
			continue
		}
		if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
			t.Errorf("%s for %s: places (-want +got):\n%s", tt.column, tt.field.Type, diff)
		}
	}
}
