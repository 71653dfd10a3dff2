package repositorytest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

const rowHolds = "A row's JSON encodes the view's Fields, its Values are the view's Needs."

var typeCases = []Case{
	{Name: "Types/Extremes", Clause: rowHolds, Run: typesExtremes},
	{Name: "Types/Lists", Clause: rowHolds, Run: typesLists},
	{Name: "Types/Long", Clause: rowHolds, Run: typesLong},
	{Name: "Types/Names", Clause: rowHolds, Run: typesNames},
	{Name: "Types/Hostile", Clause: "Get returns the records with the given ids that match the view's filter.", Run: typesHostile},
}

// full returns a thing with a value in every field.
func full(id string) record.Record {
	return thing(id, set{
		fieldInt: record.Int(42), fieldText: record.String(`It's "50%" 😀`), fieldFloat: record.Float(0.1),
		fieldDecimal: record.Decimal(-12345, 2), fieldBool: record.Bool(true),
		fieldTime:   record.Time(time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)),
		fieldBytes:  record.Bytes([]byte{0, 1, 0xfe, 0xff}),
		fieldTags:   record.List([]record.Value{record.String("a"), record.String(""), record.String("ü")}),
		fieldCounts: record.List([]record.Value{record.Int(3), record.Int(-1)}),
		fieldJSON:   record.JSON(`{"a":[1,2.50,null],"b":{"c":"d"}}`),
		fieldLong:   record.String("a long\ttext\nof two lines"),
	})
}

// extremes returns things with the ends of what values may be, one in each.
func extremes() []record.Record {
	values := map[int][]record.Value{}
	for _, n := range []int64{0, 1, -1, 1<<53 + 1, -1<<53 - 1, math.MaxInt32 + 1, math.MaxInt64, math.MinInt64} {
		values[fieldInt] = append(values[fieldInt], record.Int(n))
	}
	for _, f := range []float64{
		0, math.Copysign(0, -1), 0.1, 1, -1, 100, 1e21, 1e-7, 123456789012345680, math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, 2.2250738585072014e-308, math.Pi, 1.0 / 3, 0.1 + 0.2,
	} {
		values[fieldFloat] = append(values[fieldFloat], record.Float(f))
	}
	for _, n := range []int64{0, 1, -1, 100, 999_999_999_999_999_999, -999_999_999_999_999_999, 100_000_000_000_000_001} {
		values[fieldDecimal] = append(values[fieldDecimal], record.Decimal(n, 2))
	}
	for _, at := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Unix(0, 0),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1582, 10, 10, 0, 0, 0, 1000, time.UTC),
		time.Date(2026, 2, 28, 23, 59, 60, 0, time.UTC), time.Date(1000, 2, 28, 1, 2, 3, 100_000_000, time.UTC),
	} {
		values[fieldTime] = append(values[fieldTime], record.Time(at))
	}
	for _, octets := range [][]byte{{}, {0}, {0xff}, {0, 0, 0}, []byte("text"), []byte("\xc3\x28"), allOctets()} {
		values[fieldBytes] = append(values[fieldBytes], record.Bytes(octets))
	}
	for _, text := range append(oddTexts(), "\u0001\u001f\u007f", "\u2028\u2029", "\r\n", `\u0000`, "\U0010FFFF", "<&>", "\ufeffx", strings.Repeat("😀", 200)) {
		values[fieldText] = append(values[fieldText], record.String(text))
	}
	for _, text := range []string{
		"{}", "[]", "null", "true", "0", `""`, "9007199254740993", "1.10", "1e400", "-0", `{"":{"":[]}}`, `{"Z":1,"a":2}`,
		`["😀","\u0001"]`, `{"a":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`,
	} {
		values[fieldJSON] = append(values[fieldJSON], record.JSON(text))
	}
	values[fieldBool] = []record.Value{record.Bool(true), record.Bool(false)}
	values[fieldLong] = []record.Value{record.String(""), record.String(strings.Repeat("ab\n", 50_000))}
	var records []record.Record
	for field := range things().Fields {
		for i, v := range values[field] {
			records = append(records, thing(fmt.Sprintf("%02d-%02d", field, i), set{field: v}))
		}
	}
	return append(records, thing("null", nil), full("full"))
}

// Extremes returns a collection with a field of every type, and records with the ends
// of what their values may be: what goes from one store to another must arrive as it
// was.
func Extremes() (*schema.Collection, []record.Record) { return things(), extremes() }

func allOctets() []byte {
	octets := make([]byte, 256)
	for i := range octets {
		octets[i] = byte(i)
	}
	return octets
}

// typesExtremes reads each value back exactly, finds it again by its value, and
// does not take an empty string for null.
func typesExtremes(t T, s repository.Store) {
	records := extremes()
	store(t, s, things(), records...)
	wantStored(t, "extreme values", s, things(), records...)
	for _, r := range records {
		wantRows(t, fmt.Sprintf("Get of %q", r.ID), everything(things(), query.Expr{}), get(t, s, things(), r.ID), r)
		for field, v := range r.Fields {
			f := &things().Fields[field]
			if !v.IsNull() && (f.Sortable() || f.Type == record.BytesType) {
				wantMatching(t, s, records, eq(field, v))
			}
		}
	}
}

func typesLists(t T, s repository.Store) {
	var records []record.Record
	for i, list := range [][]record.Value{
		{}, {record.String("")}, {record.String("a"), record.String("a")}, {record.String("b"), record.String("a")},
		{record.String(`"`), record.String(","), record.String("]")}, {record.String("😀")},
		slices.Repeat([]record.Value{record.String("x")}, 1000),
	} {
		records = append(records, thing(fmt.Sprint("s", i), set{fieldTags: record.List(list)}))
	}
	for i, list := range [][]record.Value{{}, {record.Int(0)}, {record.Int(math.MaxInt64), record.Int(math.MinInt64), record.Int(1<<53 + 1)}} {
		records = append(records, thing(fmt.Sprint("i", i), set{fieldCounts: record.List(list)}))
	}
	records = append(records, thing("null", nil))
	store(t, s, things(), records...)
	wantStored(t, "lists", s, things(), records...)
	for _, item := range []string{"", "a", "A", "b", `"`, ",", "😀", "x", `""`, "a,a"} {
		wantMatching(t, s, records, comparison(query.Has, fieldTags, record.String(item)))
	}
	for _, n := range []int64{0, 1, math.MaxInt64, 1 << 53, 1<<53 + 1} {
		wantMatching(t, s, records, comparison(query.Has, fieldCounts, record.Int(n)))
	}
	wantMatching(t, s, records, eq(fieldTags, record.Null))

	c := listed()
	ensure(t, s, c)
	all := plain("all",
		record.List([]record.Value{record.Float(0.5), record.Float(1e300)}),
		record.List([]record.Value{record.Bool(true), record.Bool(false)}),
		record.List([]record.Value{record.Micros(1), record.Micros(-1)}),
		record.List([]record.Value{record.Decimal(150, 2), record.Decimal(-999_999_999_999_999_999, 2)}))
	apply(t, s, put(c, all))
	wantStored(t, "lists of other types", s, c, all)
}

// listed is a collection with lists of the less usual types.
func listed() *schema.Collection {
	return growing("listed", schema.Table{}, nil,
		schema.FieldSpec{Name: "floats", Type: "list", Items: "float"}, schema.FieldSpec{Name: "bools", Type: "list", Items: "bool"},
		schema.FieldSpec{Name: "times", Type: "list", Items: "time"},
		schema.FieldSpec{Name: "decimals", Type: "list", Items: "decimal", Precision: 18, Scale: 2})
}

// largest returns a thing under the largest id whose canonical JSON is as large
// as a record may be, made of c.
func largest(c rune) record.Record {
	r := thing(strings.Repeat("k", record.MaxIDBytes), nil)
	encoder := record.NewEncoder(things().Names(things().All()))
	room := record.MaxRecordBytes - len(encoder.Append(nil, r.Fields)) - len(`""`) + len("null")
	text := strings.Repeat(string(c), room/len(string(c)))
	text += strings.Repeat("y", room-len(text))
	r.Fields[fieldLong] = record.String(text)
	if size := len(encoder.Append(nil, r.Fields)); size != record.MaxRecordBytes {
		panic(fmt.Sprintf("repositorytest: the largest record has %d octets", size))
	}
	return r
}

// typesLong filters by texts that differ behind a long beginning.
func typesLong(t T, s repository.Store) {
	long := strings.Repeat("long ", 20_000)
	var records []record.Record
	for i, text := range []string{long, long + "a", long + "A", long + " ", "a" + long, long[1:]} {
		records = append(records, thing(fmt.Sprint(i), set{fieldLong: record.String(text)}))
	}
	store(t, s, things(), records...)
	wantStored(t, "long texts", s, things(), records...)
	for _, r := range records {
		for _, op := range []query.Op{query.Eq, query.Ne, query.Gt, query.Contains, query.StartsWith, query.EndsWith} {
			wantMatching(t, s, records, comparison(op, fieldLong, r.Fields[fieldLong]))
		}
	}
}

// typesNames has fields with the names of what databases have themselves.
func typesNames(t T, s repository.Store) {
	var fields []schema.FieldSpec
	r := plain("a")
	for i, name := range []string{
		"select", "from", "order", "group", "key", "value", "rowid", "oid", "revision", "json", "text", "data",
		"null", "not", "and", "table", "index", "default", "user", "end", "limit", "count", "Id1", "x", "_x", "primary",
	} {
		fields = append(fields, schema.FieldSpec{Name: name, Type: "int"})
		r.Fields = append(r.Fields, record.Int(int64(i)))
	}
	c := growing("order", schema.Table{}, [][]string{{"select", "from desc"}, {"key"}}, fields...)
	store(t, s, c, r)
	wantStored(t, "a record of odd names", s, c, r)
	for i := range fields {
		rows, err := s.Get(t.Context(), everything(c, eq(i+1, r.Fields[i+1])), []record.ID{"a"})
		if err != nil {
			t.Fatalf("Get where %s eq %d: %v", fields[i].Name, i, err)
		}
		wantRows(t, "Get by the field "+fields[i].Name, everything(c, query.Expr{}), rows, r)
	}
}
