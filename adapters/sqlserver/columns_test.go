package sqlserver

import (
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// TestSizes keeps the size of a column while the max of its field fits a key.
func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		max        int
		id         bool
		text, wide string
	}{
		{1, false, "varchar(1500)", "nvarchar(1500)"}, {375, false, "varchar(1500)", "nvarchar(1500)"},
		{376, false, "varchar(max)", "nvarchar(max)"}, {0, false, "varchar(max)", "nvarchar(max)"},
		{0, true, "varchar(450)", "nvarchar(450)"}, {16, true, "varchar(450)", "nvarchar(450)"},
	} {
		f := &schema.Field{Name: "f", Type: record.StringType, MaxLength: tt.max}
		if got := columnType(f, tt.id); got != tt.text+inUTF8 {
			t.Errorf("max %d, id %t: got %s, want %s", tt.max, tt.id, got, tt.text)
		}
		if got := wideType(f, tt.id); got != tt.wide+inUnits {
			t.Errorf("max %d, id %t: got %s, want %s", tt.max, tt.id, got, tt.wide)
		}
	}
}

// TestWideDecimals converts a decimal whose products would lose digits.
func TestWideDecimals(t *testing.T) {
	f := &schema.Field{Type: record.DecimalType, Precision: 10, Scale: 2}
	for kind, converted := range map[string]bool{"decimal(10,2)": false, "decimal(19,2)": false, "decimal(38,2)": true, "numeric(12,3)": true, "money": true} {
		mapped, why := mapColumn(f, gormstore.Column{Type: kind})
		if why != "" || mapped.Read != "" != converted {
			t.Errorf("%s is read as %q, %s, want that it is converted: %t", kind, mapped.Read, why, converted)
		}
	}
}

// TestUUIDs takes as ids of a uniqueidentifier only those that are read from it.
func TestUUIDs(t *testing.T) {
	mapped, why := mapColumn(&schema.Field{Type: record.StringType, MaxLength: ids}, gormstore.Column{Type: "uniqueidentifier"})
	if why != "" {
		t.Fatal(why)
	}
	for id, want := range map[string]bool{
		"0198c9b0-0000-7000-8000-000000000001": true, "0198C9B0-0000-7000-8000-000000000001": false,
		"{0198c9b0-0000-7000-8000-0000000000}": false, "x": false, "": false,
	} {
		if mapped.Valid(id) != want {
			t.Errorf("%q can be an id: got %t, want %t", id, !want, want)
		}
	}
}

// TestOctetsAreText reads a text that looks like a number as the text that it is.
func TestOctetsAreText(t *testing.T) {
	c := items(t)
	store, _ := scripted(t, Config{}, usual(), &answer{holds: "SELECT TOP", types: []string{"NVARCHAR", "VARBINARY", "VARBINARY", "DECIMAL"},
		rows: [][]driver.Value{{"r", []byte("12"), []byte("34.5"), []byte("-0.05")}}})
	page, err := store.Find(t.Context(), query.Query{View: query.View{Collection: c, Fields: []int{0, 1, 5}}, Order: []query.Key{{Field: 0}}, Limit: 1})
	if err != nil || len(page.Rows) != 1 || string(page.Rows[0].JSON) != `{"id":"12","name":"34.5","price":-0.05}` {
		t.Errorf("Find: got %v, %v", page.Rows, err)
	}
	// A number that no field holds is said to be one, and read as none.
	store, _ = scripted(t, Config{}, usual(), &answer{holds: "SELECT TOP", types: []string{"NVARCHAR", "VARBINARY", "DECIMAL"},
		rows: [][]driver.Value{{"r", []byte("12"), []byte("12345678901234567890123.00")}}})
	if _, err = store.Find(t.Context(), query.Query{View: query.View{Collection: c, Fields: []int{5}}, Order: []query.Key{{Field: 0}}, Limit: 1}); codeOf(err) != "stored-value" {
		t.Errorf("Find of a number that is too large: got %v, want stored-value", err)
	}
}

// TestQuotes ends no quotation by a name.
func TestQuotes(t *testing.T) {
	var text strings.Builder
	dialector{}.QuoteTo(&text, "odd.a]; DROP TABLE b; --")
	if got, want := text.String(), "[odd].[a]]; DROP TABLE b; --]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := makeSchema("o'd]d"), "IF SCHEMA_ID(N'o''d]d') IS NULL EXEC (N'CREATE SCHEMA [o''d]]d]')"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	first, second := strings.Repeat("n", 130)+"a", strings.Repeat("n", 130)+"b"
	if a, b := indexName("t", first), indexName("t", second); a == b || len(a) > maxName {
		t.Errorf("two long names are %s and %s", a, b)
	}
}
